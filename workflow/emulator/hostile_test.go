package emulator

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHugeHeaders(t *testing.T) {
	t.Parallel()
	l := start(t)
	answer := l.as(t, ident{}).raw(t, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Big: "+strings.Repeat("x", 40<<10)+"\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 431 ") {
		t.Errorf("%.80s", answer)
	}
}

// TestSlowBody sends half a body and then nothing: the lab lets go.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipeListener()
		l, err := Start(t.Context(), Options{InMemory: true, Listener: p})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := p.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		conn := tls.Client(raw, &tls.Config{RootCAs: l.identity.pool(), ServerName: globalHost})
		if _, err := io.WriteString(conn, "PUT /"+l.ready.IDScope+"/registrations/d1/register?api-version=2021-06-01 HTTP/1.1\r\nHost: "+globalHost+"\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, _ = io.ReadAll(conn)
		if took := time.Since(began); took == 0 || took > time.Minute {
			t.Errorf("the lab waited for %v", took)
		}
		if err := errors.Join(conn.Close(), l.Close()); err != nil && !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestInvalidTLS speaks what is no TLS, or half of it, or an old one. Each is
// turned away, and who speaks it well is served beside them.
func TestInvalidTLS(t *testing.T) {
	t.Parallel()
	l := start(t)
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0])
	for name, sent := range map[string]string{
		"noise":               strings.Repeat("\xff", 4<<10),
		"zeros":               strings.Repeat("\x00", 4<<10),
		"another protocol":    "SSH-2.0-client\r\n",
		"SSL 2":               "\x80\x2e\x01\x00\x02" + strings.Repeat("\x00", 43),
		"a record too long":   "\x16\x03\x01\xff\xff" + strings.Repeat("a", 4<<10),
		"a hello of nonsense": "\x16\x03\x01\x00\x10\x01\x00\x00\x0c" + strings.Repeat("\x03", 12),
		"data before a hello": "\x17\x03\x03\x00\x05hello",
	} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.ready.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// The other side may hang up before all of it is read.
		_, _ = io.WriteString(conn, sent)
		if answer, _ := io.ReadAll(conn); len(answer) > 7 { // an alert at most
			t.Errorf("%s: %q", name, answer)
		}
	}
	half, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.ready.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if _, err := io.WriteString(half, "\x16\x03\x01\x02\x00\x01"); err != nil {
		t.Fatal(err)
	}
	old := tls.Dialer{Config: &tls.Config{RootCAs: l.identity.pool(), ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}}
	if conn, err := old.DialContext(t.Context(), "tcp", l.ready.Address); err == nil {
		conn.Close()
		t.Error("TLS 1.1 was accepted")
	}
	if op := l.as(t, id).provision(t, "d1"); op.Status != "assigned" {
		t.Errorf("%+v", op)
	}
}

func TestDeepJSON(t *testing.T) {
	t.Parallel()
	l := start(t)
	deep := func(n int) string {
		return `{"attestation":{"type":"symmetricKey"},"initialTwin":{"tags":{"a":` + strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) + `}}}`
	}
	if a := l.service(t, "PUT", "/enrollments/shallow", deep(8)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	wantRefusal(t, l.service(t, "PUT", "/enrollments/deep", deep(5000)), 400000, "Bad Request: it nests too deep")
	wantRefusal(t, l.service(t, "PUT", "/enrollments/deep", strings.Repeat("[", 90<<10)), 400000, "Bad Request: it nests too deep")
	quoted := `{"attestation":{"type":"symmetricKey"},"initialTwin":{"tags":{"a":"\"` + strings.Repeat("[", 200) + `"}}}`
	if a := l.service(t, "PUT", "/enrollments/quoted", quoted); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestConnectionCap opens more connections than a lab takes.
func TestConnectionCap(t *testing.T) {
	t.Parallel()
	const limit = 20
	l := start(t, func(o *Options) { o.MaxConnections = limit })
	var open []net.Conn
	for range limit {
		conn, err := tls.Dial("tcp", l.ready.Address, &tls.Config{RootCAs: l.identity.pool(), ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	if conn, err := tls.Dial("tcp", l.ready.Address, &tls.Config{RootCAs: l.identity.pool(), ServerName: "localhost"}); err == nil {
		conn.Close()
		t.Error("one more than the limit was let in")
	}
	if err := open[0].Close(); err != nil {
		t.Fatal(err)
	}
	// The lab sees the end of the other side in its own time.
	for {
		conn, err := tls.Dial("tcp", l.ready.Address, &tls.Config{RootCAs: l.identity.pool(), ServerName: "localhost"})
		if err == nil {
			open[0] = conn
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	for _, conn := range open {
		conn.Close()
	}
}

// manyConnections that say nothing are held against a lab. They end in another
// process, because both ends together exceed what one may usually open.
const manyConnections = 10_000

// idleConnection is the most that one may take of the lab's memory, in bytes:
// about 14 000 are usual, and seven times as much under the race detector.
const idleConnection = 160 << 10

// TestManyConnections holds connections that say nothing, and is served beside
// them in bounded memory.
func TestManyConnections(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, dir)
	id := selfSigned(t, "d1")
	l := asChild(t, c, dir, id)
	l.lab.enrollDirectly(t, l, id, "d1")
	before := c.resident(t)
	open := make([]net.Conn, 0, manyConnections)
	defer func() {
		for _, conn := range open {
			conn.Close()
		}
	}()
	for range manyConnections {
		conn, err := net.Dial("tcp", c.ready.Address)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	if op := l.provision(t, "d1"); op.Status != "assigned" {
		t.Errorf("%+v", op)
	}
	if each := (c.resident(t) - before) / manyConnections; each > idleConnection {
		t.Errorf("an idle connection takes %d bytes", each)
	}
}
