package workflow

import (
	"fmt"
	"slices"

	"dpslab/profiles"
)

// breaks compares the four places, from the files outwards: files, what was
// sent, what DPS holds, what the enrollment names, what the hub knows. Only what
// contradicts is a break; a step that has not run yet is none.
func (b *chainBuilder) breaks() {
	b.breakInFiles()
	if b.device < 0 {
		return
	}
	b.breakInSent()
	b.breakInHeld()
	b.breakInNamed()
	b.breakAtHub()
}

func (b *chainBuilder) broken(element int, rule, fix, text string, args ...any) {
	b.view.Breaks = append(b.view.Breaks, ChainBreak{Element: element, Rule: rule, Text: fmt.Sprintf(text, args...), Fix: fix})
}

// breakInFiles takes over the errors that concern one certificate of the chain.
func (b *chainBuilder) breakInFiles() {
	for _, f := range b.view.Findings {
		if f.Severity == "error" && f.Element >= 0 && !b.view.Elements[f.Element].Outside {
			b.broken(f.Element, f.Rule, f.Fix, "%s", f.Observed)
		}
	}
}

func (b *chainBuilder) breakInSent() {
	first := slices.IndexFunc(b.view.Elements, func(e ChainElement) bool { return e.Sent == 1 })
	switch {
	case b.view.Sent.Known && first < 0:
		b.broken(b.device, "R06", "Run the step \"registration\" again.", "the device was asked for its certificate and sent none")
	case first >= 0 && first != b.device:
		b.broken(b.device, "R02", "Run the step \"registration\" again: it sends the certificate that is on disk now.",
			"the device sent another certificate than the one on disk now")
	case b.view.Sent.Count == 1 && b.profile.Enrollment.Kind == profiles.EnrollmentGroup:
		b.broken(b.device, "R01", "Run the step \"certificates\" again: it writes the full chain.",
			"it was sent alone; a group needs the CAs above it too")
	}
}

// breakInHeld: DPS admits by a CA that it holds, so that one must be above the
// device.
func (b *chainBuilder) breakInHeld() {
	i := slices.IndexFunc(b.view.Elements, func(e ChainElement) bool { return e.Held != "" })
	if i < 0 || b.profile.Identity.Source != profiles.SourceChain {
		return
	}
	switch e := b.view.Elements[i]; {
	case e.Outside:
		b.broken(i, "F14", "Run the step \"signing CA\" again: it uploads the root that is on disk now.",
			"DPS holds this one as %s; the CA was made anew since", e.Held)
	case !e.Verified:
		b.broken(i, "M04", "Run the step \"signing CA\" again: it proves possession of the key.",
			"DPS holds it as %s, but possession of its key is not proved", e.Held)
	}
}

// breakInNamed: an individual enrollment names the device, a group a CA above
// it.
func (b *chainBuilder) breakInNamed() {
	i := slices.IndexFunc(b.view.Elements, func(e ChainElement) bool { return e.Named })
	if i < 0 {
		return
	}
	const again = "Run the step \"enrollment\" again: it writes the certificate that is on disk now."
	group := b.profile.Enrollment.Kind == profiles.EnrollmentGroup
	switch {
	case b.view.Elements[i].Outside && group:
		b.broken(i, "R03", again, "the enrollment names this one, which is not above the device")
	case b.view.Elements[i].Outside:
		b.broken(i, "R02", again, "the enrollment names this one; the device has another now")
	case group && i == b.device:
		b.broken(i, "R03", again, "the enrollment group names the device itself; it must name a CA above it")
	case !group && i != b.device:
		b.broken(i, "R03", again, "the individual enrollment names a CA; it must name the device's own certificate")
	}
}

// breakAtHub: the hub keeps the leaf's thumbprint and refuses a renewed
// certificate until the device has registered again.
func (b *chainBuilder) breakAtHub() {
	i := slices.IndexFunc(b.view.Elements, func(e ChainElement) bool { return e.AtHub })
	if i >= 0 && i != b.device {
		b.broken(i, "H01", "Run the step \"registration\" again: DPS tells the hub the new thumbprint.",
			"IoT Hub still expects this one and refuses the one on disk")
	}
}
