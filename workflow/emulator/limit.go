package emulator

import (
	"net"
	"sync"
	"sync/atomic"
)

// defaultConnections is how many connections a lab keeps open at once. One
// costs some tens of kilobytes.
const defaultConnections = 16 << 10

// limitedListener closes what comes above a number of connections at once. An
// idle one is closed by the server's own time limits, which makes room.
type limitedListener struct {
	net.Listener
	limit int64
	open  atomic.Int64
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.limit {
			return &limitedConn{Conn: conn, done: func() { l.open.Add(-1) }}, nil
		}
		l.open.Add(-1)
		_ = conn.Close()
	}
}

type limitedConn struct {
	net.Conn
	once sync.Once
	done func()
}

func (c *limitedConn) Close() error {
	c.once.Do(c.done)
	return c.Conn.Close()
}

// maxDepth is how deep JSON may nest. No body of these services needs a tenth.
const maxDepth = 64

// tooDeep reports whether a JSON text nests deeper than maxDepth, without
// decoding it.
func tooDeep(body []byte) bool {
	depth, quoted, escaped := 0, false, false
	for _, b := range body {
		switch {
		case escaped:
			escaped = false
		case quoted && b == '\\':
			escaped = true
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}
