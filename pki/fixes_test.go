package pki

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// built is the dpslab command, made once for all tests of this package.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "dpslab-fixes-")
	if err != nil {
		return "", err
	}
	// As the Makefile builds it, so that nothing is compiled twice.
	build := exec.Command("go", "build", "-race=false", "-trimpath", "-ldflags", "-s -w", "-o", dir, "dpslab/cmd/dpslab")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
})

// bench runs commands in a folder as a person at a shell would.
type bench struct {
	t         *testing.T
	dir, path string
	env       []string
}

func newBench(t *testing.T, dir string) *bench {
	t.Helper()
	bin := must[string](t)(built())
	home := t.TempDir()
	return &bench{t, dir, bin, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "PHRASE=1234", "HOME="+home,
		"XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_STATE_HOME="+home, "XDG_CACHE_HOME="+home)}
}

func (b *bench) run(command string) (string, error) {
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir, cmd.Env = b.dir, b.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// verify runs dpslab cert verify and reads its findings.
func (b *bench) verify(args ...string) []Finding {
	b.t.Helper()
	cmd := exec.Command(filepath.Join(b.path, "dpslab"), append([]string{"cert", "verify", "--json"}, args...)...)
	cmd.Dir, cmd.Env = b.dir, b.env
	out, _ := cmd.Output() // exit code 4 is a finding
	var report Report
	if err := json.Unmarshal(out, &report); err != nil {
		b.t.Fatalf("verify %v: %v in %q", args, err, out)
	}
	return report.Findings
}

// printedCommand is the command at the end of a fix, as [Finding.Fix] promises.
var printedCommand = regexp.MustCompile(`(?:^|: )((?:dpslab cert|openssl|chmod|echo|head|gunzip|unzip|sed|cp|ls) .*)$`)

// target is where a command writes.
var target = regexp.MustCompile(`(?:--out|-out|PKCS8 -f|unzip -n \S+ -d|>) (\S+)`)

// optional are programs that fixes name and not every machine has.
var optional = regexp.MustCompile(`\b(ssh-keygen|unzip)\b`)

// looks are commands that only show something.
var looks = regexp.MustCompile(`^(dpslab cert inspect|openssl x509 -in \S+ -noout -text|openssl asn1parse|ls) ?`)

// tryFix runs the command of a finding in a copy of the folder. What it wrote, or
// the folder when it wrote in place, must be free of the finding, and no file
// that was there may be lost.
func tryFix(t *testing.T, dir string, f Finding, more []string) bool {
	t.Helper()
	m := printedCommand.FindStringSubmatch(f.Fix)
	if m == nil {
		if strings.Contains(f.Fix, ": dpslab ") || strings.HasPrefix(f.Fix, "dpslab ") {
			t.Errorf("%s: no command can be taken from %q", f.Rule, f.Fix)
		}
		return false
	}
	command := m[1]
	if upper := regexp.MustCompile(`\b(OLD|NEW|NAME|KEY|FILE|CA|ROOT|INTERMEDIATE)(\.pem)?\b`).FindString(command); upper != "" {
		t.Errorf("%s: the placeholder %s in %q", f.Rule, upper, command)
	}
	if strings.Contains(f.Fix, "asked for on a terminal") && strings.HasPrefix(command, "dpslab cert convert") {
		command += " --passphrase-env PHRASE"
		more = []string{"--passphrase-env", "PHRASE"}
	}
	if strings.Contains(command, "ssh-keygen") {
		command += " -P '' -N ''"
	}
	if strings.HasPrefix(command, "openssl pkcs8 -topk8") || strings.HasPrefix(command, "openssl pkcs12") {
		command += " -passin pass:1234 -passout pass:1234" // what a person types in
	}
	if name := optional.FindString(command); name != "" {
		if _, err := exec.LookPath(name); err != nil {
			return false
		}
	}
	at := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(at, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, at)
	before := contentsOf(t, at)
	out, err := b.run(command)
	if looks.MatchString(command) {
		if err != nil && !strings.Contains(out, "F03") && !strings.HasPrefix(command, "dpslab") || strings.Contains(out, "no such file") || strings.Contains(out, "unknown flag") {
			t.Errorf("%s: %q says %s", f.Rule, command, out)
		}
		return true
	}
	if err != nil {
		t.Errorf("%s: %q fails: %v\n%s", f.Rule, command, err, out)
		return true
	}
	checkKept(t, command, before, contentsOf(t, at))
	where := []string{"."}
	if to := target.FindStringSubmatch(command); to != nil && !strings.HasPrefix(command, "echo") {
		where = []string{strings.Trim(to[1], "'")}
	}
	if to := strings.Fields(command); where[0] == "." && len(to) > 3 && to[2] == "renew" {
		where = []string{to[3]}
	}
	for _, left := range b.verify(append(where, more...)...) {
		if left.Rule == f.Rule && (left.File == f.File || where[0] != ".") && left.Severity != SeverityInfo && similar(left.Observed, f.Observed) {
			t.Errorf("%s: after %q it still says %q", f.Rule, command, left.Observed)
		}
	}
	return true
}

// similar compares the last words of two observations: the files differ.
func similar(a, b string) bool {
	tail := func(s string) string { return s[max(0, len(s)-25):] }
	return tail(a) == tail(b)
}

func contentsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkKept wants everything that was there to be there still, under its name or
// as a copy.
func checkKept(t *testing.T, command string, before, after map[string]string) {
	t.Helper()
	kept := map[string]bool{}
	for data := range maps.Values(after) {
		kept[data] = true
	}
	for name, data := range before {
		if !kept[data] && name != ".gitignore" && !strings.HasPrefix(filepath.Base(name), "issued.jsonl") {
			t.Errorf("%q lost what was in %s", command, name)
		}
	}
}

// TestFixesOfBrokenFilesWork runs the command that is printed for each file of
// the catalogue. Beside it lie good files with the names that a careless command
// would take.
func TestFixesOfBrokenFilesWork(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tried := 0
	for _, c := range append(append(s.frames(), s.containers()...), s.keysAndNames()...) {
		dir := filepath.Join(t.TempDir(), c.name)
		stem := strings.TrimSuffix(c.name, filepath.Ext(c.name))
		for name, data := range map[string][]byte{
			c.name: c.data, stem + "-new.pem": []byte("a good file"), stem + "-chain.pem": []byte("a good file"), "device-cert.pem": []byte("a good file"),
			"device-key.pem": []byte("a good file"), stem + "-new.key.pem": []byte("a good file"),
		} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var more []string
		if c.name == "proc-type.key.pem" {
			more = []string{"--passphrase-env", "PHRASE"}
		}
		for _, f := range newBench(t, dir).verify(append([]string{c.name}, more...)...) {
			if f.Severity != SeverityInfo && tryFix(t, dir, f, more) {
				tried++
			}
		}
	}
	if tried < 40 {
		t.Errorf("%d commands only were run", tried)
	}
}

// TestFixesOfChainsWork runs the commands that are printed for certificates that
// lie among their CAs and keys.
func TestFixesOfChainsWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set   func(*scene)
		rules string // whose commands must have been run
	}{
		"self-signed, expired":    {func(s *scene) { s.pair("a", s.make(nil, "press-3", both(asDevice, expired))) }, "F10"},
		"self-signed, short life": {func(s *scene) { s.pair("a", s.make(nil, "press-3", both(asDevice, short))) }, "F11"},
		"self-signed CA":          {func(s *scene) { s.pair("a", s.make(nil, "press-3", plainCA)) }, "F08"},
		"no EKU":                  {func(s *scene) { s.pair("a", s.make(nil, "press-3", nil)) }, "F09"},
		"expired below a CA": {func(s *scene) {
			root := s.make(nil, "the root", asCA)
			s.pair("root", root)
			s.pair("a", s.make(root, "press-3", both(asDevice, expired)))
		}, "F10 F12"},
		"CA below a CA": {func(s *scene) {
			root := s.make(nil, "the root", asCA)
			s.pair("root", root)
			s.pair("a", s.make(root, "press-3", plainCA))
		}, "F08"},
		"upper case below a CA": {func(s *scene) {
			root := s.make(nil, "the root", asCA)
			s.pair("root", root)
			s.pair("a", s.make(root, "Press-3", asDevice))
		}, "F07 F12"},
		"expired CAs with their keys": {func(s *scene) {
			root := s.make(nil, "the root", both(asCA, expired))
			between := s.make(root, "the middle", both(asCA, expired))
			s.pair("root", root)
			s.pair("middle", between)
			s.certs("a.pem", s.make(between, "press-3", asDevice), between, root)
		}, "F10"},
		"CA without its key": {func(s *scene) {
			root := s.make(nil, "the root", both(asCA, expired))
			s.certs("root.pem", root)
			s.certs("a.pem", s.make(root, "press-3", asDevice), root)
		}, "F10"},
		"the CA was made anew": {func(s *scene) {
			s.pair("a", s.make(s.make(nil, "the root", asCA), "press-3", asDevice))
			s.pair("root", s.make(nil, "the root", asCA))
		}, "F14"},
		"the CA first": {func(s *scene) {
			root := s.make(nil, "the root", asCA)
			s.certs("a.pem", root, s.make(root, "press-3", asDevice))
		}, "F12"},
		"a gap that another file fills": {func(s *scene) {
			root := s.make(nil, "the root", asCA)
			between := s.make(root, "the middle", asCA)
			s.certs("middle.pem", between)
			s.certs("a.pem", s.make(between, "press-3", asDevice), root)
		}, "F12"},
		"the root is elsewhere": {func(s *scene) {
			between := s.make(s.make(nil, "the root", asCA), "the middle", asCA)
			s.certs("middle.pem", between)
			s.certs("a.pem", s.make(between, "press-3", asDevice))
		}, "F12"},
		"path length": {func(s *scene) {
			root := s.make(nil, "the root", both(asCA, func(c *x509.Certificate) { c.MaxPathLenZero, c.MaxPathLen = true, 0 }))
			between := s.make(root, "the middle", asCA)
			s.certs("a.pem", s.make(between, "press-3", asDevice), between, root)
		}, "F12"},
		"a CA that is none": {func(s *scene) {
			root := s.make(nil, "the root", asDevice)
			s.certs("a.pem", s.make(root, "press-3", asDevice), root)
		}, "F12"},
		"a CA that may not sign": {func(s *scene) {
			root := s.make(nil, "the root", both(asCA, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }))
			s.pair("root", root)
			s.certs("a.pem", s.make(root, "press-3", asDevice), root)
		}, "F12"},
		"weak keys": {func(s *scene) {
			openssl(s.t, s.dir, nil, "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "a.key", "-subj", "/CN=press-4", "-days", "90", "-out", "a.pem")
			openssl(s.t, s.dir, nil, "req", "-x509", "-newkey", "rsa:512", "-nodes", "-keyout", "b.key", "-subj", "/CN=press-5", "-days", "90", "-out", "b.pem")
		}, "F17 F08"},
		"weak key below a CA": {func(s *scene) {
			s.pair("root", s.make(nil, "the root", asCA))
			openssl(s.t, s.dir, nil, "req", "-newkey", "rsa:1024", "-nodes", "-keyout", "a.key", "-subj", "/CN=press-4", "-out", "r")
			openssl(s.t, s.dir, nil, "x509", "-req", "-in", "r", "-CA", "root.pem", "-CAkey", "root.key.pem", "-CAcreateserial", "-sha1", "-days", "90", "-out", "a.pem")
			_ = os.Remove(filepath.Join(s.dir, "r"))
		}, "F17 F09"},
		"one serial number twice": {func(s *scene) {
			root := s.make(nil, "the root", asCA)
			s.pair("root", root)
			s.certs("a.pem", s.make(root, "press-3", asDevice), root)
			s.serial--
			s.certs("b.pem", s.make(root, "press-4", asDevice), root)
		}, "F17"},
		"a large chain": {func(s *scene) {
			root := s.make(nil, "the root", both(asCA, padded))
			between := s.make(root, "the middle", both(asCA, padded))
			s.certs("a.pem", s.make(between, "press-3", both(asDevice, padded)), between, root)
		}, "F15"},
		"an open key": {func(s *scene) {
			s.write("a.key.pem", quick(s.t, newKey(s.t, ECP256), ""), 0o644)
			if err := os.Mkdir(filepath.Join(s.dir, ".git"), 0o700); err != nil {
				s.t.Fatal(err)
			}
		}, "F16"},
		"an authority's folder": {func(s *scene) {
			a := AuthorityFiles{Dir: filepath.Join(s.dir, "ca")}
			authority := must[*Authority](s.t)(CreateAuthority(s.t.Context(), a, ECP256, "line-3", ValidFor(time.Now(), 900), nil))
			leaf := s.make(&made{Certificate: authority.Intermediate.Certificate, key: authority.Intermediate.Key}, "press-3", both(asDevice, expired))
			s.certs("a.pem", leaf)
		}, "F10 F12"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &scene{&mill{t: t}, t.TempDir()}
			c.set(s)
			ran := map[string]bool{}
			for _, f := range newBench(t, s.dir).verify(".") {
				if f.Severity != SeverityInfo && tryFix(t, s.dir, f, nil) {
					ran[f.Rule] = true
				}
			}
			for rule := range strings.FieldsSeq(c.rules) {
				if !ran[rule] {
					t.Errorf("no command of %s was run", rule)
				}
			}
		})
	}
}

// pair writes a certificate and its key.
func (s *scene) pair(name string, c *made) {
	s.t.Helper()
	s.certs(name+".pem", c)
	s.key(name+".key.pem", c, "")
}

func expired(c *x509.Certificate) {
	c.NotAfter = time.Now().Add(-49 * time.Hour)
	c.NotBefore = c.NotAfter.AddDate(0, -6, 0)
}

func short(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(0, 0, 20) }

// plainCA is what openssl req -x509 makes by default.
func plainCA(c *x509.Certificate) { c.IsCA = true }
