package screen

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"dpslab/tui/theme"
)

// The cursor hides nothing: with it and without it a row says the same, and the
// mark of a row that folds is beside it.
func TestTheCursorHidesNoMark(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]theme.Options{"colour": {}, "no colour": {NoColor: true}, "ascii": {ASCII: true, NoColor: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			th, err := theme.New(options)
			if err != nil {
				t.Fatal(err)
			}
			r := &report{th: th, w: 40, closed: folds{"shut": true}, keys: map[int]string{}}
			r.fold("open", "Request")
			r.fold("shut", "Answer")
			r.text("  ", "text", th.Plain)
			var o outline
			o.set(r.rows, r.keys)
			for at, want := range []string{"- Request", "+ Answer", "  text"} {
				o.cursor = at
				with, _ := o.view(th, 40, 5, true)
				without, _ := o.view(th, 40, 5, false)
				if got := strings.TrimRight(ansi.Strip(with[at]), " "); got != th.Marker+" "+want {
					t.Errorf("with the cursor row %d is %q", at, got)
				}
				if got := strings.TrimRight(ansi.Strip(without[at]), " "); got != "  "+want {
					t.Errorf("without it, %q", got)
				}
			}
		})
	}
}

// A text that begins with an empty row has its cursor on the first one that says
// something.
func TestTheCursorStandsOnNoEmptyRow(t *testing.T) {
	t.Parallel()
	var o outline
	o.set([]string{"", "", "Request", "text"}, nil)
	if o.cursor != 2 {
		t.Errorf("the cursor is on row %d", o.cursor)
	}
}
