package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dpslab/pki"
)

// IoT Hub asks for the client certificate by renegotiation (TLS 1.2). Go's own
// server cannot, so openssl plays the hub: it prints what it receives, and
// lines on its standard input are sent, or are commands.
func TestRenegotiation(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("this test needs openssl: make test installs it")
	}
	for _, allowed := range []bool{true, false} {
		t.Run(fmt.Sprintf("allowed %v", allowed), func(t *testing.T) {
			t.Parallel()
			hub := startHub(t, openssl)
			me := newIdentity(t, "device-01")
			var m memory
			c := NewClient(Options{
				Service: "IoT Hub", Roots: hub.ca.pool, Certificate: me.pair,
				Dial: dialTo(hub.address), Renegotiate: allowed, Observe: m.observe,
			})
			defer c.Close()
			q := get("/devices/device-01/messages/events")
			q.Method, q.Body = "POST", []byte("telemetry\n") // openssl shows whole lines
			answer, err := c.Do(t.Context(), q)
			x := m.only(t)
			if !allowed {
				wantReason(t, err, ReasonTLS)
				if !strings.Contains(err.Error(), "renegotiation") {
					t.Errorf("the error does not name the matter: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status != 204 {
				t.Errorf("status %d", answer.Status)
			}
			if x.TLS == nil || x.TLS.Version != "TLS 1.2" || !x.TLS.Requested || len(x.TLS.Client) != 1 || x.TLS.Client[0].SHA256 != pki.Thumbprint256(me.leaf) {
				t.Errorf("facts %+v", x.TLS)
			}
		})
	}
}

type hub struct {
	ca      *authority
	address string
}

func startHub(t *testing.T, openssl string) *hub {
	t.Helper()
	dir := t.TempDir()
	h := &hub{ca: newAuthority(t)}
	key, err := pki.ECP256.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := pki.ServerCertificate(key.Public(), testHost, []string{testHost}, nil, month(), h.ca.issuer)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := errors.Join(pki.WriteCertificates(certFile, leaf), pki.WriteKey(keyFile, key, nil)); err != nil {
		t.Fatal(err)
	}
	for range 5 { // somebody may take the address before s_server does
		h.address = freeAddress(t)
		in, lines := run(t, openssl, "s_server", "-tls1_2", "-accept", h.address, "-cert", certFile, "-key", keyFile)
		if waitFor(lines, "ACCEPT") {
			go h.answer(in, lines)
			return h
		}
	}
	t.Fatal("openssl s_server does not start")
	return nil
}

// run starts a program and gives its input and its lines; it ends with the
// test.
func run(t *testing.T, name string, args ...string) (io.Writer, <-chan string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go scan(out, lines)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		waitFor(lines, "\x00") // the end
		_ = cmd.Wait()
	})
	return in, lines
}

// answer renegotiates when the request's body is there, and answers when the
// client's certificate is.
func (h *hub) answer(in io.Writer, lines <-chan string) {
	if waitFor(lines, "telemetry") {
		fmt.Fprint(in, "R\n")
	}
	if waitFor(lines, "depth=0") { // the certificate is being looked at
		fmt.Fprint(in, "HTTP/1.1 204 No Content\nContent-Length: 0\n\n")
	}
}

func scan(r io.Reader, lines chan<- string) {
	defer close(lines)
	for s := bufio.NewScanner(r); s.Scan(); {
		lines <- s.Text()
	}
}

// waitFor reads up to a line that contains text; false is the end.
func waitFor(lines <-chan string, text string) bool {
	for line := range lines {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// freeAddress is one that nobody listens at just now: s_server cannot choose.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
