package screen

import (
	"strings"
	"time"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// detailRows tell all of the chosen row, w cells wide: nothing is cut here.
func (e *Enrollments) detailRows(w int) []string {
	h := e.selected()
	if h == nil {
		return nil
	}
	r := &report{th: e.th, w: max(w, 20)}
	r.held(*h)
	return r.rows
}

// toldWidth is wider than what a record says on one line.
const toldWidth = 2000

// Told is all of a row in lines without any limit to their length.
func Told(th *theme.Theme, h Held) []string {
	r := &report{th: th, w: toldWidth}
	r.held(h)
	return r.rows
}

func (r *report) held(h Held) {
	switch {
	case h.Enrollment != nil:
		r.enrollment(h.Enrollment)
	case h.Registration != nil:
		r.registration(h.Registration)
	case h.CA != nil:
		r.authority(h.CA)
	default:
		r.certificate(h.APIM)
	}
}

// pairs adds names with their texts; empty ones are left out.
func (r *report) pairs(pairs [][2]string) {
	const nameW = 14
	for _, p := range pairs {
		if p[1] != "" {
			r.named(p[0], p[1], nameW)
		}
	}
}

// named adds a text behind its name, broken where it is too long.
func (r *report) named(name, text string, nameW int) {
	for i, row := range ui.Wrap(r.th.Clean(text), r.w-nameW) {
		lead := ui.Blank(nameW)
		if i == 0 {
			lead = r.th.Dim.Text(ui.Pad(name, nameW, r.th.Ellipsis))
		}
		r.rows = append(r.rows, lead+row)
	}
}

func (r *report) enrollment(v *workflow.Enrollment) {
	r.text("", v.ID, r.th.Strong)
	device := v.DeviceID
	if v.Group {
		device = ""
	}
	state := enabled(v.Enabled)
	if !v.Enabled {
		state += ": DPS refuses its devices until it is enabled"
	}
	r.pairs([][2]string{
		{"kind", recordOf(v.Group)},
		{"status", state},
		{"attestation", v.Attestation},
		{"allocation", strings.TrimSpace(v.Allocation + " " + strings.Join(v.Hubs, ", "))},
		{"device ID", device},
		{"registered", strings.TrimSpace(v.Status + " " + v.AssignedHub)},
		{"etag", v.ETag},
		{"created", v.Created},
		{"changed", v.Updated},
	})
	r.rows = append(r.rows, "")
	for line := range strings.Lines(v.JSON) {
		r.indented(strings.TrimRight(line, "\r\n"))
	}
}

// indented adds a line of a text whose indentation tells something; what is too long
// goes on below, a little deeper.
func (r *report) indented(s string) {
	body := strings.TrimLeft(s, " ")
	lead := ui.Blank(min(len(s)-len(body), r.w/2))
	for i, row := range ui.Wrap(r.th.Clean(body), max(r.w-len(lead)-2, 8)) {
		if i == 1 {
			lead += "  "
		}
		r.rows = append(r.rows, lead+row)
	}
}

func (r *report) registration(v *workflow.RegistrationRecord) {
	r.text("", v.RegistrationID, r.th.Strong)
	status := v.Status
	if v.Substatus != "" {
		status += " (" + v.Substatus + ")"
	}
	code := ""
	if v.ErrorCode != 0 {
		code = count(v.ErrorCode)
	}
	r.pairs([][2]string{
		{"status", status},
		{"hub", v.AssignedHub},
		{"device ID", v.DeviceID},
		{"error", strings.TrimSpace(code + " " + v.ErrorMessage)},
		{"operation", v.OperationID},
		{"etag", v.ETag},
		{"created", v.Created},
		{"changed", v.Updated},
	})
}

func (r *report) authority(v *workflow.SigningCertificate) {
	r.text("", v.Name, r.th.Strong)
	state := "verified: possession of its key is proved"
	if !v.Verified {
		state = "not verified; p proves possession of its key"
	}
	c, err := workflow.DescribeCertificate(v.DER)
	r.pairs([][2]string{
		{"possession", state},
		{"subject", v.Subject},
		{"key", c.Key},
		{"expires", moment(v.Expires)},
		{"SHA-1", v.Thumbprint},
		{"SHA-256", c.SHA256},
		{"etag", v.ETag},
		{"created", moment(v.Created)},
		{"changed", moment(v.Updated)},
	})
	if err != nil {
		return
	}
	r.rows = append(r.rows, "")
	for line := range strings.Lines(c.Text) {
		r.indented(strings.TrimRight(line, "\r\n"))
	}
}

func (r *report) certificate(v *workflow.APIMCertificate) {
	r.text("", v.ID, r.th.Strong)
	etag := v.ETag
	if etag == "" {
		etag = "enter reads it"
	}
	r.pairs([][2]string{
		{"subject", v.Subject},
		{"expires", moment(v.Expires)},
		{"SHA-1", v.Thumbprint},
		{"etag", etag},
		{"resource", v.ResourceID},
	})
	if k := v.Vault; k != nil {
		r.pairs([][2]string{
			{"Key Vault", k.SecretID},
			{"identity", k.IdentityClientID},
			{"last reading", strings.TrimSpace(k.Status + " " + k.Message)},
			{"read", moment(k.CheckedAt)},
		})
	}
}

// moment is a time as people write it; empty for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 Jan 2006 15:04:05 UTC")
}
