// Package theme turns tokens into what a terminal is told: colours and glyphs.
//
// Colours are the 16 that every terminal has and every user has tuned, so a
// theme never asks the terminal for its background. A style is a value that
// belongs to one [Theme]; nothing here is global, so two sessions with
// different terminals do not mix. Meaning is never carried by a style alone:
// with [Options.NoColor] every style is plain and the glyphs must do.
package theme

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// Style is how a piece of one line looks. The zero Style is plain text.
type Style struct{ style *lipgloss.Style }

// Text styles one piece of a line. Pieces are joined side by side, never
// nested: the reset that ends an inner piece would end the outer one too.
func (s Style) Text(t string) string {
	if s.style == nil || t == "" {
		return t
	}
	return s.style.Render(t)
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
	accent, ok, warn, bad lipgloss.ANSIColor
	bold                  bool // colours alone are too weak: make them bold
	faint                 bool // dim text may be drawn faint
}

// The colours by their ANSI numbers: 1 red, 2 green, 3 yellow, 4 blue, 5
// magenta, 6 cyan; 8 more for the bright ones.
var palettes = map[string]tokens{
	"dark":          {accent: 6, ok: 2, warn: 3, bad: 9, faint: true},
	"light":         {accent: 4, ok: 2, warn: 5, bad: 1, faint: true},
	"high-contrast": {accent: 14, ok: 10, warn: 11, bad: 9, bold: true},
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

// ErrUnknown is the error of a name that no theme has.
var ErrUnknown = errors.New("no such theme")

// New builds a theme. An unknown name is ErrUnknown; the text says which are
// known.
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
		return nil, fmt.Errorf("%w: %q; there are %s", ErrUnknown, o.Name, strings.Join(Names(), ", "))
	}
	if o.NoColor || name == "none" {
		t.plain = true
		return t, nil
	}
	t.colour(p)
	return t, nil
}

func (t *Theme) colour(p tokens) {
	plain := newRenderer().NewStyle()
	base := plain.Bold(p.bold)
	t.Strong = style(plain.Bold(true))
	if p.faint {
		t.Dim = style(plain.Faint(true))
	}
	t.Accent = style(base.Foreground(p.accent))
	t.Selected = style(plain.Bold(true).Foreground(p.accent))
	t.OK = style(base.Foreground(p.ok))
	t.Warn = style(base.Foreground(p.warn))
	t.Bad = style(base.Foreground(p.bad))
	t.Key = style(plain.Bold(true).Foreground(p.accent))
	t.Cursor = style(plain.Reverse(true))
}

// newRenderer is a renderer of this theme alone. Its colours are decided here,
// not asked of a terminal: lipgloss's own default would ask standard output.
func newRenderer() *lipgloss.Renderer {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.ANSI)
	r.SetHasDarkBackground(true)
	return r
}

// style keeps lipgloss from wrapping, padding or expanding tabs: rows are cut
// to size by package ui.
func style(s lipgloss.Style) Style {
	s = s.Inline(true).TabWidth(lipgloss.NoTabConversion)
	return Style{style: &s}
}

// ASCII says whether only ASCII may be drawn.
func (t *Theme) ASCII() bool { return t.ascii }

// Colourless says whether styles are all plain.
func (t *Theme) Colourless() bool { return t.plain }
