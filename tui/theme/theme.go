// Package theme turns tokens into what a terminal is told: colours and glyphs.
//
// Colours are the 16 that every terminal has and every user has tuned, so a
// theme never asks the terminal for its background. A style is a value that
// belongs to one [Theme]; nothing here is global, so two sessions with
// different terminals do not mix. Meaning is never carried by a style alone:
// with [Options.NoColor] every style is plain and the glyphs must do.
package theme

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Style is how a piece of one line looks. The zero Style is plain text.
type Style struct{ on string }

// Text styles one piece of a line. Pieces are joined side by side, never
// nested: the reset that ends an inner piece would end the outer one too.
func (s Style) Text(t string) string {
	if s.on == "" || t == "" {
		return t
	}
	return s.on + t + ansi.ResetStyle
}

// Theme is everything a screen needs to know to draw itself.
type Theme struct {
	Glyphs

	// Plain has no attributes at all.
	Plain Style
	// Strong is for names and titles, Dim for what may be overlooked.
	Strong, Dim Style
	// Accent marks the focus; Selected is a whole selected row.
	Accent, Selected Style
	// OK, Warn and Bad colour a state that a glyph or a word already tells.
	OK, Warn, Bad Style
	// Key is a key in the footer.
	Key Style
	// Cursor is the cell under the text cursor; plain when NoColor is set, and
	// then a glyph stands for it.
	Cursor Style

	ascii, plain bool
}

// Options choose a theme.
type Options struct {
	Name    string // one of Names; empty means "dark"
	ASCII   bool   // use no character beyond ASCII
	NoColor bool   // no colour, no bold, no reverse: glyphs and words only
}

// tokens are the 16-colour numbers of one theme.
type tokens struct {
	accent, ok, warn, bad ansi.BasicColor
	bold                  bool // colours alone are too weak: make them bold
	faint                 bool // dim text may be drawn faint
}

var palettes = map[string]tokens{
	"dark":          {accent: ansi.Cyan, ok: ansi.Green, warn: ansi.Yellow, bad: ansi.BrightRed, faint: true},
	"light":         {accent: ansi.Blue, ok: ansi.Green, warn: ansi.Magenta, bad: ansi.Red, faint: true},
	"high-contrast": {accent: ansi.BrightCyan, ok: ansi.BrightGreen, warn: ansi.BrightYellow, bad: ansi.BrightRed, bold: true},
}

// Names lists the themes, sorted. "none" is the same as NoColor.
func Names() []string {
	names := []string{"none"}
	for n := range palettes {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// New builds a theme. It fails on an unknown name and says which are known.
func New(o Options) (*Theme, error) {
	t := &Theme{Glyphs: unicodeGlyphs, ascii: o.ASCII}
	if o.ASCII {
		t.Glyphs = asciiGlyphs
	}
	name := o.Name
	if name == "" {
		name = "dark"
	}
	p, known := palettes[name]
	if !known && name != "none" {
		return nil, fmt.Errorf("theme %q: known are %s", o.Name, strings.Join(Names(), ", "))
	}
	if o.NoColor || name == "none" {
		t.plain = true
		return t, nil
	}
	t.colour(p)
	return t, nil
}

func (t *Theme) colour(p tokens) {
	base := ansi.Style{}
	if p.bold {
		base = base.Bold()
	}
	t.Strong = style(ansi.Style{}.Bold())
	if p.faint {
		t.Dim = style(ansi.Style{}.Faint())
	}
	t.Accent = style(base.ForegroundColor(p.accent))
	t.Selected = style(ansi.Style{}.Bold().ForegroundColor(p.accent))
	t.OK = style(base.ForegroundColor(p.ok))
	t.Warn = style(base.ForegroundColor(p.warn))
	t.Bad = style(base.ForegroundColor(p.bad))
	t.Key = style(ansi.Style{}.Bold().ForegroundColor(p.accent))
	t.Cursor = style(ansi.Style{}.Reverse(true))
}

func style(s ansi.Style) Style { return Style{on: s.String()} }

// ASCII says whether only ASCII may be drawn.
func (t *Theme) ASCII() bool { return t.ascii }

// Colourless says whether styles are all plain.
func (t *Theme) Colourless() bool { return t.plain }
