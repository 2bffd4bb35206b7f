package emulator

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dpslab/pki"
)

// childDir makes the test binary a lab over that directory, to be killed.
const childDir = "DPSLAB_TEST_LAB_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		serveUntilKilled(dir)
	}
	code := m.Run()
	if dir := howToMade.Load(); dir != nil {
		_ = os.RemoveAll(*dir)
	}
	os.Exit(code)
}

func serveUntilKilled(dir string) {
	l, err := Start(context.Background(), Options{Dir: dir, Listen: "127.0.0.1:0", RetryAfter: -1, Version: "child"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(l.Ready()); err != nil {
		os.Exit(1)
	}
	// Ends with the parent, should the parent be killed first.
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

// child is a lab in a process of its own.
type child struct {
	cmd   *exec.Cmd
	ready Ready
}

func startChild(t testing.TB, dir string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0], "-test.run=^$")}
	c.cmd.Env = append(os.Environ(), childDir+"="+dir)
	c.cmd.Stderr = os.Stderr
	if _, err := c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &c.ready); err != nil {
		t.Fatal(err)
	}
	return c
}

// resident is the memory that the child holds, in bytes (proc(5), statm).
func (c *child) resident(t testing.TB) int {
	t.Helper()
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", c.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(statm), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// kill is kill -9, and waits until the process is gone.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// asChild makes a client of a child's lab, through the state directory that
// both know.
func asChild(t testing.TB, c *child, dir string, id ident) *client {
	t.Helper()
	root, err := readRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	return (&Lab{identity: &identity{root: root}, ready: c.ready}).as(t, id)
}

func TestSecondProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startChild(t, dir)

	_, err := Start(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0"})
	held, ok := errors.AsType[*HeldError](err)
	if !ok || held.PID != c.cmd.Process.Pid || held.Address != c.ready.Address || held.Dir != dir {
		t.Fatalf("%v", err)
	}
	l, ready, operator, err := OpenOrJoin(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil || l != nil {
		t.Fatalf("%v %v", l, err)
	}
	defer operator.Close()
	if fmt.Sprint(ready) != fmt.Sprint(c.ready) || ready.Version != "child" {
		t.Errorf("joined %+v, served %+v", ready, c.ready)
	}

	// What a device sends to the other process is seen here.
	id := selfSigned(t, "d1")
	device := asChild(t, c, dir, id)
	body := `{"attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"certificate":` + jsonText(t, pemText(id.chain[0])) + `}}}}}`
	if a := device.do(t, "PUT", "https://"+ready.ServiceHost+"/enrollments/d1?api-version=2021-10-01", body, "Authorization", "Bearer "+ready.ManagementToken); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	r := device.provision(t, "d1").RegistrationState
	if a := device.do(t, "POST", "https://"+r.AssignedHub+"/devices/d1/messages/events?api-version=2020-03-13", "hello"); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	events, err := operator.Inbox(t.Context(), r.AssignedHub, "d1", 0)
	if err != nil || len(events) != 1 || events[0].Body != "hello" {
		t.Errorf("%+v %v", events, err)
	}

	// A device cannot read there, nor one who calls itself the operator.
	for _, who := range []ident{{}, id, selfSigned(t, "dpslab-operator"), impostor(t)} {
		wantRefusal(t, asChild(t, c, dir, who).do(t, "GET", "https://localhost/_emu/info", ""), 401000, "Unauthorized")
	}

	c.kill()
	if _, _, err := Join(t.Context(), dir); !errors.Is(err, ErrNoLab) {
		t.Errorf("joined a killed lab: %v", err)
	}
	l, _, _, err = OpenOrJoin(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil || l == nil {
		t.Fatalf("%v %v", l, err)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(noticePath(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("lab.json is left: %v", err)
	}
}

// impostor shows a certificate with the operator's name from another root.
func impostor(t *testing.T) ident {
	t.Helper()
	key := newECKey(t)
	cert, err := pki.ClientCertificate(key.Public(), operatorName, month(), newFamily(t, rootName).root)
	if err != nil {
		t.Fatal(err)
	}
	return ident{key, []*x509.Certificate{cert}}
}

// TestKilledWhileWriting kills a lab under load. Every write that was answered
// is there afterwards.
func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startChild(t, dir)
	var made atomic.Int64
	l, answered := killedAfter(t, c, dir, 80, asChildren(t, c, dir, ident{}), func(client *client, acknowledged func(string)) {
		for {
			name := fmt.Sprintf("w%d", made.Add(1))
			if !putQuietly(client, name) {
				return
			}
			acknowledged(name)
		}
	})
	for _, name := range answered {
		e, err := read(l.store, func(t *tx) (*entry, error) { return getEntryRecord(t, entryRef{individual, name}) })
		if err != nil || e == nil || e.Attestation.SymmetricKey == nil {
			t.Errorf("%s was answered and is not there: %v", name, err)
		}
	}
}

// putQuietly makes an enrollment and reports whether that was answered; a
// connection that breaks is what the test is about.
func putQuietly(c *client, name string) bool {
	url := "https://" + c.lab.ready.ServiceHost + "/enrollments/" + name + "?api-version=2021-10-01"
	r, err := http.NewRequest("PUT", url, strings.NewReader(`{"attestation":{"type":"symmetricKey"}}`))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+c.lab.ready.ManagementToken)
	resp, err := c.http.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == 200
}

func TestStateDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state", "lab")
	l, err := Start(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, mode := range map[string]os.FileMode{"": 0o700, "lab.db": 0o600, "lab.json": 0o600, "ca-key.pem": 0o600, "ca.pem": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v %v", name, info.Mode(), err)
		}
	}
	raw, err := os.ReadFile(noticePath(dir))
	if err != nil {
		t.Fatal(err)
	}
	var n map[string]any
	if err := json.Unmarshal(raw, &n); err != nil || len(n) != 3 {
		t.Errorf("lab.json holds more than address, pid and started: %s", raw)
	}
	if l.ready.CAFile != filepath.Join(dir, "ca.pem") {
		t.Errorf("ca_file %s", l.ready.CAFile)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := Start(t.Context(), Options{InMemory: true, Listen: taken.Addr().String()}); err == nil {
		t.Error("an explicit address that is taken is no error")
	}
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:443", "[::]:0"} {
		if _, err := Start(t.Context(), Options{InMemory: true, Listen: address}); !errors.Is(err, ErrNotLoopback) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := Start(t.Context(), Options{InMemory: true, Listen: "localhost"}); err == nil {
		t.Error("an address without a port is no error")
	}
	l := start(t, func(o *Options) { o.Listen, o.Insecure = "0.0.0.0:0", true })
	if !strings.HasPrefix(l.ready.Address, "127.0.0.1:") {
		t.Errorf("a lab on every address is found on %s", l.ready.Address)
	}
	// Two labs that were given no address both find one.
	for range 2 {
		start(t, func(o *Options) { o.Listen = "" })
	}
	caFile := l.ready.CAFile
	if _, err := os.Stat(caFile); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(caFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary CA file is left: %v", err)
	}
}

func TestInterruptedFirstStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, _, err := pki.EnsureKey(t.Context(), keyPath(dir), pki.ECP256, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Start(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if fmt.Sprint(l.identity.root.Key.Public()) != fmt.Sprint(key.Public()) {
		t.Error("the key of the interrupted start was not used")
	}
}

// TestManyAtOnce opens one directory from all sides: one serves, all join.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const callers = 6
	labs := make(chan *Lab, callers)
	scopes := make(chan string, callers)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			l, ready, operator, err := OpenOrJoin(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0"})
			if err != nil {
				t.Error(err)
				return
			}
			labs <- l
			scopes <- ready.IDScope
			if l == nil {
				operator.Close()
			}
		})
	}
	all.Wait()
	close(labs)
	close(scopes)
	serving, seen := 0, map[string]bool{}
	for l := range labs {
		if l != nil {
			serving++
			t.Cleanup(func() { _ = l.Close() })
		}
	}
	for s := range scopes {
		seen[s] = true
	}
	if serving != 1 || len(seen) != 1 {
		t.Errorf("%d labs serve, ID scopes %v", serving, seen)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	var lines []Request
	l := start(t, func(o *Options) { o.Log = func(r Request) { lines = append(lines, r) } })
	id := selfSigned(t, "d1")
	l.as(t, id).register(t, "d1")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	r := lines[0]
	if r.Service != "DPS" || r.Method != "PUT" || r.Status != 401 || r.Device != "d1" || r.Time.IsZero() ||
		!strings.HasSuffix(r.Path, "/registrations/d1/register") || !strings.Contains(r.Verdict, "no individual enrollment") {
		t.Errorf("%+v", r)
	}
}
