// Package keymap holds every key of the workbench as data. The code matches on
// this table, and the footer, the help overlay and the README table are made
// from it, so that none of them can lie.
package keymap

import "slices"

// Action names what a key does. Screens switch on it, never on key names.
type Action string

// The actions.
const (
	Up       Action = "up"
	Down     Action = "down"
	PageUp   Action = "page up"
	PageDown Action = "page down"
	First    Action = "first"
	Last     Action = "last"

	Open        Action = "open"
	New         Action = "new"
	RunAll      Action = "run all"
	RunStep     Action = "run step"
	Edit        Action = "edit"
	Remove      Action = "remove"
	Filter      Action = "filter"
	Sort        Action = "sort"
	Pick        Action = "pick"
	PickAll     Action = "pick all"
	Retire      Action = "retire"
	Transcript  Action = "transcript"
	Chain       Action = "chain"
	Copy        Action = "copy"
	CopyCommand Action = "copy command"
	Pane        Action = "pane"
	Save        Action = "save"
	Mark        Action = "mark"
	Compare     Action = "compare"
	Resend      Action = "resend"
	OnlyFailed  Action = "only failed"
	Fold        Action = "fold"
	RunRest     Action = "run rest"
	Redo        Action = "redo"
	Undo        Action = "undo"
	Fix         Action = "fix"
	Pause       Action = "pause"
	Faster      Action = "faster"
	Slower      Action = "slower"
	Compose     Action = "compose"
	Receive     Action = "receive"
	LookUp      Action = "look up"

	Accept    Action = "accept"
	NextField Action = "next field"
	PrevField Action = "previous field"
	Choose    Action = "choose"
	Why       Action = "why"
	GoTo      Action = "go to page"
	Jump      Action = "jump"

	Lab    Action = "lab"
	Switch Action = "switch"
	AllOff Action = "all off"
	Tune   Action = "parameters"

	Enrollments Action = "enrollments"
	Records     Action = "records"
	Prove       Action = "prove"
	Refresh     Action = "refresh"
	Service     Action = "service"
	Reload      Action = "reload"
	Upload      Action = "upload"
	Drop        Action = "drop"
	DeriveKey   Action = "derive key"

	Yes       Action = "yes"
	StartOver Action = "start over"

	Back    Action = "back"
	Help    Action = "help"
	Quit    Action = "quit"
	Cancel  Action = "cancel"
	Suspend Action = "suspend"
	Palette Action = "palette"
)

// Context is where a binding applies. Global ones apply where no other took
// the key.
type Context string

// The contexts.
const (
	Global        Context = "everywhere"
	OnHome        Context = "devices"
	InFilter      Context = "filter"
	InWizard      Context = "new device"
	OnBench       Context = "bench"
	InTranscript  Context = "transcript"
	InSearch      Context = "search"
	InChain       Context = "chain"
	InLab         Context = "lab"
	InEnrollments Context = "enrollments"
	InReview      Context = "review"
	InPalette     Context = "palette"
	InHelp        Context = "help"
	InPrompt      Context = "question"
	InConfirm     Context = "confirmation"
	InDraft       Context = "draft"
	InPages       Context = "pages"
	InMenu        Context = "choice"
	InForm        Context = "form"
)

// Binding is one row of the table.
type Binding struct {
	Context   Context
	Action    Action
	Keys      []string // as Bubble Tea names them
	Label     string   // how people read the keys
	Brief     string   // instead of Label in the footer, where it speaks for a pair of keys; empty: Label
	Help      string   // a few words for the footer
	About     string   // a sentence for the help overlay
	Footer    int      // place in the footer, from 1; 0: only in the help overlay
	Dangerous bool     // destroys something
	Disabled  string   // why it cannot act now; filled in by the screen
}

// Has says whether key is one of the binding's.
func (b Binding) Has(key string) bool { return slices.Contains(b.Keys, key) }

// For lists a context's bindings, as a copy that may be changed.
func For(c Context) []Binding {
	var out []Binding
	for _, b := range table {
		if b.Context == c {
			out = append(out, b)
		}
	}
	return out
}

// All is the whole table, as a copy.
func All() []Binding { return slices.Clone(table) }

// Match finds the binding of a key, disabled ones included: the caller says why
// a disabled one does nothing.
func Match(bs []Binding, key string) (Binding, bool) {
	for _, b := range bs {
		if b.Has(key) {
			return b, true
		}
	}
	return Binding{}, false
}

// Of finds the binding of an action.
func Of(bs []Binding, a Action) (Binding, bool) {
	for _, b := range bs {
		if b.Action == a {
			return b, true
		}
	}
	return Binding{}, false
}

// Disable sets the reason of an action. An empty reason enables it.
func Disable(bs []Binding, a Action, reason string) {
	for i := range bs {
		if bs[i].Action == a {
			bs[i].Disabled = reason
		}
	}
}
