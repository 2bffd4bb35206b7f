package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestLogIsReplayed(t *testing.T) {
	t.Parallel()
	_, dir := logged(t)
	left := abandoned(t, dir)
	s := reopened(t, left)
	wantHeard(t, s, "d", "1 one", "2 two", "3 three")
	wantHeard(t, s, "e", "1 one")
	// Numbers go on, and the log that was replayed is not replayed again.
	say(t, s, "d", "four")
	say(t, s, "d", "five")
	again := reopened(t, abandoned(t, left))
	wantHeard(t, again, "d", "1 one", "2 two", "3 three", "4 four", "5 five")
	wantHeard(t, again, "e", "1 one")
}

// TestTornLog cuts and breaks the log at every byte of its last record: what
// came before is there, and the torn record does not come back later.
func TestTornLog(t *testing.T) {
	t.Parallel()
	s, dir := logged(t)
	end := int(s.journal.log.offset)
	left := abandoned(t, dir)
	whole, err := os.ReadFile(filepath.Join(left, logName))
	if err != nil {
		t.Fatal(err)
	}
	epoch := s.journal.log.epoch
	start := 0
	for rest, ok := whole, true; ok; {
		at := len(whole) - len(rest)
		if _, rest, ok = cutRecord(rest, epoch); ok {
			start = at
		}
	}
	if start == 0 || start >= end {
		t.Fatalf("the last record goes from %d to %d", start, end)
	}
	count := func(raw []byte) (n int) {
		for {
			_, rest, ok := cutRecord(raw, epoch)
			if !ok {
				return n
			}
			raw, n = rest, n+1
		}
	}
	for at := start; at < end; at++ {
		broken := bytes.Clone(whole)
		broken[at] ^= 0x40
		if cut, flipped := count(whole[:at]), count(broken); cut != 2 || flipped != 2 {
			t.Errorf("byte %d: %d records when cut, %d when flipped, want 2", at, cut, flipped)
		}
	}
	for name, raw := range map[string][]byte{"cut": whole[:end-1], "empty": nil, "garbage": bytes.Repeat([]byte{0xff}, 99)} {
		one := abandoned(t, dir)
		if err := os.WriteFile(filepath.Join(one, logName), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		want := []string{"1 one"}
		if name == "cut" {
			want = append(want, "2 two", "3 three")
		}
		s := reopened(t, one)
		wantHeard(t, s, "d", want...)
		wantHeard(t, s, "e")
		say(t, s, "e", "new")
		wantHeard(t, s, "e", "1 new")
	}
}

// TestUnansweredRecordStaysAway leaves a whole record behind a torn one. A later
// record of the torn one's size does not bring it back.
func TestUnansweredRecordStaysAway(t *testing.T) {
	t.Parallel()
	_, dir := logged(t)
	left := abandoned(t, dir)
	path := filepath.Join(left, logName)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[recordHead] ^= 1 // in the first record
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	s := reopened(t, left)
	say(t, s, "d", "first goes into the database")
	say(t, s, "d", "two")
	again := reopened(t, abandoned(t, left))
	wantHeard(t, again, "d", "1 one", "2 first goes into the database", "3 two")
	wantHeard(t, again, "e")
}

// TestLogOfAnotherDatabase is not replayed, nor one that a commit has overtaken.
func TestLogOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	s, dir := logged(t)
	left := abandoned(t, dir)
	old, err := os.ReadFile(filepath.Join(left, logName))
	if err != nil {
		t.Fatal(err)
	}
	err = s.update(func(t *tx) error { return t.empty(bucketEvents) })
	if err != nil {
		t.Fatal(err)
	}
	overtaken := abandoned(t, dir)
	if err := os.WriteFile(filepath.Join(overtaken, logName), old, 0o600); err != nil {
		t.Fatal(err)
	}
	wantHeard(t, reopened(t, overtaken), "d")
	stranger := t.TempDir()
	if err := os.WriteFile(filepath.Join(stranger, logName), old, 0o600); err != nil {
		t.Fatal(err)
	}
	wantHeard(t, reopened(t, stranger), "d")
}

// TestLogOfEarlierVersion replays a log whose messages are events in JSON, as they
// were before they were packed, and goes on behind it.
func TestLogOfEarlierVersion(t *testing.T) {
	t.Parallel()
	s, dir := logged(t)
	left := abandoned(t, dir)
	var raw []byte
	for sequence, text := range map[uint64]string{
		2: `{"hub":"h","device_id":"d","sequence":0,"enqueued_at":"1970-01-01T00:00:01.000000005Z","body":"two","properties":{"line":"3"},"system":{"message-id":"m1"}}`,
		1: `{"hub":"h","device_id":"e","sequence":0,"enqueued_at":"1970-01-01T00:00:01.000000005Z","body":"/w==","system":{"body-encoding":"base64"}}`,
	} {
		raw = appendRecord(raw, s.journal.log.epoch, &message{sequence, []byte(text)})
	}
	if err := os.WriteFile(filepath.Join(left, logName), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	later := reopened(t, left)
	wantHeard(t, later, "d", "1 one", "2 two")
	wantHeard(t, later, "e", "1 /w==")
	events, err := (&Lab{store: later}).inbox("h", "d", 1)
	if err != nil || len(events) != 1 || events[0].Properties["line"] != "3" || events[0].System["message-id"] != "m1" {
		t.Errorf("%+v, %v", events, err)
	}
	say(t, later, "d", "three")
	wantHeard(t, reopened(t, abandoned(t, left)), "d", "1 one", "2 two", "3 three")
}

// TestLogOfUnknownForm does not drop messages that were acknowledged: the store
// does not open, says why, and leaves the file to who can read it.
func TestLogOfUnknownForm(t *testing.T) {
	t.Parallel()
	s, dir := logged(t)
	left := abandoned(t, dir)
	path := filepath.Join(left, logName)
	raw := appendRecord(nil, s.journal.log.epoch, &message{2, []byte("form of tomorrow")})
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openStore(left)
	damaged, ok := errors.AsType[*DamagedError](err)
	if !ok || damaged.Path != path || !strings.Contains(err.Error(), "the version that wrote them") {
		t.Fatalf("%v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, raw) {
		t.Errorf("the log was changed: %v", err)
	}
	aside, err := PutAside(left)
	if err != nil || filepath.Base(aside) != logName+".damaged-1" {
		t.Fatalf("put aside as %q, %v", aside, err)
	}
	wantHeard(t, reopened(t, left), "d", "1 one")
}

// TestKilledWhileSending kills a lab under load. Every message that was answered
// is in the inbox afterwards.
func TestKilledWhileSending(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startChild(t, dir)
	id := selfSigned(t, "d1")
	device := asChild(t, c, dir, id)
	body := `{"attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"certificate":` + jsonText(t, pemText(id.chain[0])) + `}}}}}`
	if a := device.do(t, "PUT", "https://"+c.ready.ServiceHost+"/enrollments/d1?api-version=2021-10-01", body, "Authorization", "Bearer "+c.ready.ManagementToken); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	hub := device.provision(t, "d1").RegistrationState.AssignedHub
	const enough = 100
	var made atomic.Int64
	l, answered := killedAfter(t, c, dir, enough, asChildren(t, c, dir, id), func(client *client, acknowledged func(string)) {
		for {
			text := fmt.Sprint(made.Add(1))
			if !sendQuietly(client, hub, text) {
				return
			}
			acknowledged(text)
		}
	})
	events, err := l.inbox(hub, "d1", 0)
	if err != nil || len(events) < enough {
		t.Fatalf("%d messages, %v", len(events), err)
	}
	missing := map[string]bool{}
	for _, text := range answered {
		missing[text] = true
	}
	// The ring keeps the newest: what it has dropped cannot be asked for.
	dropped := events[0].Sequence - 1
	for _, e := range events {
		delete(missing, e.Body)
	}
	if uint64(len(missing)) > dropped {
		t.Errorf("%d messages were answered and are not there; the ring dropped %d", len(missing), dropped)
	}
}

// sendQuietly sends a message and reports whether that was answered.
func sendQuietly(c *client, hub, text string) bool {
	resp, err := c.http.Post("https://"+hub+"/devices/d1/messages/events?api-version=2020-03-13", "text/plain", strings.NewReader(text))
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == 204
}

// FuzzLog reads any file as a log, and again what it makes of it.
func FuzzLog(f *testing.F) {
	m := newMessage("h", "d", time.Unix(1, 0), []byte("x"))
	m.sequence = 1
	one := appendRecord(nil, 7, &m)
	f.Add([]byte{})
	f.Add(one)
	f.Add(appendRecord(bytes.Clone(one), 7, &message{sequence: 2}))
	f.Add(appendRecord(bytes.Clone(one), 8, &m))
	f.Add(one[:len(one)-1])
	f.Add(append(bytes.Repeat([]byte{0xff}, 8), one...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for {
			m, rest, ok := cutRecord(raw, 7)
			if !ok {
				return
			}
			if record := raw[:len(raw)-len(rest)]; !bytes.Equal(record, appendRecord(nil, 7, &m)) {
				t.Fatalf("%x is no record", record)
			}
			raw = rest
		}
	})
}

// FuzzMessage unpacks anything, and what it takes for a message it can pack again.
func FuzzMessage(f *testing.F) {
	whole := newMessage("h", "d", time.Unix(1, 5), []byte("{}"))
	whole.setHeader("iothub-app-line", "3")
	whole.setHeader("iothub-messageid", "m1")
	f.Add(whole.text)
	f.Add(whole.text[:len(whole.text)-1])
	raw := newMessage("h", "", time.Time{}, []byte{0xff})
	f.Add(raw.text)
	f.Add([]byte{})
	f.Add([]byte(`{"hub":"h","device_id":"d","enqueued_at":"2026-01-02T03:04:05Z","body":"x","properties":{"":"1"},"system":null}`))
	f.Add(append(make([]byte, 8), 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01))
	f.Fuzz(func(t *testing.T, text []byte) {
		m := message{sequence: 7, text: text}
		if again, e, ok := m.recorded(); ok {
			same, ok := again.event()
			if !ok || same.Sequence != 7 || same.Hub != e.Hub || same.DeviceID != e.DeviceID || same.Body != e.Body {
				t.Errorf("%+v of the log packed again is %+v, %v", e, same, ok)
			}
		}
		e, ok := m.event()
		if !ok {
			return
		}
		again := repacked(&e)
		if same, ok := again.event(); !ok || !reflect.DeepEqual(same, e) {
			t.Errorf("%+v packed again is %+v, %v", e, same, ok)
		}
	})
}
