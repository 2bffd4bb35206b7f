package screen

import (
	"time"

	"dpslab/tui/ui"
	"dpslab/workflow"
)

// usual is how long a step takes as a rule, for people who wait: what to expect,
// from when on it is unusual, and what takes long then.
type usual struct {
	text string
	most time.Duration
	why  string
}

// usually is known of each step. DPS asks to be polled every three seconds
// (Retry-After of its answers), and a device is assigned after one to three
// polls; the device SDKs give up after 30 seconds (Node, Python) or 60 (C).
// Certificates are made here: only the search for RSA primes takes time.
func usually(id workflow.StepID) usual {
	switch id {
	case workflow.StepCertificates:
		return usual{"usually under a second, RSA 4096 some seconds", 20 * time.Second, "Large RSA keys need large primes, and finding them is luck. EC keys are made at once."}
	case workflow.StepSigningCA:
		return usual{"usually 1 to 5 s", 20 * time.Second, "Azure Resource Manager queues writes to one DPS instance; a sign-in with Entra ID may take some seconds of its own."}
	case workflow.StepEnrollment:
		return usual{"usually under 2 s", 10 * time.Second, "A sign-in with Entra ID may take some seconds, and a proxy as well."}
	case workflow.StepRegistration:
		return usual{
			"usually 3 to 10 s", 30 * time.Second,
			"A custom allocation webhook is slow, device data is moved between hubs, or DPS is busy. Device SDKs give up after 30 to 60 s; here esc cancels, and the operation can be taken up later.",
		}
	case workflow.StepTelemetry:
		return usual{"usually under 0.3 s a message", 0, ""}
	}
	return usual{}
}

// late tells what takes long, once a step takes longer than usual; w cells a
// row.
func (b *Bench) late(s workflow.StepStatus, w int) []string {
	u := usually(s.ID)
	if s.State != workflow.Running || u.most == 0 || s.Started.IsZero() || b.now.Sub(s.Started) < u.most {
		return nil
	}
	th := b.th
	var rows []string
	for i, r := range ui.Wrap("This takes longer than usual. "+u.why, w-2) {
		lead := "  "
		if i == 0 {
			lead = th.Warn.Text(th.Warning) + " "
		}
		rows = append(rows, lead+r)
	}
	return rows
}
