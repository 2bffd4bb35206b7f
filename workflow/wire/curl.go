package wire

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// Curl writes the request of an exchange as a curl command line. Secrets stay
// masked; a pass phrase is asked for by curl itself.
func Curl(x *Exchange) string {
	lines := []string{"curl -i -X " + x.Method}
	if x.CertificateFile != "" {
		lines = append(lines, "--cert "+ShellWord(x.CertificateFile))
		lines = append(lines, "--key "+ShellWord(x.KeyFile))
	}
	if x.CAFile != "" {
		lines = append(lines, "--cacert "+ShellWord(x.CAFile))
	}
	if to := connectTo(x); to != "" {
		lines = append(lines, "--connect-to "+to)
	}
	names := make([]string, 0, len(x.RequestHeader))
	for name := range x.RequestHeader {
		if name != "Content-Length" && name != "User-Agent" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range x.RequestHeader[name] {
			lines = append(lines, "-H "+ShellWord(name+": "+v))
		}
	}
	if x.RequestBody != "" {
		lines = append(lines, "--data-binary "+ShellWord(x.RequestBody))
	}
	return strings.Join(append(lines, ShellWord(x.URL)), " \\\n  ")
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
	return u.Hostname() + ":" + from + ":" + host + ":" + port
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
