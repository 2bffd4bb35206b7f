package wire

import (
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Curl writes the request of an exchange as a curl command line. A pass phrase
// is asked for by curl itself.
//
// A secret in a header or in the body becomes a shell variable, named in the
// comment on the first lines. Another comment says where the address or the body
// is not the one that was sent.
func Curl(x *Exchange) string {
	secrets, variables := bodyOfVariables(x)
	lines := []string{"curl -i -X " + ShellWord(x.Method)}
	if x.Method == http.MethodHead {
		lines[0] = "curl -I" // with -X it would wait for a body
	}
	add := func(option, value string) { lines = append(lines, option+" "+ShellWord(value)) }
	if x.CertificateFile != "" {
		add("--cert", x.CertificateFile)
		add("--key", x.KeyFile)
	}
	if x.CAFile != "" {
		add("--cacert", x.CAFile)
	}
	if to := connectTo(x); to != "" {
		add("--connect-to", to)
	}
	lines = append(lines, curlHeaders(x)...)
	if x.RequestBody != "" || takesBody(x.Method) {
		if x.RequestHeader.Get("Content-Type") == "" {
			add("-H", "Content-Type:") // else curl says that it is a form
		}
		// Raw, because curl would read "@name" from a file. An empty one makes
		// curl send the Content-Length that some servers insist on.
		if variables {
			lines = append(lines, "--data-binary @-")
		} else {
			add("--data-raw", x.RequestBody)
		}
	}
	if strings.ContainsAny(x.URL, "[]{}") {
		lines = append(lines, "--globoff")
	}
	command := strings.Join(append(lines, ShellWord(x.URL)), " \\\n  ")
	authorized := strings.Contains(command, "$"+secretVariable)
	if variables {
		command = secrets.comment() + secrets.pipe(command)
	}
	if authorized {
		command = authorizationComment(x) + command
	}
	switch {
	case strings.Contains(x.RequestBody, Masked) && !variables, strings.Contains(x.URL, Masked):
		command = maskedComment + command
	case len(x.RequestBody) >= keptBody:
		command = partComment + command
	}
	return command
}

func curlHeaders(x *Exchange) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(x.RequestHeader)) {
		if name == "Content-Length" || name == "User-Agent" {
			continue
		}
		for _, v := range x.RequestHeader[name] {
			switch {
			case v == "":
				lines = append(lines, "-H "+ShellWord(name+";")) // curl's way to send an empty one
			case strings.Contains(v, Masked):
				// The secret is not here to be copied: the shell gives it.
				lines = append(lines, "-H "+secretHeader(name))
			default:
				lines = append(lines, "-H "+ShellWord(name+": "+v))
			}
		}
	}
	return lines
}

// Comments on a copy that is not yet the request that was sent.
const (
	maskedComment = "# " + Masked + " stands for a secret, which is not kept: put it in before this is sent\n"
	partComment   = "# the body was kept in part only, and ends early here\n"
)

func takesBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// connectTo is curl's HOST:PORT:CONNECT-HOST:CONNECT-PORT for a lab.
func connectTo(x *Exchange) string {
	u, err := url.Parse(x.URL)
	if err != nil || x.ConnectTo == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(x.ConnectTo)
	if err != nil {
		return ""
	}
	from := u.Port()
	if from == "" {
		from = "443"
	}
	return net.JoinHostPort(u.Hostname(), from) + ":" + net.JoinHostPort(host, port)
}

// secretHeader is a header whose value the shell puts in, as one word. A name may
// hold characters that mean something between double quotes.
func secretHeader(name string) string {
	if ShellWord(name) != name {
		return ShellWord(name+": ") + `"$` + secretVariable + `"`
	}
	return `"` + name + ": $" + secretVariable + `"`
}

// ShellWord quotes s as one word of a POSIX shell.
func ShellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
