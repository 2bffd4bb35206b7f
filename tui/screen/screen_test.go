package screen

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/profiles"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

func themed(t testing.TB) *theme.Theme {
	t.Helper()
	th, err := theme.New(theme.Options{NoColor: true})
	if err != nil {
		t.Fatal(err)
	}
	return th
}

func TestLife(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, c := range []struct {
		left time.Duration
		want string
	}{
		{29*day + time.Hour, "30 days left"},
		{day, "1 day left"},
		{90 * time.Minute, "2 h left"},
		{30 * day, "30 days left"},
		{time.Minute, "1 h left"},
		{0, "expired"},
		{-time.Hour, "expired"},
		{-4*day - time.Hour, "expired 4 d"},
	} {
		if got := Life(c.left); got != c.want {
			t.Errorf("Life(%v) = %q, want %q", c.left, got, c.want)
		}
	}
}

func TestStatusOf(t *testing.T) {
	t.Parallel()
	th := themed(t)
	registered := func(status, operation string) *profiles.State {
		return &profiles.State{Registration: profiles.Registration{Status: status, OperationID: operation, AssignedHub: "lab-hub.azure-devices.net"}}
	}
	failed := func(e profiles.LastError) *profiles.State { return &profiles.State{LastError: &e} }
	for _, c := range []struct {
		d    workflow.Device
		want string
	}{
		{workflow.Device{}, ""},
		{workflow.Device{Err: errors.New("bad")}, "profile not usable"},
		{workflow.Device{State: &profiles.State{}}, "not registered"},
		{workflow.Device{State: registered("assigned", "")}, "assigned lab-hub"},
		{workflow.Device{State: registered("disabled", "")}, "disabled"},
		{workflow.Device{State: registered("assigning", "5.1")}, "can be resumed"},
		{workflow.Device{State: failed(profiles.LastError{Code: "401002", Status: 401})}, "401002"},
		{workflow.Device{State: failed(profiles.LastError{Status: 503})}, "HTTP 503"},
		{workflow.Device{State: failed(profiles.LastError{Step: "enrollment"})}, "enrollment failed"},
		{workflow.Device{State: failed(profiles.LastError{})}, "failed"},
	} {
		if got := statusOf(th, c.d); got.text != c.want {
			t.Errorf("%+v: %q, want %q", c.d, got.text, c.want)
		}
	}
}

func key(s string) tea.KeyMsg {
	named := map[string]tea.KeyMsg{
		"enter": {Type: tea.KeyEnter}, "esc": {Type: tea.KeyEsc}, "tab": {Type: tea.KeyTab}, "shift+tab": {Type: tea.KeyShiftTab},
		"up": {Type: tea.KeyUp}, "down": {Type: tea.KeyDown}, "left": {Type: tea.KeyLeft}, "right": {Type: tea.KeyRight}, " ": {Type: tea.KeySpace, Runes: []rune{' '}},
	}
	if k, ok := named[s]; ok {
		return k
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s)}
}

// Random keys never lose an answer by going back, never pass a page that is
// wrong, and never draw outside the rectangle.
func FuzzWizard(f *testing.F) {
	keys := []string{"enter", "esc", "tab", "shift+tab", "up", "down", "left", "right", " ", "a", ".", "7"}
	f.Add([]byte{0, 9, 11, 0, 0, 7, 0, 0, 0, 1, 1})
	f.Add([]byte{5, 0, 9, 0, 9, 0, 4, 3, 2})
	f.Add([]byte{0, 10, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	th := themed(f)
	f.Fuzz(func(t *testing.T, input []byte) {
		s := NewWizard(th, nil, profiles.Paths{}, nil)
		for _, b := range input[:min(len(input), 200)] {
			name := keys[int(b)%len(keys)]
			before := len(s.Answers())
			intent := s.Handle(key(name))
			if len(s.Answers()) < before {
				t.Fatalf("%q lost an answer", name)
			}
			if _, saved := intent.(SaveAndRun); saved && len(s.w.Errors()) > 0 {
				t.Fatalf("saved although %v", s.w.Errors())
			}
			for _, row := range s.View(60, 14) {
				if ui.Width(row) != 60 {
					t.Fatalf("after %q a row has %d cells: %q", name, ui.Width(row), row)
				}
			}
		}
	})
}

func TestWizardRefusesAWrongPage(t *testing.T) {
	t.Parallel()
	s := NewWizard(themed(t), nil, profiles.Paths{}, func(name string) bool { return name == "taken" })
	for _, k := range []string{"enter", "enter"} {
		s.Handle(key(k))
	}
	if s.w.Page != workflow.PageIdentity {
		t.Fatalf("an empty registration ID was accepted: page %s", s.w.Page.Title())
	}
	for _, k := range []string{"t", "a", "k", "e", "n", "enter", "enter"} {
		s.Handle(key(k))
	}
	if s.w.Page != workflow.PageIdentity || !strings.Contains(strings.Join(s.View(80, 20), "\n"), "name of a device that you already have") {
		t.Errorf("a name that is taken was accepted: page %s", s.w.Page.Title())
	}
}

func TestADraftOpensWhereItWasLeft(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		draft workflow.Answers
		want  workflow.Page
	}{
		{nil, workflow.PageWhere},
		{workflow.Answers{"identity.registration_id": "t8"}, workflow.PageIdentity},
		{workflow.Answers{"identity.registration_id": "t8", "telemetry.count": "3"}, workflow.PageTelemetry},
		{workflow.Answers{"identity.registration_id": "t8.", "telemetry.count": "3"}, workflow.PageIdentity},
	} {
		if s := NewWizard(themed(t), c.draft, profiles.Paths{}, nil); s.w.Page != c.want {
			t.Errorf("%v opens at %s, want %s", c.draft, s.w.Page.Title(), c.want.Title())
		}
	}
}

// A body from a server may be anything; it is drawn within its width.
func FuzzExchange(f *testing.F) {
	f.Add(`{"status":"assigned","n":[1,2,{"a":null}]}`, "X-Ms-Request-Id", "a86b4a2d")
	f.Add("not json \x1b[2J\r\n\ttext", "警告", "温度\x07")
	f.Add(strings.Repeat(`{"a":`, 60), "", "")
	th := themed(f)
	f.Fuzz(func(t *testing.T, body, name, value string) {
		x := &workflow.Exchange{Method: "PUT", URL: value, Status: 200, ResponseBody: body, RequestBody: value}
		x.ResponseHeader = map[string][]string{name: {value, body}}
		for _, w := range []int{20, 58, 76} {
			for _, row := range exchangeRows(th, x, w, folds{}).rows {
				if ui.Width(row) > w || strings.ContainsAny(row, "\x1b\x07\r\n\t") {
					t.Fatalf("a row of %d cells in %d: %q", ui.Width(row), w, row)
				}
			}
		}
	})
}

// Another choice on the certificates page is the moment to begin the search for
// keys; typing, and the same choice again, are not.
func TestTheWizardAsksForKeys(t *testing.T) {
	t.Parallel()
	s := NewWizard(themed(t), workflow.Answers{"identity.registration_id": "t8", "identity.valid_days": "30"}, profiles.Paths{}, nil)
	if s.w.Page != workflow.PageCertificates {
		t.Fatalf("the draft opens at %s", s.w.Page.Title())
	}
	for _, c := range []struct {
		key  string
		want string // the algorithm that is asked for; empty: nothing is
	}{
		{"left", ""}, {"tab", ""}, {"right", "ec-p384"}, {"right", "ec-p521"}, {"right", "rsa-2048"}, {"tab", ""}, {"7", ""},
	} {
		got := ""
		if p, ok := s.Handle(key(c.key)).(PrepareKeys); ok {
			got = p.Answers["identity.algorithm"]
		}
		if got != c.want {
			t.Errorf("%q asks for keys of %q, want %q", c.key, got, c.want)
		}
	}
}

// Where the page has room, no answer's meaning is cut.
func TestAnswersAreToldInFull(t *testing.T) {
	t.Parallel()
	s := NewWizard(themed(t), workflow.Answers{"identity.registration_id": "t8", "identity.valid_days": "30"}, profiles.Paths{}, nil)
	s.Handle(key("tab"))
	if f, _ := s.field(); len(f.Options) < 6 {
		t.Fatalf("%s has %d answers", f.Label, len(f.Options))
	}
	for _, row := range s.View(80, 22) {
		if strings.Contains(row, s.th.Ellipsis) {
			t.Errorf("cut: %q", row)
		}
	}
}

// A device without a certificate says what it has instead.
func TestKnownOfADevice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		identity profiles.Identity
		want     [2]string
	}{
		{profiles.Identity{Attestation: "x509", Source: "chain"}, [2]string{"certificate", "chain"}},
		{profiles.Identity{Attestation: "symmetric-key"}, [2]string{"attestation", "symmetric key"}},
		{profiles.Identity{Attestation: "tpm"}, [2]string{"attestation", "TPM"}},
	} {
		b := NewBench(themed(t), workflow.Device{Name: "d", State: &profiles.State{}, Profile: &profiles.Profile{Identity: c.identity}}, workflow.NewStatus("d"))
		if got := b.known()[0]; got != c.want {
			t.Errorf("%+v: %q, want %q", c.identity, got, c.want)
		}
	}
}

// What stands in the profile is put right there, by a key of the bench.
func TestTheKeyThatChangesTheProfile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p    workflow.Problem
		want bool
	}{
		{workflow.Problem{Kind: workflow.Refused, Rule: "R08"}, true},
		{workflow.Problem{Kind: workflow.Refused, Status: 404, Code: "ResourceNotFound"}, true},
		{workflow.Problem{Kind: workflow.Refused, Status: 409, Code: "Conflict"}, false},
	} {
		st := workflow.NewStatus("d")
		st.Outcome = workflow.Failed
		st.Steps[0].State, st.Steps[0].Problem = workflow.StepFailed, &c.p
		b := NewBench(themed(t), workflow.Device{Name: "d", State: &profiles.State{}, Profile: &profiles.Profile{}}, st)
		rows := strings.Join(b.fixRows(60), "\n")
		if got := strings.Contains(rows, "key e changes the profile"); got != c.want {
			t.Errorf("%+v: %q", c.p, rows)
		}
	}
}

// Devices with numbers in their names are found whatever the order of the bytes.
func TestHomeFindsNumberedNames(t *testing.T) {
	t.Parallel()
	h := NewHome(nil)
	names := []string{"press-1", "press-2", "press-10", "press-010", "press-11"}
	h.SetNames(names, nil)
	for _, n := range names {
		if !h.Has(n) {
			t.Errorf("%s is not found", n)
		}
	}
	if h.Has("press-3") {
		t.Error("press-3 is found")
	}
}
