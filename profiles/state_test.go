package profiles

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestStateRoundTrip(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	empty, err := s.LoadState("a")
	if err != nil || empty.Version != StateVersion || len(empty.Steps) != 0 || empty.Steps == nil {
		t.Fatalf("state of nothing: %+v, %v", empty, err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	want := &State{
		Version: StateVersion, Updated: at,
		Steps:              map[string]StepState{"signing-ca": {Status: "done", Finished: at, Summary: "verified"}},
		Certificate:        Certificate{NotBefore: at, NotAfter: at.AddDate(0, 0, 30), SHA1: "AB", SHA256: "CD", CertificateFile: "/c", ChainFile: "/f", KeyFile: "/k"},
		SigningCertificate: SigningCertificate{Name: "root", ETag: "e", Verified: true, Created: true},
		Enrollment:         EnrollmentState{Kind: "group", ID: "line-3", ETag: `"q"`, Created: true},
		Registration: Registration{
			OperationID: "5.5066", Submitted: at, PollDue: at.Add(3 * time.Second), Status: "failed", Substatus: "x",
			AssignedHub: "h", DeviceID: "d", ETag: "e", LeafSHA256: "EF", ErrorCode: 400208, ErrorMessage: "no hub\n",
		},
		Telemetry: TelemetryState{Sent: 10, Last: at},
		LastError: &LastError{Step: "registration", Kind: "refused", Op: "register", Summary: "s", Why: "w", Fix: "f", Code: "401002", Status: 401, TrackingID: "t", At: at},
	}
	if err := s.SaveState("a", want); err != nil {
		t.Fatal(err)
	}
	checkMode(t, s.Paths.StateFile("a"), 0o600)
	got, err := s.LoadState("a")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	if err := s.SaveState("a", empty); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.Paths.StateFile("a"))
	if want := "# Written by dpslab: progress, not settings. Do not edit.\nversion = 1\n"; err != nil || string(data) != want {
		t.Errorf("an empty state is %q, %v; want %q", data, err, want)
	}
	checkNoLeftovers(t, s.Paths.State, "a.toml")
}

func TestStateErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"version = 2\n":                 "a.toml:1:1: version: state format 2, this dpslab reads 1",
		"version = 1\nupdated = \"\n":   "a.toml:2:12: ",
		"version = 1\n[steps]\na = 3\n": "line 3",
		"":                              "state format 0",
	} {
		_, err := parseState("a.toml", []byte(text))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) || !strings.Contains(e.Fix, "remove the file") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, err := parseState("a.toml", []byte("version = 1\nfuture = 3\n")); err != nil {
		t.Errorf("a key that a later build wrote: %v", err)
	}
}

func TestDraft(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	if got, err := s.LoadDraft(); err != nil || len(got) != 0 {
		t.Fatalf("no draft: %v, %v", got, err)
	}
	answers := map[string]string{"name": "press-3", "identity.registration_id": "press-", "telemetry.body": "{\n\"a\": 1}"}
	withSecret := map[string]string{"target.dps_name": "SharedAccessKey=x", "identity.passphrase": "1234"}
	for k, v := range answers {
		withSecret[k] = v
	}
	if err := s.SaveDraft(withSecret); err != nil {
		t.Fatal(err)
	}
	if got, err := s.LoadDraft(); err != nil || !reflect.DeepEqual(got, answers) {
		t.Errorf("got %v, %v; want %v", got, err, answers)
	}
	checkMode(t, s.Paths.Draft(), 0o600)
	for range 2 {
		if err := s.DropDraft(); err != nil {
			t.Fatal(err)
		}
	}
	checkNoLeftovers(t, s.Paths.State)
	if err := os.WriteFile(s.Paths.Draft(), []byte("a = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.LoadDraft(); err == nil {
		t.Error("a broken draft was read")
	}
}

// holdEnv makes the test binary a second process that holds a lock until its
// standard input ends.
const holdEnv = "DPSLAB_TEST_HOLD_LOCK"

func TestMain(m *testing.M) {
	if home := os.Getenv(holdEnv); home != "" {
		holdLock(home)
	}
	if home := os.Getenv(writeEnv); home != "" {
		writeForever(home)
	}
	os.Exit(m.Run())
}

func holdLock(home string) {
	p, err := DefaultPaths(home, os.Getenv)
	if err == nil {
		_, err = NewStore(p).Lock("a")
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("locked\n")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	os.Exit(0) // without unlocking: the lock ends with the process
}

func TestLockHeldByAnotherProcess(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	p, err := DefaultPaths(home, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	s := NewStore(p)
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holdEnv+"="+home)
	holder.Stderr = os.Stderr
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "locked\n" {
		t.Fatalf("the holder said %q, %v", line, err)
	}
	_, err = s.Lock("a")
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Name != "a" || locked.PID != holder.Process.Pid || locked.Since.IsZero() {
		t.Errorf("got %#v, want who holds it (pid %d)", err, holder.Process.Pid)
	}
	if _, err := s.Remove("a"); !errors.As(err, &locked) {
		t.Errorf("removing a profile in use: %v", err)
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := holder.Wait(); err != nil {
		t.Fatal(err)
	}
	unlock, err := s.Lock("a")
	if err != nil {
		t.Fatalf("the holder is gone: %v", err)
	}
	unlock()
}

func TestLockTwiceInOneProcess(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	unlock, err := s.Lock("a")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Lock("a")
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("locking twice: %v", err)
	}
	if other, err := s.Lock("b"); err != nil {
		t.Errorf("another profile: %v", err)
	} else {
		other()
	}
	unlock()
	unlock()
	again, err := s.Lock("a")
	if err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	again()
	checkMode(t, filepath.Join(s.Paths.State, "a.lock"), 0o600)
}

// TestLockNoticesARemovedFile takes the file away under a lock that is held:
// the next one must be taken on the new file, not on the old.
func TestLockNoticesARemovedFile(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	held, err := s.lock("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(held.Path()); err != nil {
		t.Fatal(err)
	}
	unlock, err := s.Lock("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Unlock(); err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := s.Lock("a"); !errors.As(err, &locked) {
		t.Errorf("the second lock ended with the first: %v", err)
	}
	unlock()
}
