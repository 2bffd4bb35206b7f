package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dpslab/profiles"
	"dpslab/tui/screen"
	"dpslab/workflow"
)

// holdings is the accessible form of the screen of enrollments: what one target
// holds, list by list.
type holdings struct {
	*linear
	v      *workflow.Service
	device string // whose target it is; empty: the lab
	apim   workflow.APIM
}

// heldOf is what a device's target holds, or with no name what the lab holds.
func (l *linear) heldOf(ctx context.Context, device string) error {
	ref := workflow.TargetLab()
	if device != "" {
		ref = workflow.TargetOfProfile(device)
	} else if l.statuses[""] == nil {
		l.statuses[""] = workflow.NewStatus("") // for the transcript
	}
	h := &holdings{linear: l, device: device}
	err := l.wait(ctx, func(ctx context.Context) (err error) {
		h.v, err = l.session.Service(ctx, ref, workflow.ServiceOptions{})
		return err
	})
	if err != nil {
		return l.toldOf(ctx, err)
	}
	defer h.v.Close()
	h.apim = h.v.APIM()
	return h.lists(ctx)
}

// lists is the menu of the lists.
func (h *holdings) lists(ctx context.Context) error {
	for {
		n, err := h.menu(ctx, "What of "+h.v.Target()+"?", []string{
			"individual enrollments", "enrollment groups", "registration records of a group", "CAs", "API Management certificates",
			"transcript of requests and answers",
		}, "back")
		switch {
		case err != nil || n < 0:
			return err
		case n == 5:
			err = h.transcript(ctx, h.device)
		case workflow.Listing(n) == workflow.ListRegistrations:
			err = h.groupOfRecords(ctx)
		default:
			err = h.list(ctx, workflow.Listing(n), "")
		}
		if err != nil {
			return err
		}
	}
}

// groupOfRecords asks whose records are meant.
func (h *holdings) groupOfRecords(ctx context.Context) error {
	name, err := h.read(ctx, "Enrollment group, empty goes back:")
	if err != nil || name == "" {
		return err
	}
	return h.list(ctx, workflow.ListRegistrations, name)
}

// list shows a list, page after page, and goes to one of its rows.
func (h *holdings) list(ctx context.Context, which workflow.Listing, group string) error {
	for {
		if which == workflow.ListAPIM && h.apim.Service == "" {
			if err := h.nameService(ctx); err != nil || h.apim.Service == "" {
				return err
			}
		}
		rows, err := h.pages(ctx, which, group)
		if err != nil {
			return err
		}
		rows, err = h.narrowed(ctx, rows)
		if err != nil {
			return err
		}
		var choices []string
		for _, r := range rows {
			choices = append(choices, heldLine(r))
		}
		extra := h.extras(which)
		for _, e := range extra {
			choices = append(choices, e.name)
		}
		if len(rows) == 0 {
			h.say("There is nothing in this list.")
		}
		n, err := h.menu(ctx, capitalized(listWords[which])+": "+screen.Count(len(rows), "row")+". Which one?", choices, "back")
		switch {
		case err != nil || n < 0:
			return err
		case n >= len(rows):
			err = extra[n-len(rows)].do(ctx, "")
		default:
			err = h.one(ctx, which, rows[n])
		}
		if err != nil {
			return err
		}
	}
}

// listWords name the lists.
var listWords = [workflow.Listings]string{"individual enrollments", "enrollment groups", "registration records", "CAs", "API Management certificates"}

func capitalized(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// extras are what can be done with a list beside its rows.
func (h *holdings) extras(which workflow.Listing) []ability {
	var out []ability
	if which == workflow.ListCAs || which == workflow.ListAPIM {
		what, where := uploadWords(which)
		out = append(out, ability{"upload a " + what + " to " + where, func(ctx context.Context, _ string) error { return h.upload(ctx, which) }})
	}
	if which == workflow.ListAPIM {
		out = append(out, ability{"name another API Management service", func(ctx context.Context, _ string) error { return h.nameService(ctx) }})
	}
	return out
}

// pages reads a list, and goes on as long as a person wants more of it.
func (h *holdings) pages(ctx context.Context, which workflow.Listing, group string) ([]screen.Held, error) {
	page := screen.HeldPage{List: which, Group: group}
	var rows []screen.Held
	for {
		var more []screen.Held
		var next string
		err := h.wait(ctx, func(ctx context.Context) (err error) {
			more, next, err = readPage(ctx, h.v, h.apim, page)
			return err
		})
		if err != nil {
			return rows, h.elsewhere(ctx, err, which, group)
		}
		rows = append(rows, more...)
		if next == "" || next == page.After {
			return rows, nil
		}
		page.After = next
		answer, err := h.read(ctx, fmt.Sprintf("%d are read and there are more. Enter reads on, anything else stops:", len(rows)))
		if err != nil || answer != "" {
			return rows, err
		}
	}
}

// elsewhere tells an error, and how somebody with the rights sees the same.
func (h *holdings) elsewhere(ctx context.Context, err error, which workflow.Listing, group string) error {
	if err := h.toldOf(ctx, err); err != nil {
		return err
	}
	if h.v.Missing(which >= workflow.ListCAs) != "" {
		m := h.v.Elsewhere(which, group)
		h.say("%s In the portal: %s. Or run: %s", m.What, m.Portal, m.Command)
	}
	return nil
}

// narrowed asks for words that a row must have, where a list is long.
func (h *holdings) narrowed(ctx context.Context, rows []screen.Held) ([]screen.Held, error) {
	for len(rows) > mostChoices {
		words, err := h.read(ctx, fmt.Sprintf("%d rows. Words of a row, empty shows all:", len(rows)))
		if err != nil || words == "" {
			return rows, err
		}
		fit := screen.Sift(rows, words)
		if len(fit) == 0 {
			h.say("No row has these words.")
			continue
		}
		rows = fit
	}
	return rows, nil
}

// nameService asks which API Management service is meant.
func (h *holdings) nameService(ctx context.Context) error {
	service, err := h.read(ctx, "API Management service, empty goes back:")
	if err != nil || service == "" {
		return err
	}
	group, err := h.read(ctx, "Its resource group, empty: that of the DPS instance:")
	if err == nil {
		h.apim = workflow.APIM{Service: service, ResourceGroup: group}
	}
	return err
}

// heldLine is a row of a list in one line.
func heldLine(h screen.Held) string {
	var parts []string
	switch {
	case h.Enrollment != nil:
		e := h.Enrollment
		parts = []string{e.ID, onOff(e.Enabled), e.Attestation, e.Allocation, strings.TrimSpace(e.Status + " " + e.AssignedHub)}
	case h.Registration != nil:
		r := h.Registration
		parts = []string{r.RegistrationID, r.Status, r.AssignedHub, r.DeviceID}
	case h.CA != nil:
		state := "possession not proved"
		if h.CA.Verified {
			state = "verified"
		}
		parts = []string{h.CA.Name, state, h.CA.Subject}
	case h.APIM != nil:
		parts = []string{h.APIM.ID, h.APIM.Subject}
	}
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, ", ")
}

func onOff(enabled bool) string {
	if enabled {
		return "enabled"
	}
	return "disabled"
}

// one tells all of a row, read again, and offers what can be done with it.
func (h *holdings) one(ctx context.Context, which workflow.Listing, held screen.Held) error {
	for {
		now, gone, err := h.again(ctx, which, held.ID())
		if err != nil || gone {
			return err
		}
		held = now
		for _, line := range screen.Told(h.th, held) {
			h.say("%s", line)
		}
		abilities := h.heldAbilities(which, held)
		var choices []string
		for _, a := range abilities {
			choices = append(choices, a.name)
		}
		n, err := h.menu(ctx, "What shall be done with "+held.ID()+"?", choices, "back to the list")
		if err != nil || n < 0 {
			return err
		}
		switch err := abilities[n].do(ctx, held.ID()); {
		case errors.Is(err, errGone):
			return nil
		case err != nil:
			return err
		}
	}
}

// errGone says that a row was deleted: the list is next.
var errGone = errors.New("the row is gone")

// again reads a row; gone says that it cannot be read any more.
func (h *holdings) again(ctx context.Context, which workflow.Listing, name string) (held screen.Held, gone bool, err error) {
	err = h.wait(ctx, func(ctx context.Context) (err error) {
		held, err = readHeld(ctx, h.v, h.apim, which, name)
		return err
	})
	if err != nil {
		return held, true, h.toldOf(ctx, err)
	}
	return held, false, nil
}

// targets asks whose target's enrollments are meant: the lab's, or those of a
// device's target.
func (l *linear) targets(ctx context.Context, names []string) error {
	choices, devices, seen := []string{"of the lab"}, []string{""}, map[string]bool{}
	for _, n := range names[:min(len(names), mostChoices)] {
		d := l.session.Device(n)
		badge := screen.TargetBadge(d)
		if d.Profile == nil || d.Profile.Target.Kind != profiles.TargetAzure || seen[badge] {
			continue
		}
		seen[badge] = true
		choices, devices = append(choices, "of "+badge+", the target of "+n), append(devices, n)
	}
	if len(choices) == 1 {
		return l.heldOf(ctx, "")
	}
	n, err := l.menu(ctx, "What is held where?", choices, "back")
	if err != nil || n < 0 {
		return err
	}
	return l.heldOf(ctx, devices[n])
}
