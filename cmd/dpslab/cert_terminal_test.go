//go:build unix

package main

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestCertPrompt types a pass phrase in a real terminal: it is asked for twice
// when it is new, never shown, and opens the key afterwards.
func TestCertPrompt(t *testing.T) {
	t.Parallel()
	const phrase = "typed in secret"
	b := newCertBench(t)
	s := open(t, b.env, 100, 24, "cert", "new", "press-3", "--encrypt", "--out", b.dir)
	s.see("Pass phrase for the new key:")
	s.press(phrase + enter)
	s.see("Once more:")
	s.press(phrase + enter)
	if code := s.wait(); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, s.text())
	}
	s = open(t, b.env, 100, 40, "cert", "renew", b.in("device-cert.pem"), "--key", b.in("device-key.pem"), "--days", "90")
	s.see("Pass phrase of " + b.in("device-key.pem")[:30])
	s.press(phrase + enter)
	if code := s.wait(); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, s.text())
	}
	if strings.Contains(s.output(), phrase) {
		t.Error("the pass phrase was shown")
	}
	s = open(t, b.env, 100, 24, "cert", "new", "press-4", "--encrypt", "--out", b.dir+"/other")
	s.see("Pass phrase for the new key:")
	s.press("one" + enter)
	s.see("Once more:")
	s.press("two" + enter)
	if code := s.wait(); code != 2 {
		t.Errorf("two different pass phrases: exit code %d", code)
	}
	if _, err := os.Stat(b.dir + "/other"); err == nil {
		t.Error("a refused command left files")
	}
}

// TestCertInspectServer looks at a real TLS server, trusted and not.
func TestCertInspectServer(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // that it is not trusted is what is tested
	server.StartTLS()
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "https://")
	r := b.cert(0, "inspect", address)
	if !strings.Contains(r.stdout, "Trust: NOT trusted: ") || !strings.Contains(r.stdout, "Subject: O = Acme Co") {
		t.Errorf("not trusted: %s", r.stdout)
	}
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(b.in("ca.pem"), own, 0o600); err != nil {
		t.Fatal(err)
	}
	report := b.objects(b.cert(0, "inspect", address, "--ca-file", "@ca.pem", "--json"))[0]
	if report["trust"] != "trusted, and issued for 127.0.0.1" || len(report["certificates"].([]any)) != 1 {
		t.Errorf("trusted: %v", report)
	}
}
