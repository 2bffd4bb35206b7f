package screen

import (
	"fmt"
	"time"

	"dpslab/tui/keymap"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// paces are the pauses between messages that + and - go through.
var paces = []time.Duration{
	0, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour,
}

// interval is the pause between two messages now.
func (b *Bench) interval() time.Duration {
	return time.Duration(b.st.Telemetry.Stream.IntervalMS * float64(time.Millisecond))
}

// pace is the next shorter or longer pause than now.
func (b *Bench) pace(faster bool) time.Duration {
	now := b.interval()
	if faster {
		for i := len(paces) - 1; i >= 0; i-- {
			if paces[i] < now {
				return paces[i]
			}
		}
		return 0
	}
	for _, d := range paces {
		if d > now {
			return d
		}
	}
	return now
}

// sending says whether telemetry runs, paused or not.
func (b *Bench) sending() bool {
	s := b.st.Step(workflow.StepTelemetry)
	return s != nil && s.State == workflow.Running
}

// stream binds the keys that steer telemetry.
func (b *Bench) streamBindings(bs []keymap.Binding) {
	why := ""
	switch {
	case b.Locked != "":
		why = b.Locked
	case !b.sending():
		why = "no telemetry is being sent"
	}
	for _, a := range []keymap.Action{keymap.Pause, keymap.Faster, keymap.Slower} {
		keymap.Disable(bs, a, why)
	}
	if why == "" && b.interval() == 0 {
		keymap.Disable(bs, keymap.Faster, "there is no pause between messages already")
	}
	switch {
	case b.Locked != "":
		keymap.Disable(bs, keymap.Receive, b.Locked)
	case b.dev.Err != nil:
		keymap.Disable(bs, keymap.Receive, unusableWhy(b.dev))
	case !b.isAssigned():
		keymap.Disable(bs, keymap.Receive, "the device is not assigned to a hub yet")
	}
	switch why := b.whyNotRun(); {
	case b.sending():
		keymap.Disable(bs, keymap.Compose, b.Locked)
	case why != "":
		keymap.Disable(bs, keymap.Compose, why)
	case !b.isAssigned():
		keymap.Disable(bs, keymap.Compose, "the device is not assigned to a hub yet")
	}
	for i := range bs {
		if bs[i].Action == keymap.Pause && b.st.Telemetry.Stream.Paused {
			bs[i].Help, bs[i].About = "go on", "let the messages flow again"
		}
	}
}

// isAssigned says whether a hub is known for the device.
func (b *Bench) isAssigned() bool {
	return b.st.Registration.AssignedHub != "" || b.dev.State != nil && b.dev.State.Registration.AssignedHub != ""
}

// flow says how the messages flow: "every 2 s", "paused".
func (b *Bench) flow() string {
	th := b.th
	switch {
	case !b.sending():
		return ""
	case b.st.Telemetry.Stream.Paused:
		return th.Warn.Text(th.Stopped + " paused, " + b.every())
	}
	return b.every()
}

func (b *Bench) every() string {
	d := b.interval()
	switch {
	case d <= 0:
		return "no pause between"
	case d < time.Second:
		return fmt.Sprintf("every %d ms", d.Milliseconds())
	}
	return "every " + ui.Seconds(d)
}
