package tui

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"dpslab/tui/screen"
	"dpslab/workflow"
)

// readAtOnce is how many rows of a list are read out together: more of them nobody
// keeps in mind, and there may be a hundred thousand.
const readAtOnce = 20

// linearTranscript is the list of exchanges as a listener goes through it: the
// newest first, a part at a time.
type linearTranscript struct {
	*linear
	name  string
	all   workflow.Recording
	query string
	shown []int // places in all of those that are found, oldest first
	from  int   // how many newer ones were left behind
	mark  *workflow.Exchange
}

// transcript lists the exchanges and shows one of them.
func (l *linear) transcript(ctx context.Context, name string) error {
	t := &linearTranscript{linear: l, name: name}
	for {
		if err := t.find(ctx); err != nil {
			return err
		}
		if t.all.Len() == 0 {
			l.say("Nothing was sent in this session.")
			return nil
		}
		back, err := t.part(ctx)
		if err != nil || back {
			return err
		}
	}
}

// find takes in what was sent since, and searches it.
func (t *linearTranscript) find(ctx context.Context) (err error) {
	t.all = t.status(t.name).Exchanges.Recording()
	t.shown, err = screen.Find(ctx, t.all, t.query)
	if t.from >= len(t.shown) {
		t.from = 0
	}
	return err
}

// title says which part is read out.
func (t *linearTranscript) title(n int) string {
	of := fmt.Sprintf("%d exchanges", t.all.Len())
	if t.query != "" {
		of = fmt.Sprintf("%d of %s, found by %s", len(t.shown), of, t.query)
	}
	if n == len(t.shown) {
		return of + ", newest first. Which one?"
	}
	return fmt.Sprintf("%s, newest first: %d to %d. Which one?", of, t.from+1, t.from+n)
}

// part reads out one part of the list, and does what is asked for.
func (t *linearTranscript) part(ctx context.Context) (back bool, err error) {
	rest := t.shown[:len(t.shown)-t.from]
	part := slices.Clone(rest[max(0, len(rest)-readAtOnce):])
	slices.Reverse(part)
	var choices []string
	for _, i := range part {
		choices = append(choices, t.line(i))
	}
	more := t.moves(len(part))
	for _, m := range more {
		choices = append(choices, m.name)
	}
	n, err := t.menu(ctx, t.title(len(part)), choices, "back")
	switch {
	case err != nil || n < 0:
		return true, err
	case n >= len(part):
		return false, more[n-len(part)].do(ctx, t.name)
	}
	x, err := t.all.Read(part[n])
	if err != nil {
		t.problem(err)
		return false, nil
	}
	return false, t.examine(ctx, x)
}

// line is one exchange of the list.
func (t *linearTranscript) line(i int) string {
	x, err := t.all.Read(i)
	if err != nil {
		return err.Error()
	}
	return workflow.Line(workflow.Event{Kind: workflow.ExchangeFinished, Exchange: x}) + ", " + x.Service
}

// moves are what there is to choose below a part of n exchanges.
func (t *linearTranscript) moves(n int) []ability {
	var all []ability
	if left := len(t.shown) - t.from - n; left > 0 {
		all = append(all, ability{fmt.Sprintf("older exchanges, %d are left", left), func(context.Context, string) error { t.from += n; return nil }})
	}
	if t.from > 0 {
		all = append(all, ability{fmt.Sprintf("newer exchanges, there are %d", t.from), func(context.Context, string) error {
			t.from = max(0, t.from-readAtOnce)
			return nil
		}})
	}
	all = append(all, ability{"search the exchanges", t.search})
	if len(t.shown) > 0 {
		all = append(all,
			ability{fmt.Sprintf("save these %d exchanges as text", len(t.shown)), func(context.Context, string) error { t.save(t.found(), false); return nil }},
			ability{fmt.Sprintf("save these %d exchanges as an HTTP archive", len(t.shown)), func(context.Context, string) error { t.save(t.found(), true); return nil }})
	}
	return all
}

func (t *linearTranscript) search(ctx context.Context, _ string) error {
	answer, err := t.read(ctx, "What to search for? A text, or words such as "+strings.Join(strings.Fields(screen.SearchHint)[1:], ", ")+". Empty: everything.")
	if err != nil {
		return err
	}
	t.query, t.from = answer, 0
	return nil
}

// found are the exchanges that the search finds.
func (t *linearTranscript) found() workflow.Recording { return t.all.Pick(t.shown) }

// save writes exchanges to the file that the workbench writes too.
func (t *linearTranscript) save(xs workflow.Recording, archive bool) {
	name, write := t.name+"-transcript.txt", func(w io.Writer) error { return screen.WriteLines(w, xs.All()) }
	if archive {
		name, write = t.name+"-transcript.har", func(w io.Writer) error { return workflow.HAR(w, xs.All()) }
	}
	path := filepath.Join(t.session.StateDir(), name)
	if err := writeNew(path, write); err != nil {
		t.problem(fmt.Errorf("save the transcript: %w", err))
		return
	}
	t.say("Saved in %s, secrets masked.", path)
}
