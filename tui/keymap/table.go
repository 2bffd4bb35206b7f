package keymap

// Keys that terminals cannot tell apart are not bound: ctrl+i is tab, ctrl+m
// enter, ctrl+h backspace and ctrl+[ escape.
var table = []Binding{
	{Context: Global, Action: Help, Keys: []string{"?", "f1"}, Label: "?", Help: "help", About: "all keys that work here; F1 while typing", Footer: 90},
	{Context: Global, Action: Quit, Keys: []string{"q"}, Label: "q", Help: "quit", About: "leave the workbench", Footer: 95},
	{Context: Global, Action: Cancel, Keys: []string{"ctrl+c"}, Label: "ctrl+c", Help: "cancel, quit", About: "cancel the running step; once more: quit"},
	{Context: Global, Action: Suspend, Keys: []string{"ctrl+z"}, Label: "ctrl+z", Help: "suspend", About: "back to the shell; fg returns"},

	{Context: OnHome, Action: New, Keys: []string{"n"}, Label: "n", Help: "new", About: "describe a new device", Footer: 1},
	{Context: OnHome, Action: Open, Keys: []string{"enter"}, Label: "enter", Help: "open", About: "go to the device's bench", Footer: 2},
	{Context: OnHome, Action: RunAll, Keys: []string{"r"}, Label: "r", Help: "run all", About: "open the device and run all its steps", Footer: 3},
	{Context: OnHome, Action: Remove, Keys: []string{"x", "delete"}, Label: "x", Help: "remove", About: "delete the profile and everything made for it on this machine", Footer: 5, Dangerous: true},
	{Context: OnHome, Action: Filter, Keys: []string{"/"}, Label: "/", Help: "filter", About: "show only names that contain a text; esc shows all again", Footer: 4},
	{Context: OnHome, Action: Back, Keys: []string{"esc"}, Label: "esc", Help: "all devices", About: "drop the filter"},
	{Context: OnHome, Action: Up, Keys: []string{"up", "k"}, Label: "up k", Help: "up", About: "previous device"},
	{Context: OnHome, Action: Down, Keys: []string{"down", "j"}, Label: "down j", Help: "down", About: "next device"},
	{Context: OnHome, Action: PageUp, Keys: []string{"pgup", "ctrl+b"}, Label: "pgup", Help: "page up", About: "a screen up"},
	{Context: OnHome, Action: PageDown, Keys: []string{"pgdown", "ctrl+f"}, Label: "pgdown", Help: "page down", About: "a screen down"},
	{Context: OnHome, Action: First, Keys: []string{"home", "g"}, Label: "home g", Help: "first", About: "first device"},
	{Context: OnHome, Action: Last, Keys: []string{"end", "G"}, Label: "end G", Help: "last", About: "last device"},

	{Context: InFilter, Action: Accept, Keys: []string{"enter"}, Label: "enter", Help: "keep filter", About: "go back to the list, filtered", Footer: 1},
	{Context: InFilter, Action: Back, Keys: []string{"esc"}, Label: "esc", Help: "all devices", About: "drop the filter", Footer: 2},
	{Context: InFilter, Action: Up, Keys: []string{"up"}, Label: "up", Help: "up", About: "previous device"},
	{Context: InFilter, Action: Down, Keys: []string{"down"}, Label: "down", Help: "down", About: "next device"},

	{Context: InWizard, Action: Accept, Keys: []string{"enter"}, Label: "enter", Help: "next", About: "accept the field; on the last field, the page", Footer: 1},
	{Context: InWizard, Action: Choose, Keys: []string{"left", "right"}, Label: "left right", Help: "choose", About: "another choice; in text, move the cursor"},
	{Context: InWizard, Action: Up, Keys: []string{"up"}, Label: "up", Help: "up", About: "previous choice, or previous field"},
	{Context: InWizard, Action: Down, Keys: []string{"down"}, Label: "up down", Help: "choose", About: "next choice, or next field", Footer: 2},
	{Context: InWizard, Action: NextField, Keys: []string{"tab"}, Label: "tab", Help: "next field", About: "next field of this page", Footer: 4},
	{Context: InWizard, Action: PrevField, Keys: []string{"shift+tab"}, Label: "shift+tab", Help: "previous field", About: "previous field of this page"},
	{Context: InWizard, Action: Back, Keys: []string{"esc"}, Label: "esc", Help: "back", About: "previous page; what was typed is kept", Footer: 3},
	{Context: InWizard, Action: PageUp, Keys: []string{"pgup"}, Label: "pgup", Help: "page up", About: "scroll the review up"},
	{Context: InWizard, Action: PageDown, Keys: []string{"pgdown"}, Label: "pgdown", Help: "page down", About: "scroll the review down"},

	{Context: OnBench, Action: RunStep, Keys: []string{"enter"}, Label: "enter", Help: "run step", About: "run the chosen step alone", Footer: 2},
	{Context: OnBench, Action: RunAll, Keys: []string{"a"}, Label: "a", Help: "run all", About: "run all steps in order; what is there already is reused", Footer: 3},
	{Context: OnBench, Action: Back, Keys: []string{"esc"}, Label: "esc", Help: "back", About: "cancel what runs; otherwise go back to the devices", Footer: 1},
	{Context: OnBench, Action: Transcript, Keys: []string{"t"}, Label: "t", Help: "transcript", About: "every request and answer, with headers and TLS facts", Footer: 4},
	{Context: OnBench, Action: Copy, Keys: []string{"y"}, Label: "y", Help: "copy curl", About: "copy the last request as a curl command line", Footer: 5},
	{Context: OnBench, Action: Up, Keys: []string{"up", "k"}, Label: "up k", Help: "up", About: "previous step"},
	{Context: OnBench, Action: Down, Keys: []string{"down", "j"}, Label: "down j", Help: "down", About: "next step"},
	{Context: OnBench, Action: PageUp, Keys: []string{"pgup", "ctrl+b"}, Label: "pgup", Help: "page up", About: "scroll the step's pane up"},
	{Context: OnBench, Action: PageDown, Keys: []string{"pgdown", "ctrl+f"}, Label: "pgdown", Help: "page down", About: "scroll the step's pane down"},
	{Context: OnBench, Action: Quit, Keys: []string{"q"}, Label: "q", Help: "devices", About: "back to the devices"},

	{Context: InTranscript, Action: Copy, Keys: []string{"y"}, Label: "y", Help: "copy curl", About: "copy this request as a curl command line", Footer: 2},
	{Context: InTranscript, Action: Back, Keys: []string{"esc", "q"}, Label: "esc", Help: "back", About: "back to the bench", Footer: 1},
	{Context: InTranscript, Action: Pane, Keys: []string{"tab", "enter"}, Label: "tab", Help: "other pane", About: "move between the list and the detail", Footer: 3},
	{Context: InTranscript, Action: Up, Keys: []string{"up", "k"}, Label: "up k", Help: "up", About: "previous exchange, or scroll the detail up"},
	{Context: InTranscript, Action: Down, Keys: []string{"down", "j"}, Label: "up down", Help: "choose", About: "next exchange, or scroll the detail down", Footer: 4},
	{Context: InTranscript, Action: PageUp, Keys: []string{"pgup", "ctrl+b"}, Label: "pgup", Help: "page up", About: "scroll the detail up"},
	{Context: InTranscript, Action: PageDown, Keys: []string{"pgdown", "ctrl+f"}, Label: "pgdown", Help: "scroll", About: "scroll the detail down", Footer: 5},
	{Context: InTranscript, Action: First, Keys: []string{"home", "g"}, Label: "home g", Help: "first", About: "first exchange"},
	{Context: InTranscript, Action: Last, Keys: []string{"end", "G"}, Label: "end G", Help: "last", About: "last exchange"},

	{Context: InHelp, Action: Back, Keys: []string{"esc", "?", "f1", "q", "enter"}, Label: "esc", Help: "close", About: "close this", Footer: 1},
	{Context: InHelp, Action: Up, Keys: []string{"up", "k", "pgup"}, Label: "up", Help: "up", About: "scroll up"},
	{Context: InHelp, Action: Down, Keys: []string{"down", "j", "pgdown"}, Label: "up down", Help: "scroll", About: "scroll down", Footer: 2},

	{Context: InPrompt, Action: Accept, Keys: []string{"enter"}, Label: "enter", Help: "answer", About: "give the answer", Footer: 1},
	{Context: InPrompt, Action: Back, Keys: []string{"esc"}, Label: "esc", Help: "do not answer", About: "the step that asks fails", Footer: 2},

	{Context: InConfirm, Action: Yes, Keys: []string{"y", "Y"}, Label: "y", Help: "yes, delete", About: "delete what is listed", Footer: 1, Dangerous: true},
	{Context: InConfirm, Action: Back, Keys: []string{"n", "N", "esc", "enter", "q"}, Label: "n", Help: "no", About: "keep everything", Footer: 2},

	{Context: InDraft, Action: Accept, Keys: []string{"enter"}, Label: "enter", Help: "continue", About: "go on with the half-filled questions", Footer: 1},
	{Context: InDraft, Action: StartOver, Keys: []string{"n"}, Label: "n", Help: "start over", About: "drop the draft and begin anew", Footer: 2, Dangerous: true},
	{Context: InDraft, Action: Back, Keys: []string{"esc", "q"}, Label: "esc", Help: "back", About: "keep the draft for later", Footer: 3},
}
