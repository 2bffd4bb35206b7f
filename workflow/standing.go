package workflow

import (
	"strconv"
	"strings"

	"dpslab/profiles"
	"dpslab/workflow/dps"
)

// Differences says where an answer of DPS is another than what the state file
// knows of the registration: Old is what stands in the file, New what DPS says.
// A device that never registered and one that DPS has not assigned are the same.
func (r *Registration) Differences(known *profiles.State) []Change {
	var k profiles.Registration
	if known != nil {
		k = known.Registration
	}
	var out []Change
	for _, c := range []Change{
		{Field: "status", Old: assignment(k.Status), New: assignment(r.Status)},
		{Field: "substatus", Old: k.Substatus, New: r.Substatus},
		{Field: "hub", Old: k.AssignedHub, New: r.AssignedHub},
		{Field: "device ID", Old: k.DeviceID, New: r.DeviceID},
		{Field: "etag", Old: k.ETag, New: r.ETag},
		{Field: "error", Old: problemText(k.ErrorCode, k.ErrorMessage), New: problemText(r.ErrorCode, r.ErrorMessage)},
	} {
		if c.Old != c.New && !(c.Field == "hub" && strings.EqualFold(c.Old, c.New)) {
			out = append(out, c)
		}
	}
	return out
}

// Refusal is the error that stands in the registration, code and message; empty
// without one.
func (r *Registration) Refusal() string { return problemText(r.ErrorCode, r.ErrorMessage) }

func problemText(code int, message string) string {
	if code == 0 {
		return message
	}
	return strings.TrimSpace(strconv.Itoa(code) + " " + message)
}

func assignment(status string) string {
	if status == dps.StatusUnassigned {
		return ""
	}
	return status
}
