package workflow

import "dpslab/workflow/wire"

// Copy is an exchange's request in a form that works elsewhere, secrets masked.
type Copy struct {
	Name  string // "curl"
	About string // what it is good for
	File  string // a name for a file that holds it
	Text  string
	Why   string // why this exchange has no such form; Text is empty then
}

// Copies writes an exchange's request in every form there is.
func Copies(x *Exchange) []Copy {
	return []Copy{
		{Name: "curl", About: "a command line that sends the same request", File: "copied-request.sh", Text: wire.Curl(x)},
	}
}
