package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What must not get out: it is in the header and in the body.
const sentSecret = "topsecret"

func secretRequest() Request {
	return Request{
		Operation: "put enrollment", Method: http.MethodPut, URL: "https://" + testHost + "/enrollments/d?sig=" + sentSecret,
		Header: http.Header{"Authorization": {"Bearer " + sentSecret}}, Body: []byte(`{"primaryKey":"` + sentSecret + `"}`),
	}
}

// A server that is not the one that was asked for gets nothing to read.
func TestNothingIsSentToAStranger(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"certificate for another name": func(o *Options) {},
		"unknown authority":            func(o *Options) { o.Roots = newAuthority(t).pool },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived atomic.Bool
			s := serve(t, func(http.ResponseWriter, *http.Request) { arrived.Store(true) })
			o := s.options()
			change(&o)
			q := secretRequest()
			if name == "certificate for another name" {
				q.URL = strings.Replace(q.URL, testHost, "other.example", 1)
			}
			me := newIdentity(t, "device-01")
			o.Certificate = me.pair
			_, err := s.client(t, o).Do(t.Context(), q)
			if e := wantReason(t, err, ReasonTrust); e.Temporary() || strings.Contains(err.Error(), sentSecret) {
				t.Errorf("got %v", err)
			}
			if arrived.Load() {
				t.Error("the request arrived")
			}
		})
	}
}

// However much a server sends, little is taken.
func TestGibibyteIsCutShort(t *testing.T) {
	t.Parallel()
	const gibibyte, enough = 1 << 30, 64 << 20 // what the kernels hold between is far less
	written := make(chan int64, 1)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n, _ := io.Copy(w, io.LimitReader(zeros{}, gibibyte))
		written <- n
	})
	_, err := s.client(t, s.options()).Do(t.Context(), secretRequest())
	wantReason(t, err, ReasonTooLarge)
	if n := <-written; n > enough {
		t.Errorf("%d bytes were taken", n)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// A byte now and then keeps no call alive: each limit ends it.
func TestSlowDrip(t *testing.T) {
	t.Parallel()
	drip := func(head string) func(net.Conn) {
		return func(c net.Conn) {
			_, err := io.WriteString(c, head)
			for err == nil {
				time.Sleep(time.Millisecond)
				_, err = io.WriteString(c, "x")
			}
		}
	}
	short := 50 * time.Millisecond
	for name, tt := range map[string]struct {
		head   string
		limits Limits
		want   string
	}{
		"headers":           {"HTTP/1.1 200 OK\r\nX-Filler: ", Limits{Header: short}, "headers"},
		"headers, in total": {"HTTP/1.1 200 OK\r\nX-Filler: ", Limits{Total: short}, "exceeded"},
		"body":              {"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", Limits{Total: short}, "exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := raw(t, drip(tt.head))
			var m memory
			o := s.options()
			o.Limits, o.Observe = tt.limits, m.observe
			_, err := s.client(t, o).Do(t.Context(), secretRequest())
			if e := wantReason(t, err, ReasonTimeout); !strings.Contains(e.Error(), tt.want) || strings.Contains(e.Error(), sentSecret) {
				t.Errorf("got %v", e)
			}
			if x := m.only(t); x.Error == "" || strings.Contains(x.Error+x.URL+x.RequestBody, sentSecret) {
				t.Errorf("recorded %+v", x)
			}
		})
	}
}

func TestConnectLimit(t *testing.T) {
	t.Parallel()
	c := NewClient(Options{Limits: Limits{Connect: 10 * time.Millisecond}, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	defer c.Close()
	_, err := c.Do(t.Context(), get("/"))
	if e := wantReason(t, err, ReasonTimeout); !strings.Contains(e.Error(), "connecting took longer than 10ms") {
		t.Errorf("got %v", e)
	}
}

// What a server says does not command the terminal that shows the error.
func TestEscapeSequencesInMessages(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-ms-request-id", "\u009b2Jid")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"errorCode":"\u001b[31m400000","message":"\u001b]0;owned\u0007\u202etxt\r\nreally 100 % ü","primaryKey":"`+sentSecret+`"}`)
	})
	_, err := s.client(t, s.options()).Do(t.Context(), secretRequest())
	var refused *ServiceError
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	text := err.Error()
	if strings.ContainsAny(text, "\x1b\x07\r\n\u202e\u009b") || !strings.Contains(text, `\x1b]0;owned\a\u202etxt\r\nreally 100 % ü`) || strings.Contains(text, sentSecret) {
		t.Errorf("%q", text)
	}
	if refused.Message != "\x1b]0;owned\a\u202etxt\r\nreally 100 % ü" || strings.Contains(refused.Body, sentSecret) {
		t.Errorf("%+v", refused)
	}
}
