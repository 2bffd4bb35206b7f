package azure

import (
	"encoding/json"
	"strings"
)

// errorDetail is one part of an error of Resource Manager.
type errorDetail struct {
	Code    string `json:"code"`
	Target  string `json:"target"` // the field that is wrong
	Message string `json:"message"`
}

func (d errorDetail) String() string {
	text := d.Message
	if text == "" {
		text = d.Code
	}
	if d.Target == "" || text == "" {
		return d.Target + text
	}
	return d.Target + ": " + text
}

// maxDetails bounds how many parts are told.
const maxDetails = 5

// details is what an error says beside code and message: the Microsoft.Devices
// provider a text (ErrorDetails, api-version 2018-01-22), API Management the
// field that is wrong and parts of the same form (ErrorResponse, 2024-05-01).
// A body of another form has none.
func details(body []byte) string {
	var b struct {
		Details json.RawMessage `json:"details"`
		Error   struct {
			Target  string          `json:"target"`
			Details json.RawMessage `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &b) != nil {
		return ""
	}
	var said []string
	var text string
	if json.Unmarshal(b.Details, &text) == nil && text != "" {
		said = append(said, text)
	}
	var parts []errorDetail
	if json.Unmarshal(b.Error.Details, &parts) != nil {
		parts = nil
	}
	for _, d := range append([]errorDetail{{Target: b.Error.Target}}, parts[:min(len(parts), maxDetails)]...) {
		if line := d.String(); line != "" {
			said = append(said, line)
		}
	}
	return strings.Join(said, "; ")
}
