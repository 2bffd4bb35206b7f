package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/screen"
	"dpslab/workflow"
)

// keys splits what one read brought into single keys. Fast typing and slow
// lines deliver "jjjkkk" as one message that no binding matches; a paste stays
// whole.
func (a *app) keys(k tea.KeyMsg) tea.Cmd {
	if k.Type != tea.KeyRunes || k.Paste || len(k.Runes) < 2 {
		return a.key(k)
	}
	var cmds []tea.Cmd
	for _, r := range k.Runes {
		cmds = append(cmds, a.key(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: k.Alt}))
	}
	return tea.Batch(cmds...)
}

// key decides who gets a key, the most urgent first: cancelling and suspending,
// a screen too small to show anything, an overlay, a text field, the screen's
// own keys, the keys that work everywhere. While a device is opened or saved,
// keys wait for the screen they were typed for.
func (a *app) key(k tea.KeyMsg) tea.Cmd {
	if k.Type == tea.KeyEsc && k.Alt {
		k.Alt = false // two escapes in one read
	}
	name := k.String()
	global, isGlobal := keymap.Match(keymap.For(keymap.Global), name)
	switch {
	case isGlobal && global.Action == keymap.Cancel:
		return a.cancelOrQuit()
	case isGlobal && global.Action == keymap.Suspend:
		return tea.Suspend
	case a.tooSmall():
		return nil
	case a.awaits > 0:
		a.held = append(a.held, k)
		return nil
	case a.overlay != nil:
		return a.overlayKey(k)
	}
	a.toast = ""
	s := a.current()
	b, own := keymap.Match(a.bindings(), name)
	switch {
	case a.readOnly && own && b.Disabled == readOnly && !s.Capturing():
		return a.say(b.Label + " does nothing now: " + readOnly)
	case name == "f1", isGlobal && global.Action == keymap.Help && !own && !s.Capturing():
		a.overlay = a.newHelp()
		return nil
	case isGlobal && global.Action == keymap.Palette:
		a.overlay = a.newPalette()
		return nil
	case s.Capturing() || own:
		return a.dispose(s.Handle(k))
	case isGlobal && global.Action == keymap.Quit && s == screen.Screen(a.home):
		return tea.Quit
	}
	// A form takes keys beyond its table: letters and blanks that choose.
	return a.dispose(s.Handle(k))
}

// cancelOrQuit is ctrl+c: the first one cancels what runs, the next one leaves.
func (a *app) cancelOrQuit() tea.Cmd {
	if a.bench != nil && a.bench.Busy() && !a.bench.Ending() {
		return a.cancelRun()
	}
	if a.batch.on() && !a.batch.ending {
		return a.cancelBatch()
	}
	return tea.Quit
}

func (a *app) overlayKey(k tea.KeyMsg) tea.Cmd {
	if a.grace.on {
		return a.grace.restart()
	}
	was := a.overlay
	done, cmd := was.handle(k)
	if done && a.overlay == was { // else another one took its place
		a.overlay = nil
	}
	return cmd
}

// dispose does what a screen proposed.
func (a *app) dispose(i screen.Intent) tea.Cmd {
	switch i := i.(type) {
	case screen.NewDevice:
		return a.showWizard()
	case screen.OpenDevice:
		return a.openDevice(i.Name, i.Run)
	case screen.RemoveDevices:
		a.overlay = a.newRemoval(i.Names, i.Path)
	case screen.RetireDevices:
		return a.planRetire(i.Names)
	case screen.RunDevices:
		return a.startBatch(i.Names)
	case screen.RunDevice:
		return a.start(i.Options)
	case screen.CancelRun:
		return a.cancelRun()
	case screen.LeaveScreen:
		return a.leave()
	case screen.ShowTranscript:
		a.showTranscript()
	case screen.ShowChain:
		return a.showChain()
	case screen.ShowLab:
		return a.showLab()
	case screen.SetFaults:
		return a.setFaults(i.Names, i.On)
	case screen.CopyText:
		return a.copyText(i.What, i.File, func() string { return i.Text })
	case screen.EditDevice:
		return a.edit(i.Name)
	case screen.SaveEdit:
		return a.saveEdit(i.Wizard)
	case screen.ShowWhy:
		a.overlay = a.newReason(i.Field)
	case screen.ShowPages:
		a.overlay = a.newPages()
	case screen.KeepDraft:
		if a.editing() {
			return a.keepEdit(a.wizard.Editing(), i.Answers)
		}
		return tea.Batch(a.keepDraft(i.Answers), a.prepare(i.Answers))
	case screen.PrepareKeys:
		if a.editing() {
			return nil
		}
		return a.prepare(i.Answers)
	case screen.LeaveWizard:
		return a.leaveWizard(i.Answers)
	case screen.SaveAndRun:
		return a.save(i.Wizard)
	case screen.Say:
		return a.say(i.Text)
	default:
		return a.work(i)
	}
	return nil
}

func (a *app) showChain() tea.Cmd {
	a.chain = screen.NewChain(a.th, a.bench.Device())
	a.push(a.chain)
	return a.readChain()
}

func (a *app) showLab() tea.Cmd {
	a.labScreen = screen.NewLab(a.th)
	a.push(a.labScreen)
	return a.readLab()
}

// leave goes back a screen; the list of devices is read again, because it may
// have changed meanwhile.
func (a *app) leave() tea.Cmd {
	a.pop()
	if a.current() != screen.Screen(a.home) {
		return nil
	}
	if a.bench != nil {
		a.home.Expect(a.bench.Device())
	}
	return a.readNames()
}

func (a *app) leaveWizard(answers workflow.Answers) tea.Cmd {
	if a.editing() {
		return a.leaveEditor(answers)
	}
	a.pop()
	if len(answers) == 0 {
		return a.prepare(nil)
	}
	return tea.Sequence(a.prepare(nil), a.keepDraft(answers), a.say("Your answers are kept: n goes on where you left."))
}

func (a *app) cancelRun() tea.Cmd {
	a.toast = "" // it would cover the row that says what happens
	a.bench.Stopping()
	a.batch.stop()
	return a.do(func() tea.Msg {
		a.session.Cancel()
		return nil
	})
}
