package profiles

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// Error is something wrong in a file that a person wrote, at its place. None of
// its texts holds a secret, and control characters of the file are escaped.
type Error struct {
	Path    string
	Line    int // from 1
	Column  int // from 1, in characters
	Key     string
	Problem string
	Fix     string
	Snippet string // the line, without the value when that may be a secret
}

// Error is "FILE:LINE:COLUMN: key: problem. Fix: ...".
func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: ", e.Path, e.Line, e.Column)
	if e.Key != "" {
		s += e.Key + ": "
	}
	s += e.Problem
	if e.Fix != "" {
		s += ". Fix: " + e.Fix
	}
	return s
}

// Document is a profile with the text it was read from, so that a value that
// turns out to be bad can be reported at its place.
type Document struct {
	Profile *Profile
	Path    string
	Source  []byte
}

// Has reports whether the file sets a key, "telemetry.count", whatever its
// value.
func (d *Document) Has(key string) bool {
	_, ok := find(scan(d.Source), strings.Split(key, "."))
	return ok
}

// Errorf reports a bad value. key is the TOML path, "identity.registration_id";
// a key that is not in the file is reported at its table, or at the beginning.
func (d *Document) Errorf(key, fix, format string, args ...any) *Error {
	return newError(d.Path, d.Source, scan(d.Source), strings.Split(key, "."), visible(fmt.Sprintf(format, args...)), visible(fix))
}

// newError finds the key, or the nearest table above it, in the source.
func newError(path string, source []byte, keys []key, at []string, problem, fix string) *Error {
	offset := 0
	for n := len(at); n > 0; n-- {
		if k, ok := find(keys, at[:n]); ok {
			offset = k.offset
			break
		}
	}
	e := errorAt(path, source, offset, problem, fix)
	e.Key = visible(toml.Key(at).String())
	return e
}

func errorAt(path string, source []byte, offset int, problem, fix string) *Error {
	line, column, text := locate(source, offset)
	return &Error{Path: path, Line: line, Column: column, Problem: problem, Fix: fix, Snippet: snippet(text)}
}

// locate turns a byte offset into line, column and the line's text.
func locate(source []byte, offset int) (line, column int, text string) {
	s := string(source)
	offset = min(max(offset, 0), len(s))
	start := strings.LastIndexByte(s[:offset], '\n') + 1
	text, _, _ = strings.Cut(s[start:], "\n")
	return strings.Count(s[:start], "\n") + 1, utf8.RuneCountInString(s[start:offset]) + 1, strings.TrimSuffix(text, "\r")
}

// maxSnippet bounds Error.Snippet, in characters.
const maxSnippet = 120

// snippet shows a line of the file. When anything in it sounds of a secret all
// values are left out, even where only the name of a variable belongs.
func snippet(line string) string {
	if soundsSecret(line) {
		return withoutValue(line)
	}
	return shorten(visible(line))
}

// withoutValue shows a line up to its first '='.
func withoutValue(line string) string {
	name, _, ok := strings.Cut(line, "=")
	if !ok {
		return "…" // the middle of a value
	}
	return shorten(visible(strings.TrimRight(name, " \t")) + " = …")
}

func shorten(line string) string {
	if utf8.RuneCountInString(line) > maxSnippet {
		line = string([]rune(line)[:maxSnippet-1]) + "…"
	}
	return line
}

// decodeError places an error of the TOML library.
func decodeError(path string, source []byte, err error, fix string) *Error {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return errorAt(path, source, 0, visible(strings.TrimPrefix(err.Error(), "toml: ")), fix)
	}
	e := errorAt(path, source, parse.Position.Start, visible(parse.Message), fix)
	e.Key = visible(parse.LastKey)
	return e
}

// syntaxError is decodeError for a profile. The library's message and the line
// quote the text, so both are left out unless the key is known and harmless:
// under a misspelt one may stand a pass phrase.
func syntaxError(path string, source []byte, err error) *Error {
	e := decodeError(path, source, err, "correct the TOML syntax there; texts stand in quotes")
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return e
	}
	_, _, line := locate(source, parse.Position.Start)
	at := lastKey(source, parse.Position.Start)
	if soundsSecret(line) || len(at) > 0 && (soundsSecret(at[len(at)-1]) || !profileShape().knows(at)) {
		e.Problem, e.Snippet = "bad TOML syntax", withoutValue(line)
	}
	return e
}

// lastKey is the last key that begins before an offset: a broken value may run
// over several lines.
func lastKey(source []byte, offset int) []string {
	var last []string
	for _, k := range scan(source) {
		if k.offset <= offset {
			last = k.path
		}
	}
	return last
}

// visible escapes what a terminal would act on or not show.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRune(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}
