package screen

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"dpslab/workflow"
)

// query is what is searched for in a transcript. Words of the form name:value
// narrow it by host, status, step or method; a value may list alternatives with
// commas. All else is one text that must occur somewhere in the exchange.
type query struct {
	text                       string // lower case
	host, status, step, method []string
	failed                     bool // only what was refused or not answered

	kinds map[uint32]bool // which kinds of exchanges fit, as far as they were met
}

// queryHint tells which words narrow a search.
const queryHint = "text  host:dps  status:4xx  step:registration  method:put"

func parseQuery(s string) query {
	var q query
	var text []string
	for word := range strings.FieldsSeq(strings.ToLower(s)) {
		name, value, _ := strings.Cut(word, ":")
		into := map[string]*[]string{"host": &q.host, "status": &q.status, "step": &q.step, "method": &q.method}[name]
		if into == nil || !strings.Contains(word, ":") {
			text = append(text, word)
			continue
		}
		// A value that is not typed yet narrows nothing.
		*into = append(*into, slices.DeleteFunc(strings.Split(value, ","), func(v string) bool { return v == "" })...)
	}
	q.text = strings.Join(text, " ")
	return q
}

// empty says whether everything is found.
func (q query) empty() bool {
	return q.text == "" && len(q.host)+len(q.status)+len(q.step)+len(q.method) == 0 && !q.failed
}

// fits says whether exchanges of a kind may be found, as far as their text does
// not matter.
func (q query) fits(k workflow.ExchangeKind) bool {
	return (!q.failed || refused(k.Status)) &&
		anyOf(q.host, func(v string) bool { return containsFold(k.Host, v) || containsFold(k.Service, v) }) &&
		anyOf(q.status, func(v string) bool { return statusIs(k.Status, v) }) &&
		anyOf(q.step, func(v string) bool { return containsFold(string(k.Step), v) || containsFold(k.Step.Title(), v) }) &&
		anyOf(q.method, func(v string) bool { return strings.EqualFold(k.Method, v) })
}

// anyOf says whether one of the alternatives fits; no alternatives fit all.
func anyOf(alternatives []string, fits func(string) bool) bool {
	return len(alternatives) == 0 || slices.ContainsFunc(alternatives, fits)
}

// refused says whether an exchange ended without success.
func refused(status int) bool {
	return status == 0 || status >= http.StatusMultipleChoices
}

// statusIs compares a status with "404", "4xx", "40" as the beginning of one,
// or "none" for an exchange without an answer.
func statusIs(status int, v string) bool {
	if status == 0 {
		return strings.HasPrefix("none", v) || v == "0"
	}
	return strings.HasPrefix(strconv.Itoa(status), strings.TrimRight(v, "x"))
}

// contains looks for a lower-case text in what an exchange shows.
func contains(x *workflow.Exchange, text string) bool {
	for _, part := range []string{x.Method, x.URL, x.Service, x.Operation, x.Reason, x.Error, x.RequestBody, x.ResponseBody} {
		if containsFold(part, text) {
			return true
		}
	}
	if x.Status != 0 && strings.Contains(strconv.Itoa(x.Status), text) {
		return true
	}
	for _, h := range []http.Header{x.RequestHeader, x.ResponseHeader} {
		for name, values := range h {
			for _, v := range values {
				if containsFold(name+": "+v, text) {
					return true
				}
			}
		}
	}
	return false
}

// containsFold looks for a lower-case text without regard to case. A transcript
// may hold hundreds of megabytes, so ASCII is compared in place.
func containsFold(s, lower string) bool {
	if lower == "" {
		return true
	}
	first := lower[0]
	if first >= 0x80 {
		return strings.Contains(strings.ToLower(s), lower)
	}
	upper := first
	if first >= 'a' && first <= 'z' {
		upper -= 'a' - 'A'
	}
	for i := 0; i+len(lower) <= len(s); i++ {
		if c := s[i]; (c == first || c == upper) && strings.EqualFold(s[i:i+len(lower)], lower) {
			return true
		}
	}
	return false
}
