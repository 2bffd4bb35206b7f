package screen

import (
	"net/http"

	"dpslab/tui/keymap"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// mendedBy is the step whose run mends what a rule found; what comes after it
// has to run again too.
var mendedBy = map[string]workflow.StepID{
	"F10": workflow.StepCertificates, "F12": workflow.StepCertificates,
	"R01": workflow.StepCertificates, "R02": workflow.StepCertificates, "R06": workflow.StepCertificates,
	"F14": workflow.StepSigningCA, "M01": workflow.StepSigningCA, "M02": workflow.StepSigningCA, "M03": workflow.StepSigningCA, "M04": workflow.StepSigningCA,
	"R03": workflow.StepEnrollment, "R04": workflow.StepEnrollment, "R09": workflow.StepEnrollment, "M09": workflow.StepEnrollment,
	"R13": workflow.StepRegistration, "R16": workflow.StepRegistration,
	"H01": workflow.StepRegistration, "H02": workflow.StepRegistration, "H03": workflow.StepRegistration,
}

// inProfile are the rules whose cause stands in the profile.
var inProfile = map[string]bool{"F05": true, "F06": true, "R07": true, "R08": true, "N02": true, "M07": true}

// namedInProfile are the codes of Azure Resource Manager for names that stand in
// the profile.
var namedInProfile = map[string]bool{"ResourceNotFound": true, "ResourceGroupNotFound": true, "SubscriptionNotFound": true}

// atEnrollments are the rules whose cause is mended among the enrollments.
var atEnrollments = map[string]bool{"R12": true}

// ChangesProfile says whether what went wrong stands in the profile.
func ChangesProfile(p *workflow.Problem) bool {
	return inProfile[p.Rule] || p.Rule == "" && namedInProfile[p.Code]
}

// failedStep is the step that the run stopped at, and why.
func failedStep(st *workflow.Status) (workflow.StepStatus, *workflow.Problem) {
	for _, s := range st.Steps {
		if s.State == workflow.StepFailed && s.Problem != nil && s.Problem.Kind != workflow.Interrupted {
			return s, s.Problem
		}
	}
	return workflow.StepStatus{}, nil
}

// fix is the step from which to run so that a failure is mended; ok is false
// where no run mends it.
func (b *Bench) fix() (from workflow.StepID, ok bool) {
	if b.refused != nil {
		return "", false
	}
	return Mends(b.st)
}

// Mends is the step from which to run so that what a device's last run failed
// with is mended; ok is false where nothing failed or no run mends it.
func Mends(st *workflow.Status) (from workflow.StepID, ok bool) {
	s, p := failedStep(st)
	if p == nil {
		return "", false
	}
	if from, ok := MendedBy(p); ok {
		return from, true
	}
	return s.ID, again(p)
}

// MendedBy is the step whose run mends a problem, wherever it was met; ok is
// false where the rule that explains it names none.
func MendedBy(p *workflow.Problem) (from workflow.StepID, ok bool) {
	from, ok = mendedBy[p.Rule]
	return from, ok
}

// again says whether a second try may meet better luck.
func again(p *workflow.Problem) bool {
	return p.Kind == workflow.Unreachable || p.Rule == "R14" || p.Rule == "R15" || p.Rule == "R21" ||
		p.Status == http.StatusTooManyRequests || p.Status >= http.StatusInternalServerError
}

// editKey is the key of the bench that changes the profile.
func editKey() string {
	b, _ := keymap.Of(keymap.For(keymap.OnBench), keymap.Edit)
	return b.Label
}

// fixRows say which key mends the failure that is explained above them.
func (b *Bench) fixRows(w int) []string {
	th := b.th
	s, p := failedStep(b.st)
	if p == nil || b.Busy() || b.whyNotRun() != "" || b.failure() != p {
		return nil
	}
	rows := b.playingRows(w)
	from, ok := b.fix()
	key, text := "f", ""
	switch {
	case ok && from == s.ID:
		text = "tries " + from.Title() + " again and goes on"
	case ok:
		text = "runs " + from.Title() + " and what follows again"
	case ChangesProfile(p):
		key, text = editKey(), "changes the profile"
	case atEnrollments[p.Rule]:
		key, text = "esc e", "shows the enrollments, where s enables one"
	default:
		return rows
	}
	return append(rows, "  "+ui.Cut(th.Strong.Text("key")+" "+th.Key.Text(key)+" "+text, w-2, th.Ellipsis))
}

// playingRows remind of scenarios that are on in the lab: they may be why a step
// fails, whatever the rule says that knows the real services.
func (b *Bench) playingRows(w int) []string {
	if len(b.Playing) == 0 || !b.Lab() {
		return nil
	}
	text := "the scenario " + b.Playing[0] + " is on and may be why"
	if n := len(b.Playing); n > 1 {
		text = plural(n, "scenario") + " are on and may be why"
	}
	return ui.Labelled(b.th, "lab", text+": esc, then l shows the lab, where c switches all off.", w)
}
