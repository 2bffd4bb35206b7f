package ui

import (
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

func themed(t testing.TB, o theme.Options) *theme.Theme {
	t.Helper()
	th, err := theme.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return th
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s, tail, want, left string
		w                   int
	}{
		{"registration", "…", "regist…", "ration…", 7},
		{"short", "…", "short", "short", 5},
		{"温度センサー", "…", "温度…", "…サー", 5},
		{"温度", "...", "温", "度", 2},
		{"abc", "...", "a", "c", 1},
		{"abc", "…", "", "", 0},
	} {
		if got := Cut(c.s, c.w, c.tail); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.s, c.w, got, c.want)
		}
		if c.s == "registration" {
			c.left = "…ration"
		}
		if got := CutLeft(c.s, c.w, c.tail); got != c.left {
			t.Errorf("CutLeft(%q, %d) = %q, want %q", c.s, c.w, got, c.left)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s    string
		w    int
		want string
	}{
		{"one two three", 7, "one two|three"},
		{"", 7, ""},
		{"self-signed certificate", 13, "self-signed|certificate"},
		{"abcdefghij", 4, "abcd|efgh|ij"},
		{"PUT https://example.com/a/b", 20, "PUT https://example.|com/a/b"},
		{"lab-hub.azure-devices.net", 20, "lab-hub.azure-|devices.net"},
		{"lab-hub.azure-devices.net", 16, "lab-hub.azure-|devices.net"},
		{"lab-hub.azure-devices.net", 13, "lab-hub.|azure-|devices.net"},
		{"contoso-dps.azure-devices-provisioning.net", 12, "contoso-dps.|azure-|devices-|provisioning|.net"},
		{"a.bcdefghijklmnop", 10, "a.bcdefghi|jklmnop"}, // so early a break would waste the row
		{"see https://contoso.vault.azure.net/secrets/gateway", 24, "see https://contoso.|vault.azure.net/secrets/|gateway"},
		{"SHA-1 0F6B3A1C55D2E8F9A7B4C3D2E1F0A9B8C7D6E5F4", 30, "SHA-1 0F6B3A1C55D2E8F9A7B4C3D2|E1F0A9B8C7D6E5F4"},
		{"export DPS_CONNECTION_STRING='HostName=x;SharedAccessKey=y'", 24, "export DPS_CONNECTION_|STRING='HostName=x;|SharedAccessKey=y'"},
		{"36:a9:ad:fe:5c:d5:83:fa", 10, "36:a9:ad:|fe:5c:d5:|83:fa"},
		{"温度センサー", 5, "温度|セン|サー"},
		{"温", 1, ""},
		{"a 温 b", 1, "a|b"},
		{"  many   blanks ", 20, "many blanks"},
	} {
		if got := strings.Join(Wrap(c.s, c.w), "|"); got != c.want {
			t.Errorf("Wrap(%q, %d) = %q, want %q", c.s, c.w, got, c.want)
		}
	}
}

// FuzzCells asserts what every screen stands on: a rectangle is a rectangle.
func FuzzCells(f *testing.F) {
	f.Add("plain text", 10, 3)
	f.Add("温度センサー 👩‍🔧 é", 7, 2)
	f.Add("\x1b[31mred\x1b[0m and more", 5, 2)
	f.Add("x", 0, 0)
	f.Add("plain e\u0301 and so on", 9, 2)
	f.Add("PUT https://lab-hub.azure-devices.net/devices/d/messages?api-version=2020-03-13", 13, 4)
	th := themed(f, theme.Options{})
	f.Fuzz(func(t *testing.T, s string, w, h int) {
		w, h = w&0xff, h&0x1f
		clean := th.Clean(s)
		for _, text := range []string{clean, th.Bad.Text(clean), "é" + clean} {
			if Width(text) != ansi.StringWidth(text) {
				t.Fatalf("%q is %d cells wide, not %d", text, ansi.StringWidth(text), Width(text))
			}
		}
		for _, r := range Fit([]string{clean, th.Bad.Text(clean)}, w, h, th.Ellipsis) {
			if Width(r) != w {
				t.Fatalf("Fit %q to %d: %q is %d cells", s, w, r, Width(r))
			}
		}
		rows := Wrap(clean, w)
		for _, r := range rows {
			if Width(r) > w {
				t.Fatalf("Wrap %q to %d: %q is %d cells", s, w, r, Width(r))
			}
		}
		nothing := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got, want := nothing(strings.Join(rows, "")), nothing(clean); w > 1 && got != want {
			t.Fatalf("Wrap %q to %d has %q", s, w, got)
		}
		if got := Width(Spread(clean, "right", w, th.Ellipsis)); w > 0 && got != w {
			t.Fatalf("Spread %q to %d is %d cells", s, w, got)
		}
		in := NewInput(s)
		for _, focused := range []bool{true, false} {
			if w < 2 {
				break
			}
			if v := in.View(th, w, focused); Width(v) != w {
				t.Fatalf("a field with %q, %d cells: %q is %d", s, w, v, Width(v))
			}
		}
	})
}

func TestHead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("温度", 1000)
	got := Head(long, 10)
	if !strings.HasPrefix(long, got) || Width(got) < 10 || len(got) > 10*bytesPerCell || strings.ContainsRune(got, '\ufffd') {
		t.Errorf("Head took %d bytes, %d cells", len(got), Width(got))
	}
	if Head("short", 10) != "short" {
		t.Error("Head cut a short text")
	}
}

// BenchmarkWrap is the body of the largest message in one word.
func BenchmarkWrap(b *testing.B) {
	s := strings.Repeat("x", 256<<10)
	for b.Loop() {
		Wrap(s, 76)
	}
}

func TestOverKeepsTheWidth(t *testing.T) {
	t.Parallel()
	th := themed(t, theme.Options{})
	box := Box(th, "title", []string{"温度"}, 9)
	for x := range 12 {
		rows := Fit([]string{strings.Repeat("温", 10), th.Bad.Text(strings.Repeat("度", 10)), "plain", ""}, 21, 4, "…")
		for i, r := range Over(rows, box, x, 0) {
			if Width(r) != 21 {
				t.Errorf("box at %d: row %d is %d cells: %q", x, i, Width(r), ansi.Strip(r))
			}
		}
	}
}

func TestInput(t *testing.T) {
	t.Parallel()
	in := NewInput("dev")
	in.Handle(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("ice-1\r\n"), Paste: true})
	if in.Value() != "device-1" {
		t.Errorf("after a paste with a line end: %q", in.Value())
	}
	in.Handle(tea.KeyMsg{Type: tea.KeyHome})
	in.Handle(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("é")})
	plain := themed(t, theme.Options{NoColor: true})
	if got := in.View(plain, 12, true); got != "é│device-1  " {
		t.Errorf("without colour the cursor shows as %q", got)
	}
	if in.Handle(tea.KeyMsg{Type: tea.KeyLeft}); in.Handle(tea.KeyMsg{Type: tea.KeyLeft}) {
		t.Error("moving the cursor counts as a change")
	}
	in.Mask = true
	if got := in.View(plain, 12, true); strings.Contains(got, "d") {
		t.Errorf("a masked field shows %q", got)
	}
	if in.Handle(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("\n"), Paste: true}) {
		t.Error("pasting a bare line end counts as a change")
	}
}

func TestListScrollsJustEnough(t *testing.T) {
	t.Parallel()
	var l List
	l.SetLen(10000)
	for _, c := range []struct{ move, from, cursor int }{{0, 0, 0}, {4, 0, 4}, {1, 1, 5}, {20000, 9995, 9999}, {-1, 9995, 9998}, {-20000, 0, 0}} {
		l.Move(c.move)
		if from, to := l.Window(5); from != c.from || to != c.from+5 || l.Cursor != c.cursor {
			t.Errorf("after %d: rows %d to %d, cursor %d, want from %d, cursor %d", c.move, from, to, l.Cursor, c.from, c.cursor)
		}
	}
	l.SetLen(0)
	if from, to := l.Window(5); from != 0 || to != 0 || l.Cursor != 0 {
		t.Errorf("an empty list shows %d to %d, cursor %d", from, to, l.Cursor)
	}
}

func TestScrollFollowsUntilSomebodyLooksBack(t *testing.T) {
	t.Parallel()
	s := Scroll{Follow: true}
	rows := make([]string, 20)
	if _, above, below := s.Window(rows, 5); above != 15 || below != 0 {
		t.Errorf("a following view starts with %d above, %d below", above, below)
	}
	s.Move(-3)
	if _, above, _ := s.Window(make([]string, 30), 5); above != 12 {
		t.Errorf("a view that looks back moved to %d", above)
	}
	s.Move(100)
	if _, _, below := s.Window(make([]string, 40), 5); below != 0 {
		t.Errorf("back at the end it no longer follows: %d below", below)
	}
}

func TestLaneRowsFit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	poll := &workflow.Poll{Since: now, Due: now.Add(3 * time.Second)}
	long := strings.Repeat("温度 very long ", 12)
	var rows []workflow.LaneRow
	for kind := workflow.LaneRequest; kind <= workflow.LaneFault; kind++ {
		for _, hub := range []bool{false, true} {
			for _, label := range []string{"", "PUT register", long} {
				rows = append(rows,
					workflow.LaneRow{Kind: kind, ToHub: hub, Label: label, Note: label, Poll: poll, Open: true},
					workflow.LaneRow{Kind: kind, ToHub: hub, Label: label, Note: label, Bad: true})
			}
		}
	}
	for _, o := range []theme.Options{{}, {ASCII: true}} {
		th := themed(t, o)
		for _, w := range []int{46, 55, 57, 80, 180} {
			names, body := Lane(th, rows, now.Add(time.Second), w)
			for _, r := range append(body, names) {
				if Width(r) != w {
					t.Errorf("width %d: %d cells: %q", w, Width(r), ansi.Strip(r))
				}
			}
		}
	}
}

func TestChartFitsAndScales(t *testing.T) {
	t.Parallel()
	for _, o := range []theme.Options{{}, {ASCII: true}} {
		th := themed(t, o)
		for _, c := range []Chart{
			{},
			{Values: []float64{1}, First: 1, Of: 10},
			{Values: []float64{-1e9, 1e9}, First: 1},
			{Values: make([]float64, 1000), First: 1},
			{Values: []float64{1, 2, 3}, Have: []bool{true, false, true}, First: 5, Of: 100000},
		} {
			for _, w := range []int{4, 16, 50, 200} {
				for _, h := range []int{1, 2, 3, 8, 30} {
					rows := c.View(th, w, h)
					if len(rows) != h {
						t.Errorf("%dx%d: %d rows", w, h, len(rows))
					}
					for _, r := range rows {
						if Width(r) != w {
							t.Errorf("%dx%d: %d cells: %q", w, h, Width(r), ansi.Strip(r))
						}
					}
				}
			}
		}
	}
}

// A chart that has no room for its axis shows the line and the range.
func TestLowChart(t *testing.T) {
	t.Parallel()
	c := Chart{Values: []float64{10, 20, 10, 20}, First: 1, Of: 4}
	th := themed(t, theme.Options{ASCII: true, NoColor: true})
	if got, want := trimmed(strings.Join(c.View(th, 16, 2), "\n")), " 20.0 +  *    *\n 10.0 +**  *"; strings.Count(got, "*") < 4 || !strings.HasPrefix(got, " 20.0 +") || !strings.Contains(got, "\n 10.0 +") {
		t.Errorf("got:\n%s\nwant something like:\n%s", got, want)
	}
	if got := trimmed(strings.Join(c.View(th, 16, 1), "")); got != "" {
		t.Errorf("one row: %q", got)
	}
}

func TestChartInASCII(t *testing.T) {
	t.Parallel()
	c := Chart{Values: []float64{10, 20, 10, 20}, First: 1, Of: 7}
	got := strings.Join(c.View(themed(t, theme.Options{ASCII: true, NoColor: true}), 22, 5), "\n")
	want := strings.Join([]string{
		" 20.0 +  *    *       ",
		"      | * *  *        ",
		" 10.0 +*   **         ",
		"      +---------------",
		"       message 1     7",
	}, "\n")
	if trimmed(got) != trimmed(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func trimmed(s string) string {
	rows := strings.Split(s, "\n")
	for i, r := range rows {
		rows[i] = strings.TrimRight(r, " ")
	}
	return strings.Join(rows, "\n")
}

func TestFooterKeepsHelp(t *testing.T) {
	t.Parallel()
	th := themed(t, theme.Options{NoColor: true})
	bs := append(keymap.For(keymap.OnHome), keymap.For(keymap.Global)...)
	keymap.Disable(bs, keymap.New, "because")
	for _, w := range []int{12, 30, 60, 200} {
		got := Footer(th, bs, w)
		if Width(got) != w || !strings.Contains(got, "? help") || strings.Contains(got, "n new") {
			t.Errorf("footer of %d cells: %q", w, got)
		}
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		3 * time.Second: "3 s", 400 * time.Millisecond: "0.4 s", 125 * time.Second: "2 min 5 s", 0: "0 s",
	} {
		if got := Seconds(d); got != want {
			t.Errorf("Seconds(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestWaited(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		had  time.Duration
		want string
	}{
		{3 * time.Second, "waited 3 s"},
		{2990 * time.Millisecond, "waited 3 s"},
		{1300 * time.Millisecond, "cut at 1.3 s of 3 s"},
		{0, "wait of 3 s, cut short"},
	} {
		row := workflow.LaneRow{Kind: workflow.LaneWait, Poll: &workflow.Poll{Since: since, Due: since.Add(3 * time.Second)}, Ended: since.Add(c.had)}
		if got := waited(row); got != c.want {
			t.Errorf("after %v: %q, want %q", c.had, got, c.want)
		}
	}
}
