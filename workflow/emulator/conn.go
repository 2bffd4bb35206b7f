package emulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

// handshakeTime is how long a client may take for its handshake.
const handshakeTime = 10 * time.Second

// tlsListener accepts what net/http takes for plain connections: it then writes
// all of its own refusals through them, where they can be given the form that
// the services have.
type tlsListener struct {
	net.Listener
	lab    *Lab
	config *tls.Config
}

func (t *tlsListener) Accept() (net.Conn, error) {
	conn, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tlsConn{Conn: tls.Server(conn, t.config), lab: t.lab}, nil
}

// tlsConn is the server's side of a connection. Its goroutine reads first.
type tlsConn struct {
	*tls.Conn
	lab   *Lab
	state *tls.ConnectionState // after the handshake
	leaf  string               // see call.leafThumbprint
	last  way                  // of the request before
}

// connKey is where a request's context has its tlsConn.
type connKey struct{}

func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// secured gives a request what net/http would, had it made the handshake, and
// the connection it came by.
func secured(r *http.Request) *tlsConn {
	conn, ok := r.Context().Value(connKey{}).(*tlsConn)
	if ok {
		r.TLS = conn.state
	}
	return conn
}

// Read makes the handshake before it reads.
func (c *tlsConn) Read(b []byte) (int, error) {
	if c.state == nil {
		if err := c.handshake(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

func (c *tlsConn) handshake() error {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	defer cancel()
	err := c.Conn.HandshakeContext(ctx)
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil && looksLikeHTTP(plain.RecordHeader) {
		_, _ = io.WriteString(plain.Conn, "HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nThe lab speaks HTTPS.\n")
	}
	if err != nil {
		_ = c.Conn.NetConn().Close()
		return err
	}
	state := c.Conn.ConnectionState()
	c.state = &state
	return nil
}

func looksLikeHTTP(head [5]byte) bool {
	switch string(head[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH":
		return true
	}
	return false
}

// ownRefusal is how net/http begins to refuse a request that it cannot read,
// behind the line with the status.
var ownRefusal = []byte("Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

// Write sends an answer. A refusal that no handler made is made anew, in the
// dialect of the host that the client asked for in its handshake.
func (c *tlsConn) Write(b []byte) (int, error) {
	line, rest, _ := bytes.Cut(b[:min(len(b), 256)], []byte("\r\n"))
	if !bytes.HasPrefix(rest, ownRefusal) || c.state == nil {
		return c.Conn.Write(b)
	}
	var status int
	if _, err := fmt.Sscanf(string(line), "HTTP/1.1 %d", &status); err != nil {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(c.lab.refuseUnread(status, hostName(c.state.ServerName))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// unreadURL stands for the one that nobody can read.
var unreadURL = &url.URL{Path: "/"}

// unreadAnswer keeps what a dialect answers.
type unreadAnswer struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (u *unreadAnswer) Header() http.Header         { return u.header }
func (u *unreadAnswer) WriteHeader(status int)      { u.status = status }
func (u *unreadAnswer) Write(b []byte) (int, error) { return u.body.Write(b) }

// refuseUnread is the whole answer to a request that could not be read.
func (l *Lab) refuseUnread(status int, host string) []byte {
	now := time.Now()
	answer := &unreadAnswer{header: http.Header{}}
	c := &call{
		w: answer, r: &http.Request{Method: "?", URL: unreadURL}, surface: l.surfacesOf(host)[0],
		requestID: uuid.NewString(), now: now, arrived: now, verdict: "no request that can be read",
	}
	c.set("x-ms-request-id", c.requestID)
	c.set("X-Dpslab-Emulator", l.options.Version)
	c.set("Date", now.UTC().Format(http.TimeFormat))
	c.set("Connection", "close")
	if c.surface.server != "" {
		c.set("Server", c.surface.server)
	}
	r := malformedBody.refuse("the request cannot be read")
	if status != http.StatusBadRequest {
		r = &refusal{status: status, code: status * 1000, message: http.StatusText(status)}
	}
	c.surface.dialect(c, r)
	c.set("Content-Length", fmt.Sprint(answer.body.Len()))
	l.log(c)
	var all bytes.Buffer
	fmt.Fprintf(&all, "HTTP/1.1 %d %s\r\n", answer.status, http.StatusText(answer.status))
	_ = answer.header.Write(&all) // memory takes everything
	all.WriteString("\r\n" + strings.TrimSuffix(answer.body.String(), "\n"))
	return all.Bytes()
}
