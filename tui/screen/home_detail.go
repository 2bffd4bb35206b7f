package screen

import (
	"errors"

	"dpslab/profiles"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// detail is the second pane of a wide home screen: what is known of the
// selected device.
func (h *Home) detail(w int) []string {
	d := h.device(h.selected())
	th := h.th
	rows := []string{th.Strong.Text(th.Clean(d.Name)), ""}
	if d.Err != nil {
		return append(rows, ui.Problem(th, unusable(d.Err), w)...)
	}
	if d.Profile == nil || d.State == nil {
		return rows
	}
	rows = append(rows, facts(th, w, profileFacts(d.Profile))...)
	rows = append(rows, facts(th, w, stateFacts(d))...)
	if d.ProfilePath != "" {
		rows = append(rows, "", th.Dim.Text(ui.CutLeft(th.Clean(d.ProfilePath), w, th.Ellipsis)))
	}
	if e := d.State.LastError; e != nil {
		rows = append(rows, "")
		rows = append(rows, ui.Problem(th, problemOf(e), w)...)
	}
	return rows
}

// unusableWhy is why the keys of a device do nothing whose files cannot be used.
func unusableWhy(d workflow.Device) string {
	return "the " + d.Unusable() + " cannot be used: mend its file first"
}

// unusable is why something cannot be used, with its fix.
func unusable(err error) *workflow.Problem {
	var p *workflow.Problem
	if errors.As(err, &p) {
		return p
	}
	return &workflow.Problem{Summary: err.Error()}
}

// problemOf turns the error in a state file back into a problem.
func problemOf(e *profiles.LastError) *workflow.Problem {
	return &workflow.Problem{
		Kind: workflow.ProblemKind(e.Kind), Op: e.Op, Summary: e.Summary, Why: e.Why, Fix: e.Fix,
		Status: e.Status, Code: e.Code, TrackingID: e.TrackingID,
	}
}

func profileFacts(p *profiles.Profile) [][2]string {
	target := p.Target.Kind
	if badge := targetBadge(p.Target); badge != target {
		target += " " + badge
	}
	return [][2]string{
		{"target", target},
		{"ID scope", p.Target.IDScope},
		{"registration ID", p.Identity.RegistrationID},
		{"certificate", p.Identity.Source + ", " + p.Identity.Algorithm},
		{"enrollment", enrollmentName(p)},
	}
}

func enrollmentName(p *profiles.Profile) string {
	if p.Enrollment.ID == "" {
		return p.Enrollment.Kind
	}
	return p.Enrollment.Kind + " " + p.Enrollment.ID
}

func stateFacts(d workflow.Device) [][2]string {
	until := ""
	if end := d.State.Certificate.NotAfter; !end.IsZero() {
		until = end.UTC().Format("2 Jan 2006")
	}
	return [][2]string{
		{"valid until", until},
		{"hub", d.State.Registration.AssignedHub},
		{"device ID", d.State.Registration.DeviceID},
	}
}

// facts draws name and value pairs in two columns; a long value goes on below.
// Empty ones are left out.
func facts(th *theme.Theme, w int, pairs [][2]string) []string {
	var rows []string
	for _, p := range pairs {
		if p[1] == "" {
			continue
		}
		for i, r := range ui.Wrap(th.Clean(p[1]), w-16) {
			name := ui.Blank(16)
			if i == 0 {
				name = th.Dim.Text(ui.Pad(p[0], 16, th.Ellipsis))
			}
			rows = append(rows, name+r)
		}
	}
	return rows
}
