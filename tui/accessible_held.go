package tui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"dpslab/profiles/wholefile"
	"dpslab/tui/screen"
	"dpslab/workflow"
)

// heldAbilities are what can be done with a row: the keys of the screen that can
// act on it.
func (h *holdings) heldAbilities(which workflow.Listing, held screen.Held) []ability {
	var out []ability
	add := func(name string, do func(context.Context) error) {
		out = append(out, ability{name, func(ctx context.Context, _ string) error { return do(ctx) }})
	}
	if e := held.Enrollment; e != nil {
		on := !e.Enabled
		name := "disable: refuse its devices until it is enabled again"
		if on {
			name = "enable: let its devices register again"
		}
		add(name, func(ctx context.Context) error { return h.switchHeld(ctx, which, held, on) })
		add("edit it as JSON in a file", func(ctx context.Context) error { return h.editHeld(ctx, e) })
		if e.Group {
			add("its registration records", func(ctx context.Context) error { return h.list(ctx, workflow.ListRegistrations, e.ID) })
		}
		if e.DerivesKeys() {
			add("derive the key of a device from the group's, to a file", func(ctx context.Context) error { return h.deriveHeld(ctx, e.ID) })
		}
	}
	if ca := held.CA; ca != nil && !ca.Verified {
		add("prove possession of its key", func(ctx context.Context) error { return h.proveHeld(ctx, *ca) })
	}
	if c := held.APIM; c != nil && c.Vault != nil {
		add("have it read from Key Vault again", func(ctx context.Context) error {
			return h.written(ctx, held.ID()+" was read from Key Vault again.", func(ctx context.Context) error {
				_, err := h.v.RefreshAPIM(ctx, h.apim, held.ID())
				return err
			})
		})
	}
	add("copy it to a file", func(ctx context.Context) error { return h.copyHeld(held) })
	add("delete it at the service", func(ctx context.Context) error { return h.deleteHeld(ctx, which, held) })
	return out
}

// written makes a call that writes, and says what became of it.
func (h *holdings) written(ctx context.Context, done string, f func(context.Context) error) error {
	if h.session.ReadOnly() {
		h.say("Nothing was done: %s.", readOnly)
		return nil
	}
	if err := h.wait(ctx, f); err != nil {
		return h.toldOf(ctx, problemOf(err))
	}
	h.say("%s", done)
	return nil
}

func (h *holdings) switchHeld(ctx context.Context, which workflow.Listing, held screen.Held, on bool) error {
	if !on && !h.v.InLab() && !h.session.ReadOnly() {
		yes, err := h.sure(ctx, "Its devices cannot register until it is enabled again. Devices that a hub knows already stay connected.", "disable")
		if err != nil || !yes {
			return err
		}
	}
	return h.written(ctx, held.ID()+" is "+onOff(on)+".", func(ctx context.Context) error {
		_, err := h.v.SetEnabled(ctx, which == workflow.ListGroups, held.ID(), on)
		return err
	})
}

func (h *holdings) deleteHeld(ctx context.Context, which workflow.Listing, held screen.Held) error {
	if h.session.ReadOnly() {
		h.say("Nothing was deleted: %s.", readOnly)
		return nil
	}
	yes, err := h.sure(ctx, deletionText(which, h.v.Target()), held.ID())
	if err != nil || !yes {
		return err
	}
	var existed bool
	err = h.wait(ctx, func(ctx context.Context) (err error) {
		existed, err = deleteOf(ctx, h.v, h.apim, which, held)
		return err
	})
	if err != nil {
		return h.toldOf(ctx, problemOf(err))
	}
	h.say("%s", deletedText(held.ID(), existed))
	return errGone
}

// proveHeld proves possession of a CA's key, found here or named by a person.
func (h *holdings) proveHeld(ctx context.Context, ca workflow.SigningCertificate) error {
	files, found := h.v.AuthorityOf(ca)
	if !found {
		h.say("No authority on this machine has this CA: name its files. The key stays here.")
		var err error
		if files, err = h.askFiles(ctx, "CA"); err != nil || files.Certificate == "" {
			return err
		}
	}
	return h.written(ctx, ca.Name+" is verified: possession of its key is proved.", func(ctx context.Context) error {
		_, err := h.v.ProveSigningCertificate(ctx, ca.Name, files, nil)
		return err
	})
}

// askFiles asks where a certificate and its key are.
func (h *holdings) askFiles(ctx context.Context, what string) (files workflow.CAFiles, err error) {
	if files.Certificate, err = h.read(ctx, "File with the "+what+" certificate, empty goes back:"); err != nil || files.Certificate == "" {
		return files, err
	}
	files.Key, err = h.read(ctx, "File with its private key, empty: the same file:")
	return files, err
}

// upload asks what of this machine goes to a list, and under which name.
func (h *holdings) upload(ctx context.Context, which workflow.Listing) error {
	what, where := uploadWords(which)
	here, err := localOf(h.v, which)
	if err != nil {
		return h.toldOf(ctx, err)
	}
	var choices []string
	for _, l := range here {
		choices = append(choices, l.Name+": "+l.About)
	}
	n, err := h.menu(ctx, "Which "+what+" goes to "+where+"?", append(choices, "a file, whose path I type"), "none")
	if err != nil || n < 0 {
		return err
	}
	u := upload{list: which}
	if n < len(here) {
		u.name, u.files = here[n].Name, here[n].Files
	} else if u.files, err = h.askFiles(ctx, what); err != nil || u.files.Certificate == "" {
		return err
	}
	name, err := h.read(ctx, "Its name there ["+u.name+"]:")
	if err != nil {
		return err
	}
	values := []string{firstOf(name, u.name)}
	if which == workflow.ListCAs {
		prove, err := h.read(ctx, "Prove possession of its key at once? [yes]:")
		if err != nil {
			return err
		}
		values = append(values, prove)
	}
	u, wrong := u.answered(values, false)
	if wrong != "" {
		h.say("Nothing was uploaded: %s.", wrong)
		return nil
	}
	return h.send(ctx, u)
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// send uploads it; another one that is there gives way after asking.
func (h *holdings) send(ctx context.Context, u upload) error {
	if h.session.ReadOnly() {
		h.say("Nothing was uploaded: %s.", readOnly)
		return nil
	}
	var m heldMsg
	err := h.wait(ctx, func(ctx context.Context) error {
		m = uploaded(ctx, h.v, h.apim, u, heldMsg{})
		return m.err
	})
	if err == nil {
		h.say("%s", m.said)
		return nil
	}
	if err := h.toldOf(ctx, problemOf(err)); err != nil || m.replace == nil {
		return err
	}
	yes, err := h.sure(ctx, "It can be replaced with this one.", "replace")
	if err != nil || !yes {
		return err
	}
	return h.send(ctx, *m.replace)
}

// copyHeld writes a record as the screen copies it.
func (h *holdings) copyHeld(held screen.Held) error {
	c, ok := screen.CopyOf(held).(screen.CopyText)
	if !ok {
		h.say("It cannot be copied.")
		return nil
	}
	path := filepath.Join(h.session.StateDir(), c.File)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = wholefile.Write(path, []byte(c.Text+"\n"), 0o600)
	}
	if err != nil {
		h.problem(fmt.Errorf("write the %s: %w", c.What, err))
		return nil
	}
	h.say("The %s is in %s", c.What, path)
	return nil
}

// editHeld writes an enrollment to a file that a person changes with any editor,
// shows what differs, and sends it after asking.
func (h *holdings) editHeld(ctx context.Context, e *workflow.Enrollment) error {
	if h.session.ReadOnly() {
		h.say("Nothing can be changed: %s.", readOnly)
		return nil
	}
	d := heldDraft{group: e.Group, name: e.ID, base: e, path: heldFile(h.session.Paths().State, h.v.Host(), e.Group, e.ID)}
	if _, err := os.Stat(d.path); err == nil {
		h.say("The file has the text that was left unsent before.")
	} else if err := writeHeld(d, h.v.Host()); err != nil {
		h.problem(fmt.Errorf("write the enrollment to a file: %w", err))
		return nil
	}
	for {
		h.say("The enrollment is in %s", d.path)
		answer, err := h.read(ctx, "Change it there and save it; enter goes on, drop forgets it, ! leaves it for later:")
		switch {
		case err != nil || answer == "!":
			return err
		case answer == "drop":
			_ = os.Remove(d.path) // at worst it is offered again
			h.say("What was typed is dropped.")
			return nil
		}
		done, err := h.sendHeld(ctx, &d)
		if done || err != nil {
			return err
		}
	}
}

// sendHeld reads what the file has now, asks, and sends it. done is false when the
// text has to be changed first.
func (h *holdings) sendHeld(ctx context.Context, d *heldDraft) (done bool, err error) {
	m := readHeldDraft(heldEditedMsg{heldDraft: *d})
	if err := errors.Join(m.err, m.wrong); err != nil {
		h.problem(err)
		return false, nil
	}
	changes := workflow.EnrollmentChanges(d.base, m.want)
	if len(changes) == 0 && d.base != nil {
		_ = os.Remove(d.path)
		h.say("Nothing differs from what DPS holds, so nothing is sent.")
		return true, nil
	}
	h.changes(changes)
	yes, err := h.sure(ctx, changed(len(changes))+".", "send")
	if err != nil || !yes {
		return false, err
	}
	var now *workflow.Enrollment
	var theirs []workflow.Change
	err = h.wait(ctx, func(ctx context.Context) error {
		_, err := h.v.PutEnrollment(ctx, []byte(m.text), m.group, d.base)
		var p *workflow.Problem
		if errors.As(err, &p) && p.Status == http.StatusPreconditionFailed {
			now, theirs, err = meanwhile(ctx, h.v, m)
			if err == nil {
				err = errMeanwhile
			}
		}
		return err
	})
	switch {
	case errors.Is(err, errMeanwhile):
		h.say("Somebody else changed it after it was read; nothing was overwritten. What they changed:")
		h.changes(theirs)
		d.base = now
		return false, nil
	case err != nil:
		return false, h.toldOf(ctx, err)
	}
	_ = os.Remove(d.path)
	h.say("%s is written.", d.name)
	return true, nil
}

// errMeanwhile says that somebody else was faster.
var errMeanwhile = errors.New("it was changed meanwhile")

// changes says what differs, a line for each side.
func (h *holdings) changes(all []workflow.Change) {
	for _, c := range all {
		h.say("%s: before: %s; now: %s", c.Field, firstOf(c.Old, "nothing"), firstOf(c.New, "nothing"))
	}
}
