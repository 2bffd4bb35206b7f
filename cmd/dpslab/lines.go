package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"dpslab/workflow"
)

// plainFace prints a run as lines on standard error.
type plainFace struct {
	out     io.Writer
	verbose bool
}

func (f *plainFace) event(e workflow.Event) {
	switch e.Kind {
	case workflow.LabOpened:
		verb := "started"
		if e.Lab.Joined {
			verb = "joined the one"
		}
		f.line("lab", fmt.Sprintf("%s on %s, ID scope %s", verb, e.Lab.Address, e.Lab.IDScope))
		return
	case workflow.StepFinished:
		if e.Text != string(e.Outcome) {
			f.line(string(e.Step), string(e.Outcome)+": "+e.Text)
			return
		}
		f.line(string(e.Step), e.Text)
		return
	case workflow.StepSkipped:
		f.line(string(e.Step), "skipped: "+e.Text)
		return
	}
	for line := range strings.SplitSeq(workflow.Line(e), "\n") {
		if line != "" {
			f.line(string(e.Step), line)
		}
	}
	if f.verbose && e.Kind == workflow.ExchangeFinished {
		f.exchange(e.Exchange)
	}
}

func (f *plainFace) line(label, text string) {
	fmt.Fprintf(f.out, "%-13s %s\n", label, printable(text))
}

// exchange prints an exchange the way curl -v does.
func (f *plainFace) exchange(x *workflow.Exchange) {
	fmt.Fprintf(f.out, "  > %s %s\n", x.Method, printable(x.URL))
	f.headers(">", x.RequestHeader)
	f.body(">", x.RequestBody)
	if x.Status == 0 {
		return
	}
	fmt.Fprintf(f.out, "  < %s %d %s\n", x.Proto, x.Status, printable(x.Reason))
	f.headers("<", x.ResponseHeader)
	f.body("<", x.ResponseBody)
	if t := x.TLS; t != nil {
		fmt.Fprintf(f.out, "  * %s, %s, server name %s, %d client certificates sent\n", t.Version, t.CipherSuite, printable(t.ServerName), len(t.Client))
	}
}

func (f *plainFace) headers(mark string, h map[string][]string) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range h[name] {
			fmt.Fprintf(f.out, "  %s %s: %s\n", mark, printable(name), printable(v))
		}
	}
}

func (f *plainFace) body(mark, body string) {
	if body == "" {
		return
	}
	for line := range strings.SplitSeq(strings.TrimRight(body, "\n"), "\n") {
		fmt.Fprintf(f.out, "  %s %s\n", mark, printable(line))
	}
}

// jsonFace prints every event as one JSON object a line.
func jsonFace(out io.Writer) func(workflow.Event) {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return func(e workflow.Event) { _ = encoder.Encode(e) } // a closed pipe ends the process by its signal
}

// printable makes control and escape characters of foreign text visible. Line
// feeds and tabs stay.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ':
			return 0x2400 + r // the control pictures
		case r == 0x7f:
			return '␡'
		case unicode.Is(unicode.Cf, r) || unicode.IsControl(r):
			return '\uFFFD'
		}
		return r
	}, s)
}
