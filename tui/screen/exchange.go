package screen

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// report collects rows, w cells wide. Rows that fold are known by their key.
type report struct {
	th   *theme.Theme
	w    int
	rows []string

	closed folds
	keys   map[int]string
}

// exchangeRows shows an exchange in full: request, answer, where the time went,
// what TLS agreed on and which certificates were really sent. Each part folds,
// and so does each object and list of a JSON body.
func exchangeRows(th *theme.Theme, x *workflow.Exchange, w int, closed folds) *report {
	r := &report{th: th, w: max(w, 20), closed: closed, keys: map[int]string{}}
	r.text("  ", x.Method+" "+x.URL, th.Strong)
	r.text("  ", strings.Join(present(x.Service, x.Operation, x.Started.Local().Format("15:04:05.000"), x.Proto), ", "), th.Dim)
	if r.section("request", th.Accent.Text("Request"), size(len(x.RequestHeader), x.RequestBody)) {
		r.headers(x.RequestHeader)
		r.body("request", x.RequestBody)
	}
	r.answer(x)
	r.timing(x)
	r.tls(x)
	return r
}

// size says what a folded part holds.
func size(headers int, body string) string {
	text := plural(headers, "header")
	if body != "" {
		text += fmt.Sprintf(", %d bytes", len(body))
	}
	return text
}

func present(parts ...string) []string {
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

// section begins a part and says whether it is open.
func (r *report) section(key, title, about string) bool {
	r.rows = append(r.rows, "")
	open := !r.closed[key]
	if !open {
		title += " " + r.th.Dim.Text("("+about+")")
	}
	r.fold(key, title)
	return open
}

// fold adds a row that folds.
func (r *report) fold(key, text string) {
	mark := "- "
	if r.closed[key] {
		mark = "+ "
	}
	r.keys[len(r.rows)] = key
	r.rows = append(r.rows, r.th.Dim.Text(mark)+text)
}

// text adds plain text, broken where it is too long: nothing is cut here,
// because this is the place where people look for the whole.
func (r *report) text(lead, s string, st theme.Style) {
	for i, row := range ui.Wrap(r.th.Clean(s), r.w-ui.Width(lead)) {
		if i > 0 {
			lead = ui.Blank(ui.Width(lead))
		}
		r.rows = append(r.rows, lead+st.Text(row))
	}
}

func (r *report) headers(h http.Header) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			r.text("    ", name+": "+v, r.th.Plain)
		}
	}
}

func (r *report) answer(x *workflow.Exchange) {
	if x.Status == 0 {
		if r.section("answer", r.th.Accent.Text("No answer"), "why") {
			r.text("    ", x.Error, r.th.Bad)
		}
		return
	}
	st := r.th.OK
	if refused(x.Status) {
		st = r.th.Bad
	}
	title := r.th.Accent.Text("Answer") + " " + st.Text(ui.Cut(r.th.Clean(fmt.Sprintf("%d %s", x.Status, x.Reason)), r.w-12, r.th.Ellipsis))
	if !r.section("answer", title, size(len(x.ResponseHeader), x.ResponseBody)) {
		return
	}
	r.headers(x.ResponseHeader)
	r.body("answer", x.ResponseBody)
	if x.Truncated {
		r.text("    ", "a body was longer than what is kept", r.th.Warn)
	}
}

func (r *report) tls(x *workflow.Exchange) {
	t := x.TLS
	if t == nil {
		return
	}
	about := "no client certificate"
	if len(t.Client) > 0 {
		about = certificates(len(t.Client)) + " sent"
	}
	if !r.section("tls", r.th.Accent.Text(cmp.Or(r.th.Clean(t.Version), "TLS")), about) {
		return
	}
	r.text("    ", strings.Join(present(t.CipherSuite, "server name "+t.ServerName), ", "), r.th.Plain)
	switch {
	case len(t.Client) > 0:
		r.certificates("tls.client", "the device sent", x, true)
	case t.Requested:
		r.text("    ", "the server asked for a certificate; none was sent", r.th.Warn)
	default:
		r.text("    ", "no client certificate was asked for, none was sent", r.th.Dim)
	}
	r.certificates("tls.server", "the server sent", x, false)
}

func (r *report) certificates(key, who string, x *workflow.Exchange, client bool) {
	cs := x.TLS.Server
	if client {
		cs = x.TLS.Client
	}
	if len(cs) == 0 {
		return
	}
	r.fold(key, "  "+r.th.Strong.Text(fmt.Sprintf("%s %s", who, certificates(len(cs)))))
	if r.closed[key] {
		return
	}
	for _, c := range cs {
		r.text("      ", c.Subject, r.th.Plain)
		kind := "issued by " + c.Issuer
		if c.Issuer == c.Subject {
			kind = "self-signed"
		}
		if c.CA {
			kind += ", CA"
		}
		r.text("        ", kind+", until "+c.NotAfter.UTC().Format("2 Jan 2006 15:04 MST"), r.th.Dim)
		r.thumbprint("        SHA-1   ", c.SHA1)
		r.thumbprint("        SHA-256 ", c.SHA256)
	}
}

func certificates(n int) string {
	if n == 1 {
		return "1 certificate"
	}
	return fmt.Sprintf("%d certificates", n)
}
