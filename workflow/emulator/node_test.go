package emulator

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"dpslab/pki"
)

// nodePackages installs Microsoft's packages for Node by their lock file, once
// for each state of it, and gives the folder.
func nodePackages(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	lock := []byte(readFile(t, "testdata/node", "package-lock.json"))
	dir := filepath.Join(cache, "dpslab-test", fmt.Sprintf("node-%x", sha256.Sum256(lock)))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	// Another test process may do the same: the first to finish wins.
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "installing-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	for _, name := range []string{"package.json", "package-lock.json"} {
		if err := os.WriteFile(filepath.Join(fresh, name), []byte(readFile(t, "testdata/node", name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", fresh)
	install.Dir = fresh
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	if err := os.Rename(fresh, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// person is an ident for the script.
type person struct {
	ID   string `json:"id"`
	Cert string `json:"cert"` // PEM, the whole chain
	Key  string `json:"key"`  // PEM
}

func (i ident) person(t *testing.T, id string) person {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := pki.WriteKey(path, i.key, nil); err != nil {
		t.Fatal(err)
	}
	return person{ID: id, Cert: pemText(i.chain...), Key: readFile(t, filepath.Dir(path), filepath.Base(path))}
}

// nodeStage is a lab with what the script expects to find.
func nodeStage(t *testing.T) (*Lab, map[string]any) {
	t.Helper()
	l := start(t)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"iotHubHostName":"lab-hub.azure-devices.net","payload":{"answer":42}}`)
	}))
	t.Cleanup(hook.Close)
	line, other := newFamily(t, "line"), newFamily(t, "other")
	l.upload(t, "root", line.root.Certificate, true)
	l.upload(t, "other", other.root.Certificate, false)
	people := map[string]ident{
		"device": selfSigned(t, "node-1"), "member": line.device(t, "node-2"),
		"stranger":    selfSigned(t, "node-1"),
		"expired":     leafLike(t, "node-3", nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"authority":   leafLike(t, "node-4", nil, func(c *x509.Certificate) { c.IsCA = true }),
		"noSignature": leafLike(t, "node-5", nil, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }),
		"unverified":  other.device(t, "node-6"),
	}
	stage := map[string]any{
		"service": l.ready.ServiceConnectionString, "hub": l.ready.HubConnectionString, "hubHost": l.ready.HubHosts[0],
		"deviceHost": globalHost, "scope": l.ready.IDScope, "webhook": hook.URL, "signer": pemText(line.intermediate.Certificate),
	}
	for name, id := range people {
		cn := id.chain[0].Subject.CommonName
		stage[name] = id.person(t, cn)
		if name == "expired" || name == "authority" || name == "noSignature" {
			l.enroll(t, cn, id.chain[0])
		}
	}
	if a := l.hubService(t, "lab-hub", "PUT", "/devices/receiver", `{"deviceId":"receiver"}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, m := range []Command{{MessageID: "m1", Body: "first"}, {MessageID: "m2", Body: "second"}} {
		if err := l.operator.Send(t.Context(), l.ready.HubHosts[0], "receiver", m); err != nil {
			t.Fatal(err)
		}
	}
	return l, stage
}

// TestMicrosoftNodePackages runs Microsoft's own clients for Node against a
// lab: device provisioning over HTTP, the provisioning service, the device
// client over HTTP, and IoT Hub's registry.
func TestMicrosoftNodePackages(t *testing.T) {
	t.Parallel()
	dir := nodePackages(t)
	l, stage := nodeStage(t)
	_, port, err := net.SplitHostPort(l.ready.Address)
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Abs(filepath.Join("testdata", "node"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	script := exec.CommandContext(ctx, "node", "--require", filepath.Join(scripts, "redirect.js"), filepath.Join(scripts, "conformance.js"))
	script.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "NODE_PATH=" + filepath.Join(dir, "node_modules"),
		"NODE_EXTRA_CA_CERTS=" + l.ready.CAFile, "LAB_PORT=" + port, "LAB=" + jsonText(t, stage),
	}
	var said bytes.Buffer
	script.Stderr = &said
	out, err := script.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	count := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); count++ {
		var check struct {
			Name  string
			Error *string
		}
		if err := json.Unmarshal(lines.Bytes(), &check); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		t.Run(check.Name, func(t *testing.T) {
			if check.Error != nil {
				t.Error(*check.Error)
			}
		})
	}
	if want := bytes.Count([]byte(readFile(t, "testdata/node", "conformance.js")), []byte("\ncheck(")) + 5; count != want {
		t.Errorf("%d checks ran, want %d", count, want)
	}
	// What the device client sent is what the hub has.
	events, err := l.operator.Inbox(t.Context(), l.ready.HubHosts[0], "renamed", 0)
	if err != nil || len(events) != 3 {
		t.Fatalf("%+v %v", events, err)
	}
	if e := events[0]; e.Body != `{"temperature":20}` || e.Properties["level"] != "high" || e.System["content-type"] != "application/json" || events[2].Body != "two" {
		t.Errorf("%+v", events)
	}
}
