package tui

import (
	"context"
	"fmt"
	"time"

	"dpslab/tui/screen"
	"dpslab/workflow"
)

// labMenu tells what the lab holds and switches its scenarios.
func (l *linear) labMenu(ctx context.Context) error {
	for {
		view, err := l.lookAtLab(ctx)
		if err != nil {
			return l.toldOf(ctx, err)
		}
		on := 0
		for _, f := range view.Faults {
			if f.On {
				on++
			}
		}
		l.say("The lab is at %s, ID scope %s, DPS instance %s.", view.Facts.Address, view.Facts.IDScope, view.DPSName)
		n, err := l.menu(ctx, "What of the lab?", []string{
			"enrollments: " + screen.Count(len(view.Enrollments), "enrollment"),
			"registrations: " + screen.Count(len(view.Registrations), "registration"),
			"messages that its hubs received: " + screen.Count(len(view.Inbox), "message"),
			fmt.Sprintf("scenarios, %d of %d on", on, len(view.Faults)),
			"switch all scenarios off",
		}, "back")
		switch {
		case err != nil || n < 0:
			return err
		case n == 3:
			err = l.scenarios(ctx, view.Faults)
		case n == 4:
			err = l.allOff(ctx, view.Faults)
		default:
			l.labList(view, n)
		}
		if err != nil {
			return err
		}
	}
}

func (l *linear) lookAtLab(ctx context.Context) (view workflow.LabView, err error) {
	err = l.wait(ctx, func(ctx context.Context) (err error) {
		view, err = l.session.LabView(ctx)
		return err
	})
	return view, err
}

// labList prints one of the three lists.
func (l *linear) labList(view workflow.LabView, which int) {
	var lines []string
	switch which {
	case 0:
		for _, e := range view.Enrollments {
			kind, able := "individual enrollment", "enabled"
			if e.Group {
				kind = "group"
			}
			if !e.Enabled {
				able = "disabled"
			}
			lines = append(lines, fmt.Sprintf("%s %s, %s, allocation %s, %s, %s", kind, e.ID, e.Attestation, e.Allocation, able, screen.Count(e.Devices, "device")))
		}
	case 1:
		for _, r := range view.Registrations {
			line := fmt.Sprintf("%s: %s", r.ID, r.Status)
			if r.Hub != "" {
				line += " to " + r.Hub + " as " + r.DeviceID
			}
			if r.ErrorCode != 0 {
				line += fmt.Sprintf(", error %d", r.ErrorCode)
			}
			lines = append(lines, line+", by "+r.Enrollment)
		}
	default:
		for _, m := range view.Inbox {
			lines = append(lines, fmt.Sprintf("%s from %s to %s: %s", m.EnqueuedAt.Local().Format(time.TimeOnly), m.DeviceID, m.Hub, m.Body))
		}
	}
	if len(lines) == 0 {
		l.say("There is none.")
	}
	for _, line := range lines {
		l.say("%s", line)
	}
}

// scenarios switches one, or asks for its parameters.
func (l *linear) scenarios(ctx context.Context, faults []workflow.LabFault) error {
	var choices []string
	for _, f := range faults {
		state := "off"
		if f.On {
			state = fmt.Sprintf("on%s, met %s", strikes(f), screen.Count(f.Hits, "time"))
		}
		choices = append(choices, fmt.Sprintf("%s, %s: %s", f.Name, state, f.Title))
	}
	n, err := l.menu(ctx, "Which scenario?", choices, "back")
	if err != nil || n < 0 {
		return err
	}
	f := faults[n]
	if f.On {
		return l.switched(ctx, f.Name+" is off.", func(ctx context.Context) error { return l.session.SetFault(ctx, f.Name, false) })
	}
	narrow, err := l.menu(ctx, "Switch "+f.Name+" on for what?", []string{"every device and every request", "as I say"}, "leave it off")
	switch {
	case err != nil || narrow < 0:
		return err
	case narrow == 0:
		return l.switched(ctx, f.Name+" is on: the next device that meets it sees it.", func(ctx context.Context) error { return l.session.SetFault(ctx, f.Name, true) })
	}
	return l.tune(ctx, f)
}

// tune asks for a scenario's parameters, the same as the form on the screen.
func (l *linear) tune(ctx context.Context, f workflow.LabFault) error {
	fields := faultFields(f)
	values := make([]string, len(fields))
	for i, field := range fields {
		answer, err := l.read(ctx, fmt.Sprintf("%s: %s. Empty: %s.", field.label, field.about, field.input.Hint))
		if err != nil {
			return err
		}
		values[i] = answer
	}
	wanted, _, wrong := faultOf(f, values)
	if wrong != "" {
		l.say("%s", wrong)
		return nil
	}
	return l.switched(ctx, f.Name+" is on"+strikes(wanted)+".", func(ctx context.Context) error { return l.session.PlayFault(ctx, wanted) })
}

func (l *linear) allOff(ctx context.Context, faults []workflow.LabFault) error {
	return l.switched(ctx, "All scenarios are off.", func(ctx context.Context) error {
		for _, f := range faults {
			if !f.On {
				continue
			}
			if err := l.session.SetFault(ctx, f.Name, false); err != nil {
				return err
			}
		}
		return nil
	})
}

// switched does something to the lab and says so.
func (l *linear) switched(ctx context.Context, done string, f func(context.Context) error) error {
	if err := l.wait(ctx, f); err != nil {
		return l.toldOf(ctx, err)
	}
	l.say("%s", done)
	return nil
}
