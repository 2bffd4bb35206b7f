package workflow

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"dpslab/workflow/wire"
)

// lineReader reads the journal lines that come by the hundred thousand, without
// what a [Status] does not look at. An exchange that it returns is only good until
// the next line. Texts are shared where they are the same.
type lineReader struct {
	t     jsonText
	texts map[string]string
	e     Event
	x     Exchange
	tls   wire.TLSFacts
}

// mostTexts bounds the texts that are shared.
const mostTexts = 4096

// event reads a line. ok is false when package json has to read it: it is of
// another kind, it belongs to the registration, whose exchanges are shown
// whole, or it is no JSON. part says that something of the event was left out.
func (r *lineReader) event(line []byte) (e Event, part, ok bool) {
	r.t, r.e = jsonText{b: line}, Event{}
	if !r.t.members(r.member) {
		return Event{}, false, false
	}
	r.t.blanks()
	return r.e, r.e.Exchange != nil || r.e.Received != nil, r.t.i == len(line) && r.light()
}

// light says whether an event was read as far as it counts.
func (r *lineReader) light() bool {
	if r.e.Step == StepRegistration || r.e.Run == "" {
		return false
	}
	switch r.e.Kind {
	case ExchangeStarted, ExchangeFinished:
		return r.e.Exchange != nil && r.e.Message == nil && r.e.Received == nil
	case MessageSent:
		return r.e.Message != nil && r.e.Exchange == nil && r.e.Received == nil
	case MessageReceived:
		return r.e.Received != nil && r.e.Exchange == nil && r.e.Message == nil
	}
	return false
}

func (r *lineReader) member(name []byte) bool {
	switch string(name) {
	case "run":
		return r.into(&r.e.Run)
	case "seq":
		return r.integer(&r.e.Seq)
	case "at":
		return r.moment(&r.e.At)
	case "event":
		return r.into((*string)(&r.e.Kind))
	case "device":
		return r.into(&r.e.Device)
	case "step":
		return r.into((*string)(&r.e.Step))
	case "exchange":
		if r.e.Exchange != nil {
			return false
		}
		r.x = Exchange{}
		r.e.Exchange = &r.x
		return r.t.members(r.exchange)
	case "message":
		if r.e.Message != nil {
			return false
		}
		r.e.Message = &Message{} // a status keeps the last one
		return r.t.members(r.message)
	case "received":
		r.e.Received = leftOut
		return r.t.members(func([]byte) bool { return r.t.value(0) })
	}
	return false // of another event, or written by another program
}

// leftOut stands for a received message that was not read.
var leftOut = &Received{}

func (r *lineReader) exchange(name []byte) bool {
	switch string(name) {
	case "service":
		return r.into(&r.x.Service)
	case "operation":
		return r.into(&r.x.Operation)
	case "method":
		return r.into(&r.x.Method)
	case "url":
		return r.into(&r.x.URL)
	case "status":
		return r.integer(&r.x.Status)
	case "reason":
		return r.into(&r.x.Reason)
	case "error":
		return r.into(&r.x.Error)
	case "response_body":
		return r.fresh(&r.x.ResponseBody)
	case "timing":
		return r.t.members(func(name []byte) bool {
			if string(name) == "total_ms" {
				return r.float(&r.x.Timing.Total)
			}
			return r.t.value(0)
		})
	case "tls":
		if r.x.TLS == nil {
			r.tls = wire.TLSFacts{}
			r.x.TLS = &r.tls
		}
		return r.t.members(r.handshake)
	case "started":
		return r.moment(&r.x.Started)
	case "id", "request_header", "request_body", "proto", "response_header", "truncated", "dry_run",
		"certificate_file", "key_file", "ca_file", "connect_to", "proxy":
		return r.t.value(0)
	}
	return false
}

// someCertificate stands for client certificates that were not read.
var someCertificate = make([]wire.CertificateFact, 1)

// handshake reads whether a client certificate was asked for or sent.
func (r *lineReader) handshake(name []byte) bool {
	switch string(name) {
	case "client":
		r.t.blanks()
		from := r.t.i
		if !r.t.list(0) {
			return false
		}
		r.x.TLS.Client = nil
		if len(bytes.TrimSpace(r.t.b[from+1:r.t.i-1])) > 0 {
			r.x.TLS.Client = someCertificate
		}
		return true
	case "client_certificate_requested":
		r.x.TLS.Requested = r.t.word("true")
		return r.x.TLS.Requested || r.t.word("false")
	}
	return r.t.value(0)
}

func (r *lineReader) message(name []byte) bool {
	m := r.e.Message
	switch string(name) {
	case "n":
		return r.integer(&m.N)
	case "of":
		return r.integer(&m.Of)
	case "body":
		return r.fresh(&m.Body)
	case "value":
		m.Value = new(float64)
		return r.float(m.Value)
	case "value_name":
		return r.into(&m.ValueName)
	case "latency_ms":
		return r.float(&m.LatencyMS)
	case "hub":
		return r.into(&m.Hub)
	}
	return false
}

// into reads a string that many lines share.
func (r *lineReader) into(s *string) bool {
	raw, plain, ok := r.t.text()
	if !ok {
		return false
	}
	if known, ok := r.texts[string(raw)]; ok {
		*s = known
		return true
	}
	if !plain {
		if json.Unmarshal(raw, s) != nil {
			return false
		}
	} else {
		*s = string(raw[1 : len(raw)-1])
	}
	if r.texts == nil || len(r.texts) >= mostTexts {
		r.texts = map[string]string{}
	}
	r.texts[string(raw)] = *s
	return true
}

// fresh reads a string that is another one in each line.
func (r *lineReader) fresh(s *string) bool {
	raw, plain, ok := r.t.text()
	if ok && plain {
		*s = string(raw[1 : len(raw)-1])
		return true
	}
	return ok && json.Unmarshal(raw, s) == nil
}

func (r *lineReader) integer(n *int) bool {
	raw, ok := r.t.number()
	if !ok {
		return false
	}
	v, err := strconv.Atoi(string(raw))
	*n = v
	return err == nil
}

func (r *lineReader) float(f *float64) bool {
	raw, ok := r.t.number()
	if !ok {
		return false
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	*f = v
	return err == nil
}

func (r *lineReader) moment(at *time.Time) bool {
	raw, plain, ok := r.t.text()
	return ok && plain && at.UnmarshalJSON(raw) == nil
}
