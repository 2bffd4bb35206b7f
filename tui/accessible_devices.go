package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dpslab/tui/screen"
	"dpslab/workflow"
)

// devices is the first menu; it returns when the person leaves.
func (l *linear) devices(ctx context.Context, open string) error {
	l.say("dpslab, accessible mode. Every choice has a number; enter confirms it.")
	if l.session.ReadOnly() {
		l.say("This session is read-only: nothing can be run or changed.")
	}
	if open != "" {
		if err := l.bench(ctx, open); err != nil {
			return err
		}
	}
	for {
		names, err := l.session.Names()
		if err != nil {
			l.problem(err)
		}
		newDevice := "describe a new device"
		if _, kept := l.session.Draft(); kept {
			newDevice = "describe a new device, or go on with the one half described"
		}
		n, err := l.menu(ctx, fmt.Sprintf("Devices: %s.", screen.Count(len(names), "profile")), []string{newDevice, "open a device", "list the devices", "the lab: what it holds, and scenarios in which something goes wrong", "enrollments, groups, registration records, CAs and API Management certificates"}, "leave")
		switch {
		case err != nil:
			return err
		case n == 0:
			err = l.describe(ctx)
		case n == 1:
			err = l.openOne(ctx, names)
		case n == 2:
			err = l.list(ctx, names)
		case n == 3:
			err = l.labMenu(ctx)
		case n == 4:
			err = l.targets(ctx, names)
		default:
			return errLeave
		}
		if err != nil {
			return err
		}
	}
}

// summary is a device in one line.
func (l *linear) summary(name string) string {
	d := l.session.Device(name)
	if d.Err != nil {
		return name + ", " + d.Unusable() + " not usable"
	}
	st := screen.Standing(l.th, d)
	parts := []string{name, screen.TargetBadge(d), d.Profile.Enrollment.Kind, st}
	if end := d.State.Certificate.NotAfter; !end.IsZero() {
		parts = append(parts, "certificate "+screen.Life(time.Until(end)))
	}
	return strings.Join(parts, ", ")
}

// list tells of all devices, a part at a time.
func (l *linear) list(ctx context.Context, names []string) error {
	if len(names) == 0 {
		l.say("There is no device yet.")
	}
	for i, n := range names {
		if i > 0 && i%readAtOnce == 0 {
			answer, err := l.read(ctx, fmt.Sprintf("%d of %d. Enter goes on, a word ends the list:", i, len(names)))
			if err != nil || answer != "" {
				return err
			}
		}
		l.say("%s", l.summary(n))
	}
	return nil
}

// mostChoices is how many devices are offered at once; a text narrows them down.
const mostChoices = 20

// openOne finds a device by its number or by a part of its name.
func (l *linear) openOne(ctx context.Context, names []string) error {
	for {
		switch {
		case len(names) == 0:
			l.say("No device has such a name.")
			return nil
		case len(names) > mostChoices:
			l.say("%d devices.", len(names))
			part, err := l.read(ctx, "A part of the name, empty goes back:")
			if err != nil || part == "" {
				return err
			}
			names = containing(names, part)
			continue
		}
		var choices []string
		for _, n := range names {
			choices = append(choices, l.summary(n))
		}
		n, err := l.menu(ctx, "Which device?", choices, "back")
		if err != nil || n < 0 {
			return err
		}
		return l.bench(ctx, names[n])
	}
}

func containing(names []string, part string) []string {
	var out []string
	for _, n := range names {
		if n == part {
			return []string{n}
		}
		if strings.Contains(strings.ToLower(n), strings.ToLower(part)) {
			out = append(out, n)
		}
	}
	return out
}

// status is what is known of a device's run; its history at first.
func (l *linear) status(name string) *workflow.Status {
	if l.statuses[name] == nil {
		l.statuses[name] = l.session.History(name)
	}
	return l.statuses[name]
}
