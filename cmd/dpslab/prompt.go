package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	xterm "golang.org/x/term"

	"dpslab/tui/term"
	"dpslab/workflow"
)

func isTerminal(f *os.File) bool { return xterm.IsTerminal(int(f.Fd())) }

// prompt asks on standard error and reads one line.
func (a *app) prompt(ctx context.Context, text string) (string, error) {
	fmt.Fprint(a.err, text)
	if a.reader == nil {
		a.reader = bufio.NewReader(a.in) // one for all questions: lines may come in a burst
	}
	line, err := await(ctx, func() (string, error) { return a.reader.ReadString('\n') })
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(a.err)
		return "", context.Cause(ctx)
	case err != nil && (line == "" || !errors.Is(err, io.EOF)):
		return "", usage("no answer: the input ended", "answer with flags and --yes")
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// await reads until ctx ends. Nothing interrupts a read from a terminal, so one
// that is late is left behind; the process is about to end.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := read()
		got <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case a := <-got:
		return a.text, a.err
	}
}

// ask puts the engine's question to the person; a secret is not echoed.
func (a *app) ask(ctx context.Context, q workflow.Question) (string, error) {
	if !q.Secret {
		return a.prompt(ctx, q.Prompt+": ")
	}
	// The read that a cancelled question leaves behind must not touch the modes of
	// the terminal: they are set and put back here alone.
	show, err := term.HideEcho(a.in)
	if err != nil {
		return "", err
	}
	defer show()
	secret, err := a.prompt(ctx, q.Prompt+": ")
	if err == nil {
		fmt.Fprintln(a.err) // the newline was not shown either
	}
	return secret, err
}

// interview asks, line by line, what no flag answered.
func (a *app) interview(ctx context.Context, w workflow.Wizard, given workflow.Answers) (workflow.Wizard, error) {
	for _, page := range workflow.Pages() {
		w.Page = page
		asked := map[string]bool{}
		// Answering one question may bring up another on the same page.
		for next, ok := nextField(w, given, asked); ok; next, ok = nextField(w, given, asked) {
			asked[next.Key] = true
			answered, err := a.question(ctx, w, next)
			if err != nil {
				return w, err
			}
			w = answered
		}
	}
	return w, nil
}

func nextField(w workflow.Wizard, given workflow.Answers, asked map[string]bool) (workflow.Field, bool) {
	for _, f := range w.Fields() {
		if _, known := given[f.Key]; !known && !asked[f.Key] {
			return f, true
		}
	}
	return workflow.Field{}, false
}

// question asks until the answer is good; an empty one takes the default.
func (a *app) question(ctx context.Context, w workflow.Wizard, f workflow.Field) (workflow.Wizard, error) {
	for {
		for i, o := range f.Options {
			fmt.Fprintf(a.err, "  %d %-18s %s\n", i+1, o.Value, o.Help)
		}
		answer, err := a.prompt(ctx, fmt.Sprintf("%s [%s]: ", f.Label, w.Value(f.Key)))
		if err != nil {
			return w, err
		}
		tried := w
		if answer = strings.TrimSpace(answer); answer != "" {
			if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(f.Options) {
				answer = f.Options[n-1].Value
			}
			tried = w.Set(f.Key, answer)
		}
		wrong := tried.Error(f.Key)
		if wrong == nil {
			return tried, nil
		}
		fmt.Fprintf(a.err, "%s %v\n", f.Label, wrong)
	}
}
