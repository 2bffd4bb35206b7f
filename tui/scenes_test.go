package tui

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/profiles"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // times of day stand on the golden screens
	if home := os.Getenv(panicHome); home != "" {
		if err := panicking(home); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// noon is the moment of every scene.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// scene is one state of the workbench, as a person may see it.
type scene struct {
	name string
	set  func(a *app)
}

func newTheme(t testing.TB, o theme.Options) *theme.Theme {
	t.Helper()
	th, err := theme.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return th
}

// show puts a scene on a screen of w by h cells. The second view is taken: the
// first tells the screens their height.
func show(t testing.TB, s scene, o theme.Options, w, h int) *app {
	t.Helper()
	a := newApp(nil, newTheme(t, o))
	a.w, a.h, a.now = w, h, noon
	a.paths = profiles.Paths{Config: "/home/ada/.config/dpslab", State: "/home/ada/.local/state/dpslab", Data: "/home/ada/.local/share/dpslab"}
	a.lab = &workflow.LabFacts{Address: "127.0.0.1:8443", IDScope: "0ne00LAB001"}
	s.set(a)
	a.View()
	a.follow()
	return a
}

func press(a *app, keys ...string) {
	for _, k := range keys {
		m, ok := namedKeys[k]
		if !ok {
			m = tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)}
		}
		a.View() // screens learn their size by being drawn
		a.Update(m)
	}
}

var namedKeys = map[string]tea.KeyMsg{
	"enter": {Type: tea.KeyEnter}, "esc": {Type: tea.KeyEsc}, "tab": {Type: tea.KeyTab}, "shift+tab": {Type: tea.KeyShiftTab},
	"up": {Type: tea.KeyUp}, "down": {Type: tea.KeyDown}, "left": {Type: tea.KeyLeft}, "right": {Type: tea.KeyRight},
	"home": {Type: tea.KeyHome}, "end": {Type: tea.KeyEnd}, "pgup": {Type: tea.KeyPgUp}, "pgdown": {Type: tea.KeyPgDown}, "ctrl+c": {Type: tea.KeyCtrlC}, "ctrl+p": {Type: tea.KeyCtrlP}, "ctrl+g": {Type: tea.KeyCtrlG}, "f1": {Type: tea.KeyF1},
	"space": {Type: tea.KeySpace, Runes: []rune(" ")}, "backspace": {Type: tea.KeyBackspace},
}

func profile(kind, source, enrollment, group string) *profiles.Profile {
	return &profiles.Profile{
		Target:     profiles.Target{Kind: kind},
		Identity:   profiles.Identity{RegistrationID: "my-x509-device", Source: source, Algorithm: "ec-p256"},
		Enrollment: profiles.Enrollment{Kind: enrollment, ID: group},
	}
}

func devices() []workflow.Device {
	days := func(n int) profiles.Certificate {
		return profiles.Certificate{NotAfter: noon.Add(time.Duration(n)*24*time.Hour + time.Hour)}
	}
	return []workflow.Device{
		{
			Name: "broken", ProfilePath: "/home/ada/.config/dpslab/profiles/broken.toml", State: &profiles.State{},
			Err: errors.New("/home/ada/.config/dpslab/profiles/broken.toml:12:1: enrollmnt: unknown key; did you mean enrollment?"),
		},
		{Name: "device-01", Profile: profile("lab", "chain", "group", "line-3"), State: &profiles.State{Certificate: days(29)}},
		{
			Name: "my-x509-device", Profile: profile("lab", "self-signed", "individual", ""), ProfilePath: "/home/ada/.config/dpslab/profiles/my-x509-device.toml",
			State: &profiles.State{Certificate: days(29), Registration: profiles.Registration{Status: "assigned", AssignedHub: "lab-hub.azure-devices.net", DeviceID: "my-x509-device"}},
		},
		{
			Name: "press-3", Profile: profile("azure", "chain", "group", "line-3"),
			State: &profiles.State{Certificate: days(-5), LastError: &profiles.LastError{
				Step: "registration", Kind: "refused", Op: "register press-3", Summary: "DPS refuses the device: 401 Unauthorized", Code: "401002", Status: 401,
				Why: "the device certificate expired on 25 Feb 2026", Fix: "make a new one: run the certificates step again",
			}},
		},
		{
			Name: "truck-7", Profile: profile("lab", "self-signed", "individual", ""),
			State: &profiles.State{Certificate: days(0), Registration: profiles.Registration{Status: "assigning", OperationID: "5.5066f3c2a9d4e1b7.1f0e"}},
		},
	}
}

func setDevices(a *app) {
	ds := devices()
	var names []string
	for _, d := range ds {
		names = append(names, d.Name)
	}
	a.home.SetNames(names, nil)
	a.home.SetDevices(ds, noon)
	a.home.Select("my-x509-device")
}

// setWideNames shows devices whose files have names that take two cells a
// character, or are pictures.
func setWideNames(a *app) {
	ds := devices()
	names := []string{"センサー温度計-二号機-東京工場-第三ライン", "온도센서-부산-공장-라인-셋-번호-십칠", "🚚-truck-👩‍🔧-🇯🇵-1️⃣", "a\u0301\u0301combining", "wide-ｆｕｌｌ"}
	for i := range ds {
		ds[i].Name = names[i]
	}
	slices.SortFunc(ds, func(a, b workflow.Device) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(names)
	a.home.SetNames(names, nil)
	a.home.SetDevices(ds, noon)
	press(a, "space")
}

// bench opens my-x509-device with what a story told, and lets the clock stand at
// the story's end and a little more.
func bench(tell func(*story), more time.Duration) func(*app) {
	return func(a *app) {
		setDevices(a)
		dev := devices()[2]
		dev.State = &profiles.State{}
		st := workflow.NewStatus(dev.Name)
		st.Lab = a.lab
		s := newStory()
		if tell != nil {
			tell(s)
		}
		a.showBench(openedMsg{device: dev, status: st})
		if tell != nil {
			a.now = time.Time{}
			a.events(s.events)
			a.clock(s.at.Add(more))
		}
		a.follow()
	}
}

func wizard(keys ...string) func(*app) {
	return func(a *app) {
		setDevices(a)
		a.openWizard(nil)
		press(a, keys...)
	}
}

func editor(keys ...string) func(*app) {
	return func(a *app) {
		setDevices(a)
		p := profile("lab", "self-signed", "individual", "")
		p.Enrollment.AllocationPolicy, p.Telemetry.Count, p.Telemetry.Interval = "hashed", 25, "2s"
		p.Enrollment.InitialTwin = map[string]any{"tags": map[string]any{"line": 3}}
		a.update(editMsg{name: "my-x509-device", wizard: workflow.EditWizard("my-x509-device", p)})
		press(a, keys...)
	}
}

func transcript(keys ...string) func(*app) {
	return func(a *app) {
		bench(func(s *story) {
			s.enrollment()
			s.begin(workflow.StepRegistration)
			x := assigning()
			withTLS(&x)
			s.register(x)
			s.wait(1)
		}, time.Second)(a)
		press(a, "t")
		press(a, keys...)
	}
}

func scenes() []scene {
	return slices.Concat(homeScenes(), wizardScenes(), benchScenes(), failureScenes(), overlayScenes(), chainScenes(), labScenes(), workScenes(), enrollmentScenes())
}

func running(s *story) {
	s.certificates()
	s.enrollment()
	s.begin(workflow.StepRegistration)
}

func homeScenes() []scene {
	return []scene{
		{"home-empty", func(*app) {}},
		{"home", setDevices},
		{"home-error", func(a *app) { setDevices(a); a.home.Select("press-3") }},
		{"home-filter", func(a *app) { setDevices(a); press(a, "/", "d", "e", "v") }},
		{"home-picked", func(a *app) { setDevices(a); press(a, "s", "s", "s", "g", "space", "space", "down") }},
		{"home-batch", func(a *app) {
			setDevices(a)
			a.startBatch([]string{"device-01", "my-x509-device", "truck-7"})
			a.batch.status.Steps[3].State = workflow.Running
		}},
		{"home-remove-many", func(a *app) { setDevices(a); press(a, "*", "x") }},
		{"home-wide-names", setWideNames},
		{"home-many", func(a *app) {
			var names []string
			for i := range 250 {
				names = append(names, "press-"+strconv.Itoa(i+1))
			}
			a.home.SetNames(names, nil)
			press(a, "pgdown", "pgdown", "pgdown")
		}},
		{"home-help", func(a *app) { setDevices(a); press(a, "?") }},
		{"home-notice", func(a *app) {
			setDevices(a)
			m := workflow.Manual{What: "Sign in to Azure: open https://microsoft.com/devicelogin in any browser and type the code A1B2C3D4"}
			a.events([]workflow.Event{{At: noon, Kind: workflow.HandNeeded, Text: m.What, Manual: &m}})
			a.follow()
			a.grace.on = false
		}},
		{"home-remove", func(a *app) { setDevices(a); press(a, "x") }},
		{"home-draft", func(a *app) {
			setDevices(a)
			a.draft = workflow.Answers{"identity.registration_id": "truck-8"}
			press(a, "n")
		}},
	}
}

func benchScenes() []scene {
	return []scene{
		{"bench-new", bench(nil, 0)},
		{"bench-certificates", func(a *app) {
			bench(func(s *story) { s.certificates(); s.end(workflow.Done, nil) }, 0)(a)
			press(a, "up", "up", "up", "up")
		}},
		{"bench-enrollment", func(a *app) {
			bench(func(s *story) { s.certificates(); s.enrollment(); s.end(workflow.Done, nil) }, 0)(a)
			press(a, "up", "up", "up", "up", "down", "down")
		}},
		{"bench-waiting", bench(func(s *story) { running(s); s.register(assigning()); s.wait(1) }, 1300*time.Millisecond)},
		{"bench-asking", bench(func(s *story) { running(s); s.register(workflow.Exchange{Status: -1}) }, 700*time.Millisecond)},
		{"bench-assigned", bench(func(s *story) {
			s.certificates()
			s.enrollment()
			s.registered()
			s.end(workflow.Done, nil)
		}, 0)},
		{"bench-telemetry", bench(func(s *story) { s.certificates(); s.enrollment(); s.registered(); s.telemetry(7) }, 100*time.Millisecond)},
	}
}

func failureScenes() []scene {
	return []scene{
		{"bench-failed", bench(func(s *story) {
			running(s)
			s.register(workflow.Exchange{Status: 401, Reason: "Unauthorized", ResponseBody: `{"errorCode":401002,"message":"Invalid certificate."}`})
			s.add(time.Millisecond, workflow.Event{Kind: workflow.StepFinished, Outcome: workflow.Failed, Problem: refusal()})
			s.end(workflow.Failed, refusal())
		}, 0)},
		{"bench-cancelled", bench(func(s *story) { running(s); s.register(assigning()); s.wait(1); s.end(workflow.Cancelled, nil) }, 0)},
		{"bench-cancelling", func(a *app) {
			bench(func(s *story) { running(s); s.register(assigning()); s.wait(1) }, time.Second)(a)
			a.bench.Stopping()
		}},
		{"bench-resume", func(a *app) {
			setDevices(a)
			dev := devices()[4]
			a.showBench(openedMsg{device: dev, status: workflow.NewStatus(dev.Name)})
		}},
		{"bench-unusable", func(a *app) {
			setDevices(a)
			dev := devices()[0]
			a.showBench(openedMsg{device: dev, status: workflow.NewStatus(dev.Name)})
		}},
		{"bench-hostile", bench(func(s *story) {
			running(s)
			s.add(time.Millisecond, workflow.Event{Kind: workflow.Warned, Text: "警告: 証明書 \x1b[2J\x1b]0;owned\x07 が\u202e古い"})
			p := refusal()
			p.Summary, p.Why = "温度センサー\x1b[31mの登録は拒否されました\r\n"+strings.Repeat("長い説明", 30), "\x00\x9b"
			s.register(workflow.Exchange{Status: 401, Reason: "\x1b[5m拒否", ResponseBody: "{\x1b}"})
			s.add(time.Millisecond, workflow.Event{Kind: workflow.StepFinished, Outcome: workflow.Failed, Problem: p})
			s.end(workflow.Failed, p)
		}, 0)},
	}
}

func overlayScenes() []scene {
	return []scene{
		{"bench-help", func(a *app) { bench(nil, 0)(a); press(a, "?") }},
		{"home-read-only", func(a *app) { setDevices(a); a.readOnly = true; press(a, "r") }},
		{"bench-read-only", func(a *app) { a.readOnly = true; bench(nil, 0)(a) }},
		{"home-palette", func(a *app) { setDevices(a); press(a, "ctrl+p") }},
		{"bench-palette", func(a *app) { bench(nil, 0)(a); press(a, "ctrl+p", "r", "u", "n") }},
		{"bench-question", func(a *app) {
			bench(func(s *story) { s.begin(workflow.StepCertificates) }, 0)(a)
			q := workflow.Question{Prompt: "Pass phrase of my-x509-device.key.pem", Secret: true}
			a.update(askMsg{&question{Question: q, ctx: context.Background(), reply: make(chan answer, 1)}})
			a.follow()
			a.grace.on = false
			press(a, "1", "2", "3")
		}},
		{"bench-toast", func(a *app) {
			bench(func(s *story) { s.certificates(); s.enrollment(); s.registered(); s.end(workflow.Done, nil) }, 0)(a)
			a.copied(copiedMsg{what: "curl command", clipboard: true, path: "/home/ada/.local/state/dpslab/copied-request.sh"})
		}},
		{"bench-receive-refused", func(a *app) {
			bench(func(s *story) { s.certificates(); s.enrollment(); s.registered(); s.end(workflow.Done, nil) }, 0)(a)
			a.update(receivedMsg{device: "my-x509-device", err: &workflow.Problem{
				Kind: workflow.Refused, Op: "receive messages of my-x509-device", Summary: "HTTP 404 DeviceNotFound: Device my-x509-device not registered", Rule: "H02", Status: 404, Code: "404001",
				Why: "IoT Hub does not know the device: it was deleted there after it registered.", Fix: "Run the step registration again: DPS makes it anew.",
			}})
			a.grace.on = false
		}},
		{"transcript", transcript()},
		{"transcript-search", transcript("/", "4", "0", "4")},
		{"transcript-none", transcript("/", "x", "y", "z", "enter")},
		{"transcript-detail", transcript("tab", "pgdown", "down")},
		{"transcript-folded", transcript("tab", "z", "down", "down", "down")},
		{"transcript-query", transcript("/", "s", "t", "e", "p", ":", "e", "n", "r", " ", "s", "t", "a", "t", "u", "s", ":", "4", "x", "x", "enter")},
		{"transcript-refused", transcript("f")},
		{"transcript-compare", transcript("m", "up", "c")},
		{"transcript-copy", transcript("y")},
		{"transcript-save", transcript("s")},
		{"transcript-resend", func(a *app) {
			bench(func(s *story) { s.certificates(); s.enrollment(); s.registered(); s.telemetry(2) }, 0)(a)
			a.status.Running = false
			press(a, "t", "r")
		}},
		{"transcript-long", func(a *app) {
			bench(func(s *story) { s.certificates(); s.enrollment(); s.registered(); s.telemetry(120) }, 0)(a)
			press(a, "t", "g")
			for range 60 {
				press(a, "down")
			}
		}},
		{"transcript-empty", func(a *app) { bench(nil, 0)(a); a.showTranscript() }},
	}
}

// sceneOf finds a scene by its name.
func sceneOf(t testing.TB, name string) scene {
	t.Helper()
	for _, s := range scenes() {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no scene %s", name)
	return scene{}
}
