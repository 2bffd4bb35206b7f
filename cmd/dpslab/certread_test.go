package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// withInput runs `dpslab cert` with a standard input.
func (b *certBench) withInput(input []byte, args ...string) (string, error) {
	b.t.Helper()
	cmd := exec.Command(binary, append([]string{"cert"}, args...)...)
	cmd.Env, cmd.Dir, cmd.Stdin = b.env, b.dir, bytes.NewReader(input)
	out, err := cmd.Output()
	return string(out), err
}

func TestCertReadsStandardInput(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	b.cert(0, "new", "press-3", "--out", "@", "--days", "90")
	pem, err := os.ReadFile(b.in("device-cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := b.withInput(pem, "inspect", "-"); err != nil || !strings.Contains(out, "Registration ID:        press-3 (legal)") {
		t.Errorf("inspect -: %v\n%s", err, out)
	}
	if out, err := b.withInput(pem, "verify", "-", "device-key.pem", "--warnings-as-errors"); err != nil || !strings.Contains(out, "2 files, 0 errors, 0 warnings") {
		t.Errorf("verify -: %v\n%s", err, out)
	}
}

// TestCertInspectTakesFilesForFiles: what is named like a file is asked of the
// disk and not of the network, and what follows a colon is not repeated.
func TestCertInspectTakesFilesForFiles(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	b.cert(0, "new", "press-3", "--out", "@")
	for _, arg := range []string{"@device-cert.pem:hunter2", "@missing.pem:hunter2"} {
		r := b.cert(4, "inspect", arg)
		if !strings.Contains(r.stderr, "FILE:PASSPHRASE") || strings.Contains(r.stderr, "hunter2") || strings.Contains(r.stderr, "lookup") {
			t.Errorf("%s: %s", arg, r.stderr)
		}
	}
	for _, arg := range []string{"device-cert.pem:1234", "missing.key:1234", "nothing.pem"} {
		cmd := exec.Command(binary, "cert", "inspect", arg)
		cmd.Env, cmd.Dir = b.env, b.dir
		out, _ := cmd.CombinedOutput()
		if strings.Contains(string(out), "lookup") || strings.Contains(string(out), "asking ") || strings.Contains(string(out), "1234") || cmd.ProcessState.ExitCode() != 4 {
			t.Errorf("%s: %s", arg, out)
		}
	}
}

// TestCertSubjectsInJSON: one name, one form, whatever command prints it.
func TestCertSubjectsInJSON(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	want := "CN=press-1"
	made := b.objects(b.cert(0, "new", "press-1", "--authority", "line-3", "--out", "@", "--days", "90", "--json"))
	batch := b.objects(b.cert(0, "new", "hall", "--authority", "line-3", "--out", "@", "--days", "90", "--count", "1", "--json"))
	issued := b.objects(b.cert(0, "issued", "line-3", "--json"))
	inspected := b.objects(b.cert(0, "inspect", "@certs/press-1.cert.pem", "--json"))[0]["certificates"].([]any)[0].(map[string]any)
	verified := b.objects(b.cert(0, "verify", "@certs/press-1-full-chain.cert.pem", "--json"))[0]["chains"].([]any)[0].(map[string]any)["elements"].([]any)[0].(map[string]any)
	subjects := []any{inspected["subject"], verified["subject"]}
	for _, one := range slices.Concat(made, batch, issued) {
		switch s, _ := one["subject"].(string); {
		case strings.Contains(s, "press-1"):
			subjects = append(subjects, s)
		case strings.Contains(s, "hall-1"):
			subjects = append(subjects, strings.Replace(s, "hall", "press", 1))
		}
	}
	for _, s := range subjects {
		if s != want {
			t.Errorf("a subject is %v, want %s", s, want)
		}
	}
	if len(subjects) < 5 {
		t.Errorf("%d subjects only: %v", len(subjects), subjects)
	}
	if inspected["days_left"] == nil || inspected["refused_because"] == nil {
		t.Errorf("inspect --json lacks the days left or why it would be refused: %v", inspected)
	}
}

// TestCertPassphraseNotInArguments looks at the arguments of every process while
// the pass phrase is handed over: the command that gives it is a child then.
func TestCertPassphraseNotInArguments(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skip("no /proc here")
	}
	const phrase = "battery-horse-staple-correct"
	b := newCertBench(t, "PHRASE="+phrase)
	spy := "#!/bin/sh\nfor f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $f; echo; done >> " + b.in("seen") + " 2>/dev/null\ncat " + b.in("phrase") + "\n"
	for name, data := range map[string]string{"spy": spy, "phrase": phrase + "\n"} {
		if err := os.WriteFile(b.in(name), []byte(data), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// For the flags that read the environment, the processes are watched from here.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	leaked := watchArguments(ctx, phrase)
	for _, args := range [][]string{
		{"new", "press-3", "--out", "@", "--authority", "line-3", "--passphrase-command", b.in("spy")},
		{"verify", "@certs", "@private", "--passphrase-command", b.in("spy")},
		{"inspect", "@private/press-3.key.pem", "--passphrase-env", "PHRASE"},
		{"pfx", "@certs/press-3-full-chain.cert.pem", "--key", "@private/press-3.key.pem", "--passphrase-env", "PHRASE", "--out-passphrase-command", b.in("spy"), "--out", "@a.pfx"},
		{"convert", "@a.pfx", "--passphrase-command", b.in("spy"), "--out", "@b.pem"},
	} {
		b.cert(0, args...)
	}
	cancel()
	if got := <-leaked; got != "" {
		t.Errorf("the pass phrase is an argument: %s", got)
	}
	seen, err := os.ReadFile(b.in("seen"))
	if err != nil || !bytes.Contains(seen, []byte(binary+" cert")) {
		t.Fatalf("the spy saw nothing of dpslab: %v", err)
	}
	if bytes.Contains(seen, []byte(phrase)) {
		t.Error("the pass phrase was an argument while its command ran")
	}
}

// watchArguments reads the arguments of all processes over and over; leaked gets
// the first with the phrase, or nothing once ctx ends.
func watchArguments(ctx context.Context, phrase string) (leaked chan string) {
	leaked = make(chan string, 1)
	go func() {
		for ; ctx.Err() == nil; time.Sleep(2 * time.Millisecond) { // leave the processors to those that are watched
			files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, f := range files {
				if line, err := os.ReadFile(f); err == nil && bytes.Contains(line, []byte(phrase)) {
					leaked <- string(line)
					return
				}
			}
		}
		leaked <- ""
	}()
	return leaked
}
