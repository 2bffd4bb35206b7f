package workflow

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
	"unique"

	"github.com/tidwall/gjson"

	"dpslab/workflow/wire"
)

// lineReader reads the journal lines that come by the hundred thousand, without
// what a [Status] does not look at. An exchange that it returns is only good until
// the next line. Texts are shared where they are the same.
type lineReader struct {
	e        Event
	x        Exchange
	tls      wire.TLSFacts
	line     members
	exchange members
}

// members says by the names of an object's members where their values belong: at
// a pointer, with a function, or, when it is nil, nowhere. It has all members
// that this program writes in lines that come often, even if they do not
// matter: another name may be one of them in upper case.
type members map[string]any

func newLineReader() *lineReader {
	r := &lineReader{}
	r.line = members{
		"run": &r.e.Run, "seq": &r.e.Seq, "at": &r.e.At, "event": (*string)(&r.e.Kind),
		"device": &r.e.Device, "step": (*string)(&r.e.Step), "message": &r.e.Message,
		"exchange": func(v gjson.Result) bool {
			r.e.Exchange = &r.x
			return r.exchange.read(v)
		},
		"received": func(v gjson.Result) bool {
			r.e.Received = leftOut
			return v.IsObject()
		},
	}
	timing := members{"total_ms": &r.x.Timing.Total, "dns_ms": nil, "connect_ms": nil, "tls_ms": nil, "wait_ms": nil, "reused": nil, "ahead": nil}
	tls := members{
		"client_certificate_requested": &r.tls.Requested, "version": nil, "cipher_suite": nil, "server_name": nil, "server": nil,
		"client": func(v gjson.Result) bool { // how many is all that counts
			r.tls.Client = make([]wire.CertificateFact, v.Get("#").Int())
			return v.IsArray()
		},
	}
	r.exchange = members{
		"service": &r.x.Service, "operation": &r.x.Operation, "method": &r.x.Method, "url": &r.x.URL,
		"status": &r.x.Status, "reason": &r.x.Reason, "error": &r.x.Error, "response_body": &r.x.ResponseBody,
		"started": &r.x.Started, "timing": timing.read, "tls": tls.read,
		"id": nil, "request_header": nil, "request_body": nil, "proto": nil, "response_header": nil, "truncated": nil,
		"dry_run": nil, "certificate_file": nil, "key_file": nil, "ca_file": nil, "connect_to": nil, "proxy": nil,
	}
	return r
}

// leftOut stands for a received message that was not read.
var leftOut = &Received{}

// event reads a line. ok is false when package json has to read it: it is of
// another kind, its exchange is one of those that are shown whole, or it is
// damaged.
func (r *lineReader) event(line []byte) (e Event, ok bool) {
	if !gjson.ValidBytes(line) {
		return Event{}, false
	}
	r.e, r.tls = Event{}, wire.TLSFacts{}
	r.x = Exchange{TLS: &r.tls}
	if !r.line.read(gjson.ParseBytes(line)) || !r.e.whole() {
		return Event{}, false
	}
	return r.e, r.e.Exchange == nil || r.e.Step != StepRegistration && r.e.Run != ""
}

// read reads an object of valid JSON.
func (m members) read(object gjson.Result) bool {
	ok := object.IsObject()
	object.ForEach(func(name, v gjson.Result) bool {
		field, known := m[name.Str]
		ok = ok && known && set(field, v)
		return ok
	})
	return ok
}

// set reads a value into where it belongs, in the same way as package json.
func set(field any, v gjson.Result) bool {
	switch field := field.(type) {
	case nil:
		return true
	case func(gjson.Result) bool:
		return field(v)
	case *string:
		plain := v.Type == gjson.String && len(v.Raw) == len(`""`)+len(v.Str)
		if plain && utf8.ValidString(v.Str) {
			*field = unique.Make(v.Str).Value()
			return true
		}
	case *int:
		if n, err := strconv.Atoi(v.Raw); err == nil {
			*field = n
			return true
		}
	case *time.Time:
		return field.UnmarshalJSON([]byte(v.Raw)) == nil
	}
	return json.Unmarshal([]byte(v.Raw), field) == nil
}
