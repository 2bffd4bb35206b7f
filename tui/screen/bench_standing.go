package screen

import (
	"time"

	"dpslab/profiles"
	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// LookedUp is how DPS says that a registration stands.
type LookedUp struct {
	Registration *workflow.Registration
	Known        *profiles.State // what this machine knew of it when it asked
	At           time.Time       // when the answer came
}

// SetStanding shows an answer of DPS in the pane of the step registration, until
// another step is looked at or something runs.
func (b *Bench) SetStanding(s *LookedUp) {
	b.choose(workflow.StepRegistration)
	b.follow = b.follow && b.st.Running
	b.standing = s
	b.scroll.Reset()
}

// standingBindings: asking is about one step, and needs a profile.
func (b *Bench) standingBindings(bs []keymap.Binding) {
	switch {
	case b.dev.Err != nil:
		keymap.Disable(bs, keymap.LookUp, unusableWhy(b.dev))
	case b.step().ID != workflow.StepRegistration:
		keymap.Disable(bs, keymap.LookUp, "choose the step registration first")
	}
}

// StandingFacts are the parts of an answer that say something, each with its
// name.
func StandingFacts(r *workflow.Registration) [][2]string {
	var out [][2]string
	for _, f := range [][2]string{
		{"status", r.Status},
		{"substatus", r.Substatus},
		{"hub", r.AssignedHub},
		{"device ID", r.DeviceID},
		{"etag", r.ETag},
		{"last change", r.Updated},
		{"error", r.Refusal()},
	} {
		if f[1] != "" {
			out = append(out, f)
		}
	}
	return out
}

// StandingDifferences say, a sentence each, what this machine did not know.
func StandingDifferences(s *LookedUp) []string {
	var out []string
	for _, c := range s.Registration.Differences(s.Known) {
		out = append(out, c.Field+": here "+orNothing(c.Old)+", at DPS "+orNothing(c.New))
	}
	return out
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// SameStanding says that nothing differs.
const SameStanding = "That is what this machine knows of it too."

// OtherStanding leads the differences.
const OtherStanding = "This machine knows it otherwise:"

// standingRows is the answer under what the step has said so far.
func (b *Bench) standingRows(w int) []string {
	th, s := b.th, b.standing
	mark := th.Dim.Text(s.At.Local().Format("15:04:05"))
	r := &report{th: th, w: w}
	r.rows = []string{"", ui.Spread(th.Strong.Text("DPS says of "+th.Clean(s.Registration.RegistrationID)), mark, w, th.Ellipsis)}
	r.pairs(StandingFacts(s.Registration))
	differ := StandingDifferences(s)
	if len(differ) == 0 {
		return append(r.rows, hanging(th, th.OK.Text(th.Done)+" ", SameStanding, w)...)
	}
	r.rows = append(r.rows, hanging(th, th.Warn.Text(th.Warning)+" ", OtherStanding, w)...)
	for _, d := range differ {
		r.rows = append(r.rows, hanging(th, "  "+th.Dim.Text(th.Dot)+" ", d, w)...)
	}
	return r.rows
}

// hanging is a text behind a lead that its further rows leave free.
func hanging(th *theme.Theme, lead, text string, w int) []string {
	var rows []string
	for _, row := range ui.Wrap(th.Clean(text), w-ui.Width(lead)) {
		rows = append(rows, lead+row)
		lead = ui.Blank(ui.Width(lead))
	}
	return rows
}
