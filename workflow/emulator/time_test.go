package emulator

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"dpslab/workflow/dps"
)

// pipeListener serves connections made in memory, so that a lab and its clients
// can live in a bubble of faked time.
type pipeListener struct {
	connections chan net.Conn
	closed      chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{make(chan net.Conn), make(chan struct{})}
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8443} }

func (p *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.connections <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inBubble starts a lab behind a pipe and a client that shows id.
func inBubble(t *testing.T, dir string, id ident) (*Lab, *client) {
	t.Helper()
	p := newPipeListener()
	l, err := Start(t.Context(), Options{Dir: dir, InMemory: dir == "", Listener: p})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		DialContext: p.dial,
		TLSClientConfig: &tls.Config{
			RootCAs: l.identity.pool(), MinVersion: tls.VersionTLS12,
			Certificates: []tls.Certificate{{Certificate: [][]byte{id.chain[0].Raw}, PrivateKey: id.key}},
		},
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, &client{http: &http.Client{Transport: transport}, lab: l}
}

// enrollDirectly makes an enrollment without a client of its own.
func (l *Lab) enrollDirectly(t *testing.T, c *client, id ident, name string) {
	t.Helper()
	body := `{"registrationId":"` + name + `","attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"certificate":` + jsonText(t, pemText(id.chain[0])) + `}}}}}`
	a := c.do(t, "PUT", "https://"+l.ready.ServiceHost+"/enrollments/"+name+"?api-version=2021-10-01", body, "Authorization", "Bearer "+l.ready.ManagementToken)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
}

func TestAssigningTakesTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		id := selfSigned(t, "d1")
		l, c := inBubble(t, "", id)
		l.enrollDirectly(t, c, id, "d1")
		begun := c.register(t, "d1")
		var op, poll dps.RegistrationOperationStatus
		begun.into(t, &op)
		if begun.header.Get("Retry-After") != "3" {
			t.Errorf("%v", begun.header)
		}
		a := c.do(t, "GET", l.operationURL("d1", op.OperationID), "")
		a.into(t, &poll)
		if a.status != 202 || a.header.Get("Retry-After") != "3" || poll.Status != "assigning" || poll.RegistrationState.RegistrationID != "d1" || poll.RegistrationState.Status != "assigning" {
			t.Errorf("%d %v %s", a.status, a.header, a.body)
		}
		var state dps.DeviceRegistrationState
		record := func() string {
			c.do(t, "GET", "https://"+l.ready.ServiceHost+"/registrations/d1?api-version=2021-10-01", "", "Authorization", "Bearer "+l.ready.ManagementToken).into(t, &state)
			return state.Status
		}
		if got := record(); got != "assigning" {
			t.Errorf("record %s while assigning", got)
		}
		time.Sleep(240 * time.Millisecond)
		synctest.Wait()
		// Nobody polled: the service assigns all the same.
		if got := record(); got != "assigned" {
			t.Errorf("record %s after the delay", got)
		}
		a = c.do(t, "GET", l.operationURL("d1", op.OperationID), "")
		a.into(t, &poll)
		if a.status != 200 || poll.Status != "assigned" || a.header.Get("Retry-After") != "" {
			t.Errorf("%d %v %s", a.status, a.header, a.body)
		}
	})
}

// TestOperationOutlivesItsProcess goes on from a copy of the state directory, as
// it would lie on disk after a kill while assigning.
func TestOperationOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		id := selfSigned(t, "d1")
		before, after := t.TempDir(), t.TempDir()
		l, c := inBubble(t, before, id)
		l.enrollDirectly(t, c, id, "d1")
		var op, poll dps.RegistrationOperationStatus
		c.register(t, "d1").into(t, &op)
		for _, name := range []string{"lab.db", "ca.pem", "ca-key.pem"} {
			copyFile(t, filepath.Join(before, name), filepath.Join(after, name))
		}
		again, c2 := inBubble(t, after, id)
		if again.ready.IDScope != l.ready.IDScope || again.ready.ServiceConnectionString != l.ready.ServiceConnectionString || again.ready.ManagementToken != l.ready.ManagementToken {
			t.Error("the instance changed with the restart")
		}
		a := c2.do(t, "GET", l.operationURL("d1", op.OperationID), "")
		if a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		time.Sleep(defaultAssignDelay)
		synctest.Wait()
		// Before anybody polls: the restarted lab has taken the operation up.
		var state dps.DeviceRegistrationState
		c2.do(t, "GET", "https://"+l.ready.ServiceHost+"/registrations/d1?api-version=2021-10-01", "", "Authorization", "Bearer "+l.ready.ManagementToken).into(t, &state)
		if state.Status != "assigned" {
			t.Errorf("record %s after the restart", state.Status)
		}
		a = c2.do(t, "GET", l.operationURL("d1", op.OperationID), "")
		a.into(t, &poll)
		if a.status != 200 || poll.OperationID != op.OperationID || poll.Status != "assigned" {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOldOperationsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		id := selfSigned(t, "d1")
		l, c := inBubble(t, "", id)
		l.enrollDirectly(t, c, id, "d1")
		var first dps.RegistrationOperationStatus
		c.register(t, "d1").into(t, &first)
		time.Sleep(operationLifetime + time.Second)
		c.register(t, "d1")
		wantRefusal(t, c.do(t, "GET", l.operationURL("d1", first.OperationID), ""), 404203, "Operation not found")
	})
}
