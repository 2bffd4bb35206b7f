package workflow

import (
	"fmt"
	"io"
	"iter"
	"runtime/debug"

	"dpslab/workflow/wire"
)

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
	all := []Copy{
		{Name: "curl", About: "a command line that sends the same request", File: "copied-request.sh", Text: wire.Curl(x)},
		{Name: "openssl", About: "openssl s_client, to look at the handshake itself", File: "copied-openssl.sh"},
		{Name: "az", About: "the Azure CLI's command for the same", File: "copied-az.sh"},
		{Name: "Go", About: "a program of its own that sends the same request", File: "copied-request.go.txt"},
		{Name: "HAR", About: "request and answer for a browser's network tools", File: "copied-exchange.har"},
	}
	all[1].Text, all[1].Why = wire.OpenSSL(x)
	all[2].Text, all[2].Why = wire.Az(x)
	all[3].Text, all[3].Why = wire.GoSource(x)
	if har, err := wire.HAR([]wire.Exchange{*x}, version()); err != nil {
		all[4].Why = err.Error()
	} else {
		all[4].Text = string(har)
	}
	return all
}

// HAR writes exchanges as an HTTP archive (HAR 1.2), secrets masked, one after
// another, and ends with the first error of theirs or of the writer.
func HAR(w io.Writer, xs iter.Seq2[*Exchange, error]) error {
	if err := wire.WriteHAR(w, xs, version()); err != nil {
		return fmt.Errorf("write the exchanges as HAR: %w", err)
	}
	return nil
}

// version is that of this program, as its build tells.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}

// Curl writes an exchange's request as a curl command line, secrets masked.
func Curl(x *Exchange) string { return wire.Curl(x) }
