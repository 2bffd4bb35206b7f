package wire

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Why an exchange cannot be copied.
const (
	whySecretBody = "the request's body holds a secret, which is not kept"
	whyTruncated  = "the request's body is kept in part only"
	whyAddress    = "the request's address cannot be read"
)

// whyNotBody tells why the body of a request cannot be sent again.
func whyNotBody(x *Exchange) string {
	switch {
	case strings.Contains(x.RequestBody, Masked):
		return whySecretBody
	case len(x.RequestBody) >= keptBody:
		return whyTruncated
	}
	return ""
}

// OpenSSL writes the request of an exchange for openssl s_client: the request
// line by line, sent over a connection whose handshake openssl shows. A
// credential in a header becomes the shell variable AUTHORIZATION. Where why is
// not empty there is no such form.
func OpenSSL(x *Exchange) (text, why string) {
	u, err := url.Parse(x.URL)
	if err != nil || u.Hostname() == "" {
		return "", whyAddress
	}
	if why := whyNotBody(x); why != "" {
		return "", why
	}
	host, address := u.Hostname(), net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443"))
	var b strings.Builder
	if hasSecret(x) {
		b.WriteString(authorizationComment(x))
	}
	b.WriteString("{ printf '%s\\r\\n' \\\n")
	fmt.Fprintf(&b, "  %s \\\n  %s \\\n", ShellWord(x.Method+" "+u.RequestURI()+" HTTP/1.1"), ShellWord("Host: "+u.Host))
	for _, line := range headerLines(x, "Content-Length", "Connection", "Host") {
		fmt.Fprintf(&b, "  %s \\\n", line)
	}
	if x.RequestBody != "" || takesBody(x.Method) {
		fmt.Fprintf(&b, "  'Content-Length: %d' \\\n", len(x.RequestBody))
	}
	b.WriteString("  'Connection: close' ''")
	if x.RequestBody != "" {
		b.WriteString("\n  printf '%s' " + ShellWord(x.RequestBody))
	}
	b.WriteString("\n} | openssl s_client -ign_eof -connect " + ShellWord(cmp.Or(x.ConnectTo, address)) + " \\\n  -servername " + ShellWord(host))
	if x.CertificateFile != "" {
		b.WriteString(" \\\n  -cert " + ShellWord(x.CertificateFile) + " \\\n  -key " + ShellWord(x.KeyFile))
	}
	if x.CAFile != "" {
		b.WriteString(" \\\n  -CAfile " + ShellWord(x.CAFile))
	}
	b.WriteString(" \\\n  -verify_return_error -verify_hostname " + ShellWord(host))
	if x.TLS != nil && len(x.TLS.Client) > 1 {
		// The file holds the leaf and then its chain; -cert takes the first.
		b.WriteString(" \\\n  -cert_chain /dev/fd/3 3<<CHAIN\n$(awk '/-----BEGIN /{n++} n>1' " + ShellWord(x.CertificateFile) + ")\nCHAIN")
	}
	return b.String(), ""
}

func hasSecret(x *Exchange) bool {
	for _, values := range x.RequestHeader {
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, Masked) }) {
			return true
		}
	}
	return false
}

// headerLines are the request's headers as words of a shell, without some.
func headerLines(x *Exchange, without ...string) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(x.RequestHeader)) {
		if slices.ContainsFunc(without, func(w string) bool { return strings.EqualFold(w, name) }) {
			continue
		}
		for _, v := range x.RequestHeader[name] {
			if strings.Contains(v, Masked) {
				lines = append(lines, ShellWord(name+": ")+`"$`+secretVariable+`"`)
				continue
			}
			lines = append(lines, ShellWord(name+": "+v))
		}
	}
	return lines
}
