package tui

import (
	"context"
	"fmt"
	"time"

	"dpslab/tui/screen"
	"dpslab/workflow"
)

// chain tells of a device's certificates in the four places where they matter,
// and where those disagree; each can be read as text.
func (l *linear) chain(ctx context.Context, name string) error {
	for {
		view, err := l.session.Chain(name)
		if err != nil {
			return l.toldOf(ctx, err)
		}
		if len(view.Elements) == 0 {
			l.say("There is no certificate yet: the step certificates makes it.")
			return nil
		}
		l.breaks(view)
		var choices []string
		for _, e := range view.Elements {
			choices = append(choices, elementLine(view, e))
		}
		n, err := l.menu(ctx, "Certificates of "+name+", from the root to the device. Which one in full?", choices, "back")
		if err != nil || n < 0 {
			return err
		}
		l.certificate(view, n)
	}
}

// breaks says first what matters most: whether the places agree.
func (l *linear) breaks(view workflow.ChainView) {
	switch {
	case len(view.Breaks) == 0 && !view.Sent.Known:
		l.say("Nothing was sent yet.")
	case len(view.Breaks) == 0:
		l.say("There is no break between files, what was sent, DPS, enrollment and IoT Hub.")
	}
	for _, b := range view.Breaks {
		l.say("Break at certificate %d, rule %s: %s", b.Element+1, b.Rule, b.Text)
		if b.Fix != "" {
			l.say("Fix: %s", b.Fix)
		}
	}
	for _, f := range view.Findings {
		if f.Element < 0 {
			l.finding(f)
		}
	}
}

func (l *linear) finding(f workflow.ChainFinding) {
	l.say("%s, rule %s: %s", f.Severity, f.Rule, f.Observed)
	if f.Fix != "" {
		l.say("Fix: %s", f.Fix)
	}
}

// elementLine is a certificate and its places in one line.
func elementLine(view workflow.ChainView, e workflow.ChainElement) string {
	text := e.Role + " " + e.Subject
	if e.Subject == "" {
		text = e.Role + ", only its thumbprint is known"
	}
	if e.Outside {
		text += ", not in this device's chain"
	}
	for _, place := range []struct {
		yes       bool
		is, isNot string
	}{
		{e.File != "", "in a file", "in no file"},
		{e.Sent > 0, "sent", "not sent"},
		{e.Held != "", "held by DPS, " + proved(e.Verified), "not held by DPS"},
		{e.Named, "named by the enrollment", "not named by the enrollment"},
		{e.AtHub, "known to IoT Hub", "not known to IoT Hub"},
	} {
		if place.yes {
			text += ", " + place.is
		} else {
			text += ", " + place.isNot
		}
	}
	return text
}

func proved(verified bool) string {
	if verified {
		return "verified"
	}
	return "unproved"
}

// certificate tells all that is known of one.
func (l *linear) certificate(view workflow.ChainView, n int) {
	e := view.Elements[n]
	facts := [][2]string{
		{"subject", e.Subject},
		{"issuer", e.Issuer},
		{"key", e.Key},
		{"SHA-1, as DPS shows it", e.SHA1},
		{"SHA-256, as IoT Hub keeps it", e.SHA256},
		{"DPS holds it as", e.Held},
		{"file", e.File},
	}
	if !e.NotAfter.IsZero() {
		facts = append(facts, [2]string{"expires", fmt.Sprintf("%s, %s", e.NotAfter.UTC().Format("2 Jan 2006 15:04 MST"), screen.Life(time.Until(e.NotAfter)))})
	}
	for _, f := range facts {
		if f[1] != "" {
			l.say("%s: %s", f[0], f[1])
		}
	}
	for _, b := range view.Breaks {
		if b.Element == n {
			l.say("Break, rule %s: %s", b.Rule, b.Text)
		}
	}
	for _, f := range view.Findings {
		if f.Element == n {
			l.finding(f)
		}
	}
	if e.Text != "" {
		l.say("As openssl x509 -text shows it:")
		l.say("%s", e.Text)
	}
}
