package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/screen"
	"dpslab/workflow"
)

func TestBurstsAreSingleKeys(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"a", "b", "c", "d"}, func(r *rig) {
		r.press("jjj")
		r.see("> d")
		r.press("kkkj")
		r.see("> b")
		r.press("\x1b[B\x1b[B")
		r.see("> d")
	})
}

func TestPasteIntoAField(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.press("n", enter, fmt.Sprintf(paste, "press-17\r\n"))
		r.see("registration ID  press-17")
		r.press(enter)
		r.see("> profile name     press-17")
		r.press("\x1b[Z", strings.Repeat("x", 200))
		r.see("…xxxx")
	})
}

func TestAHugePasteNeverLeavesTheField(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.press("n", enter)
		go func() { _, _ = fmt.Fprintf(r.keys, paste, strings.Repeat("q\x1b[A温", 500)) }()
		r.settle()
		r.settle()
		r.see("New device")
		r.see("✗ registration ID")
		fitsScreen(r)
	})
}

func fitsScreen(r *rig) {
	r.t.Helper()
	if got := len(strings.Split(r.screen(), "\n")); got != 24 {
		r.t.Errorf("%d rows on a screen of 24", got)
	}
	if first := strings.Split(r.screen(), "\n")[0]; !strings.HasPrefix(first, " New device") {
		r.t.Errorf("the title is gone: %q", first)
	}
}

func TestAResizeStormKeepsEverything(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.press("n", enter, "t", "8")
		for i := range 200 {
			r.a.program.Send(tea.WindowSizeMsg{Width: 20 + i, Height: 5 + i%40})
		}
		r.a.program.Send(tea.WindowSizeMsg{Width: 59, Height: 24})
		r.settle()
		r.press("9", enter)
		r.see("needs a terminal of 60 by 16")
		r.a.program.Send(tea.WindowSizeMsg{Width: 80, Height: 24})
		r.settle()
		r.see("> registration ID  t8│")
	})
}

func TestCtrlCLeavesATerminalThatIsTooSmall(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.a.program.Send(tea.WindowSizeMsg{Width: 20, Height: 5})
		r.settle()
		r.press("q")
		if r.over() {
			t.Error("q works on a screen that shows no key")
		}
		r.press(ctrlC)
		if err := r.wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestCtrlCCancelsFirstAndQuitsSecond(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"my-x509-device"}, func(r *rig) {
		r.press(enter)
		r.play(polling())
		r.see("wait 3 s")
		r.press("q", ctrlC)
		if r.over() {
			t.Fatal("the first ctrl+c left the program")
		}
		r.see("cancelling")
		r.press(ctrlC)
		if err := r.wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestACancelledRunSaysSo(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"my-x509-device"}, func(r *rig) {
		r.press(enter)
		s := polling()
		r.play(s)
		r.press(esc)
		r.see("cancelling")
		last := len(s.events)
		s.end(workflow.Cancelled, nil)
		s.events = s.events[last:]
		r.play(s)
		r.see("cancelled; what was done is kept")
		r.press(esc)
		r.see("Devices")
	})
}

// An idle screen writes nothing; a moving one at most ten frames a second.
func TestFramesPerSecond(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"my-x509-device"}, func(r *rig) {
		r.press(enter)
		_, before := r.out.counts()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if _, after := r.out.counts(); after != before {
			t.Errorf("an idle screen wrote %d bytes", after-before)
		}
		r.play(polling())
		before, _ = r.out.counts()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if after, _ := r.out.counts(); after-before < 10 || after-before > 21 {
			t.Errorf("%d frames in two seconds of a countdown, want about 20", after-before)
		}
		r.see("1.0 s left")
	})
}

func TestAQuestionWaitsForAQuietKeyboard(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"my-x509-device"}, func(r *rig) {
		r.press(enter)
		type reply struct {
			text string
			err  error
		}
		got := make(chan reply, 1)
		ask := func(ctx context.Context) {
			text, err := r.ask.Ask(ctx, workflow.Question{Prompt: "Pass phrase of device-key.pem", Secret: true})
			got <- reply{text, err}
		}
		go ask(context.Background())
		r.settle()
		r.see("Pass phrase of device-key.pem")
		r.press("j", enter, "a") // typed for the screen below
		r.see("keys count when the keyboard has been still")
		time.Sleep(graceQuiet)
		r.press("1", "2", "3", "4")
		r.dontSee("1234")
		r.see("••••│")
		r.press(enter)
		if a := <-got; a.text != "1234" || a.err != nil {
			t.Errorf("answer %q, %v", a.text, a.err)
		}

		go ask(context.Background())
		time.Sleep(time.Second)
		r.press(esc)
		if a := <-got; !errors.Is(a.err, ErrDeclined) {
			t.Errorf("a closed question answers %v", a.err)
		}

		ctx, cancel := context.WithCancel(context.Background())
		go ask(ctx)
		r.settle()
		r.see("A question")
		cancel()
		r.settle()
		r.dontSee("A question")
		if a := <-got; !errors.Is(a.err, context.Canceled) {
			t.Errorf("a withdrawn question answers %v", a.err)
		}
	})
}

func TestAHangupLosesNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.press("n", enter, "t", "8")
		r.signals <- syscall.SIGHUP
		if err := r.wait(); !errors.Is(err, ErrSignal) {
			t.Errorf("ended with %v", err)
		}
		draft, found := r.session.Draft()
		if !found || draft["identity.registration_id"] != "t8" {
			t.Errorf("the draft holds %v", draft)
		}
		if got := farewell(r.a); !strings.Contains(got, "half-described device is kept") {
			t.Errorf("farewell %q", got)
		}
	})
}

func TestADraftIsOfferedAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.press("n", enter, "t", "8", enter, enter, enter, esc, esc, esc)
		r.see("Your answers are kept")
		time.Sleep(toastFor)
		r.press("n")
		r.see("The device t8 was half described")
		r.press(enter)
		r.see("[2 Identity]")
		r.see("t8")
		r.press(esc, esc, "n", "n")
		r.see("[1 Where]")
		r.press(enter)
		r.dontSee("t8")
		r.press(esc, esc, "n")
		r.see("[1 Where]")
	})
}

func TestRemoveAsksFirst(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"a", "b"}, func(r *rig) {
		r.press("x")
		r.see("Remove a?")
		r.press(enter)
		r.see("2 profiles")
		r.press("x", "y")
		r.see("a is removed")
		r.see("1 profile")
		r.press(down)
		r.see("> b")
	})
}

// Keys typed while a device is being read reach the screen they were meant for.
func TestTypingAhead(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"a", "b"}, func(r *rig) {
		r.press("j" + enter + "jj?")
		r.see("run the chosen step alone")
		r.press(esc)
		r.see("> ○ 3 enrollment")
		r.press(esc, "n"+enter+"truck")
		r.see("registration ID  truck")
	})
}

func TestFilter(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"press-1", "press-2", "truck"}, func(r *rig) {
		r.press("/", "p", "r", "q")
		r.see("No device has prq in its row")
		r.press("\x7f", enter)
		r.see("2 of 3 profiles")
		r.press(esc)
		r.see("3 profiles")
		r.dontSee("of 3")
		r.press("r") // not text any more: it opens and runs
		r.see("press-1")
	})
}

func TestTheEscapeOfATornArrowLosesNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.press("n", enter, "t", "8", esc+esc) // two escapes in one read
		r.press(enter)
		r.see("t8")
		r.press("q")
		r.see("t8q")
	})
}

// broken is a screen that cannot be drawn.
type broken struct{ screen.Screen }

func (broken) View(int, int) []string { panic("went wrong") }

func TestAPanicEndsTheProgramInOrder(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*rig){
		"in Update": func(r *rig) { r.a.program.Send(openedMsg{}) },
		"in View": func(r *rig) {
			r.a.program.Send(readOneMsg{then: func(*workflow.Exchange) screen.Intent {
				r.a.push(broken{r.a.home})
				return nil
			}})
		},
		"in a command":   func(r *rig) { go func() { r.a.program.Send(r.a.do(func() tea.Msg { panic("went wrong") })()) }() },
		"in a goroutine": func(r *rig) { go guard(r.a.program, func() { panic("went wrong") }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, nil, func(r *rig) {
				set(r)
				if err := r.wait(); err == nil || r.a.crash == "" {
					t.Errorf("ended with %v, trace %q", err, r.a.crash)
				}
				if !strings.Contains(r.a.crash, "goroutine") {
					t.Errorf("no trace in %q", r.a.crash)
				}
			})
		})
	}
}

func TestFeedKeepsOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed()
		stop := make(chan struct{})
		var got []workflow.Event
		batches := 0
		go f.pump(func(m tea.Msg) {
			batches++
			got = append(got, m.(eventsMsg)...)
		}, stop)
		const n = 20_000
		for i := range n {
			f.Put(workflow.Event{Seq: i})
			if i%1000 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
		time.Sleep(time.Second)
		close(stop)
		synctest.Wait()
		if len(got) != n {
			t.Fatalf("%d of %d events arrived", len(got), n)
		}
		for i, e := range got {
			if e.Seq != i {
				t.Fatalf("event %d is at place %d", e.Seq, i)
			}
		}
		if batches > 10 {
			t.Errorf("%d batches in 100 ms", batches)
		}
	})
}
