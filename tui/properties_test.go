package tui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/mattn/go-runewidth"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
)

// enabledBindings are the keys that have a meaning on a screen now.
func enabledBindings(a *app) []keymap.Binding {
	var bs []keymap.Binding
	if a.overlay != nil {
		bs = a.overlay.bindings()
	} else {
		bs = append(a.bindings(), a.globals()...)
	}
	return slices.DeleteFunc(slices.Clone(bs), func(b keymap.Binding) bool { return b.Disabled != "" })
}

// In no state of any screen do two keys that act mean two things, and each of
// them explains itself in the help.
func TestKeysOfEveryScene(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		for _, size := range sizes {
			keysOf(t, s.name, show(t, s, theme.Options{NoColor: true}, size[0], size[1]))
		}
	}
}

func keysOf(t *testing.T, scene string, a *app) {
	t.Helper()
	seen := map[string]keymap.Action{}
	bs := enabledBindings(a)
	if len(bs) == 0 {
		t.Errorf("%s: no key does anything", scene)
	}
	help := strings.Join(strings.Fields(strings.Join(ui.HelpRows(a.th, bs, 88), " ")), " ")
	for _, b := range bs {
		for _, k := range b.Keys {
			if other, taken := seen[k]; taken {
				t.Errorf("%s: %q means %s and %s", scene, k, other, b.Action)
			}
			seen[k] = b.Action
		}
		if b.Help == "" || b.About == "" || !strings.Contains(help, b.Label) || !strings.Contains(help, strings.Join(strings.Fields(b.About), " ")) {
			t.Errorf("%s: the help does not explain %+v", scene, b)
		}
	}
}

// The look of a screen changes nothing about its rectangle.
func TestEveryLookFitsExactly(t *testing.T) {
	t.Parallel()
	looks := []theme.Options{{}, {NoColor: true}, {ASCII: true, NoColor: true}, {Name: "light"}, {Name: "high-contrast"}}
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, o := range looks {
				a := show(t, s, o, 80, 24)
				for _, size := range [][2]int{{20, 5}, {59, 16}, {60, 15}, {60, 16}, {79, 24}, {80, 24}, {100, 31}, {120, 40}, {200, 50}} {
					a.w, a.h = size[0], size[1]
					fits(t, a.View(), a.w, a.h)
				}
			}
		})
	}
}

// storm is a person who drags the corner of a window about.
func storm(a *app, w, h int) {
	for i := range 60 {
		a.update(tea.WindowSizeMsg{Width: 1 + (i*37)%230, Height: 1 + (i*23)%70})
		a.View()
		a.follow()
	}
	a.update(tea.WindowSizeMsg{Width: w, Height: h})
	a.View() // tells the screens their height
	a.follow()
}

// The chosen row, what was picked, folded and typed, and what lies over the
// screen are there again when the window has its size again. How far a list is
// scrolled may differ.
func TestAResizeStormOnEveryScene(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			a := show(t, s, theme.Options{NoColor: true}, 80, 24)
			before := text(a.View())
			storm(a, 80, 24)
			after := text(a.View())
			if before != after && (len(chosenRows(before)) == 0 || !slices.Equal(chosenRows(before), chosenRows(after))) {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// chosenRows are the rows with a marker.
func chosenRows(frame string) []string {
	var rows []string
	for row := range strings.SplitSeq(frame, "\n") {
		if strings.Contains(" "+row, " > ") {
			rows = append(rows, row)
		}
	}
	return rows
}

// glyphsOf are the characters that a theme declares.
func glyphsOf(th *theme.Theme) map[rune]bool {
	out := map[rune]bool{}
	v := reflect.ValueOf(th.Glyphs)
	for i := range v.NumField() {
		for _, r := range v.Field(i).String() {
			out[r] = true
		}
		if list, ok := v.Field(i).Interface().([]string); ok {
			for _, r := range strings.Join(list, "") {
				out[r] = true
			}
		}
	}
	return out
}

// Characters that East Asian terminals may draw two cells wide are only those
// that the theme declares.
func TestAmbiguousCharactersAreDeclared(t *testing.T) {
	t.Parallel()
	narrow, wide := runewidth.NewCondition(), runewidth.NewCondition()
	narrow.EastAsianWidth, wide.EastAsianWidth = false, true
	declared := glyphsOf(newTheme(t, theme.Options{}))
	declared['→'] = true // of workflow.Line, which plain output shares
	found := map[rune]string{}
	for _, s := range scenes() {
		if strings.Contains(s.name, "hostile") {
			continue // its text comes from outside
		}
		for _, size := range sizes {
			for _, r := range show(t, s, theme.Options{NoColor: true}, size[0], size[1]).View() {
				if narrow.RuneWidth(r) != wide.RuneWidth(r) && !declared[r] {
					found[r] = s.name
				}
			}
		}
	}
	for _, r := range slices.Sorted(maps.Keys(found)) {
		t.Errorf("%q (%U), in %s, is no glyph of the theme", r, r, found[r])
	}
}

// ownWords are the words of all texts that stand in the program.
var ownWords = sync.OnceValue(func() map[string]bool {
	words := map[string]bool{}
	for _, dir := range []string{".", "../workflow", "../profiles"} {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil {
						addWords(words, s)
					}
				}
				return true
			})
			return nil
		})
	}
	return words
})

func addWords(words map[string]bool, s string) {
	for _, w := range tokens(s) {
		words[w] = true
	}
}

// tokens are the words of a row, without punctuation and without what boxes and
// lanes are made of.
func tokens(row string) []string {
	words := strings.FieldsFunc(row, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("│─╭╮╰╯┼┤>[]", r) })
	for i, w := range words {
		words[i] = strings.Trim(w, ".,;:()")
	}
	return words
}

// Every word on a screen is whole: it stands so on a screen with room for
// everything, or in the program's own texts; it carries the sign of a cut; or it
// goes on in the next row.
func TestNothingIsCutWithoutASign(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if s.name == "enrollments-hostile" {
				t.Skip("its words are longer than any screen is wide; the golden screens show where they go on")
			}
			for _, o := range []theme.Options{{NoColor: true}, {ASCII: true, NoColor: true}} {
				cutWithASign(t, s, o)
			}
		})
	}
}

func cutWithASign(t *testing.T, s scene, o theme.Options) {
	t.Helper()
	th, whole := newTheme(t, o), map[string]bool{}
	for _, size := range [][2]int{{400, 300}, {130, 150}} {
		addWords(whole, strings.Join(uncovered(show(t, s, o, size[0], size[1])), "\n"))
	}
	small := sizes
	if !o.ASCII { // the others cut at the same places
		small = append(slices.Clone(sizes), [2]int{67, 20}, [2]int{93, 30})
	}
	for _, size := range small {
		rows := uncovered(show(t, s, o, size[0], size[1]))
		for i, row := range rows {
			for _, w := range tokens(row) {
				if strings.ContainsFunc(w, unicode.IsLetter) && !strings.Contains(w, th.H+th.H) && !whole[w] && !ownWords()[w] && !strings.Contains(w, "…") && !goesOn(whole, rows, i, w) {
					t.Errorf("%dx%d: %q in %q", size[0], size[1], w, row)
				}
			}
		}
	}
}

// uncovered are the rows of a screen and then those of what lies over it, so
// that what a box covers is not taken for cut.
func uncovered(a *app) []string {
	over, toast := a.overlay, a.toast
	a.overlay, a.toast = nil, ""
	rows := strings.Split(text(a.View()), "\n")
	a.overlay, a.toast = over, toast
	if over != nil {
		rows = append(rows, strings.Split(text(strings.Join(over.view(a.w, a.h-2), "\n")), "\n")...)
	}
	rows = append(rows, ui.Wrap(toast, a.w-6)...)
	for i, r := range rows { // one sign of a cut for all looks
		rows[i] = strings.ReplaceAll(r, a.th.Ellipsis, "…")
	}
	return rows
}

// goesOn says whether a part of a word has its other part in a row beside it, or
// below the sign that there are more rows.
func goesOn(whole map[string]bool, rows []string, at int, part string) bool {
	var beside []string
	for _, i := range []int{at - 1, at + 1} {
		if i >= 0 && i < len(rows) {
			beside = append(beside, tokens(rows[i])...)
		}
	}
	octets := func(s string) bool { return strings.Contains(s, ":") && strings.Trim(s, "0123456789abcdef:") == "" }
	goesBelow := at+1 < len(rows) && strings.Contains(rows[at+1], "rows 1 to ")
	if octets(part) && (goesBelow || slices.ContainsFunc(beside, octets)) {
		return true // a fingerprint, which is nowhere in one row
	}
	for _, b := range beside {
		if t := strings.Trim(b, "…"); t != b {
			beside = append(beside, t)
		}
	}
	for w := range whole {
		if !strings.Contains(w, part) {
			continue
		}
		for _, b := range beside {
			if (b == "↓" || b == "v") && strings.HasPrefix(w, part) {
				return true
			}
			for _, joint := range []string{"", ":", ".", ",", ";"} { // of punctuation that tokens takes away
				if strings.Contains(w, part+joint+b) || strings.Contains(w, b+joint+part) {
					return true
				}
			}
		}
	}
	return false
}
