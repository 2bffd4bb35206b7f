package emulator

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"dpslab/workflow/dps"
)

// inDir starts a lab over a directory.
func inDir(dir string) func(*Options) {
	return func(o *Options) { o.InMemory, o.Dir = false, dir }
}

func TestReset(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := start(t, twoHubs, inDir(dir))
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0], atHubA)
	l.as(t, id).provision(t, "d1")
	l.fault(t, Fault{Scenario: "throttled", Device: "x"})
	if err := l.changeInstance(func(i *instance) error { i.Hubs[1].Unlinked = true; return nil }); err != nil {
		t.Fatal(err)
	}
	_, o, err := Join(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	scope := l.instance().IDScope
	if err := o.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, l.service(t, "GET", "/enrollments/d1", ""), 404201, "")
	wantRefusal(t, l.service(t, "GET", "/registrations/d1", ""), 404201, "")
	wantHub(t, l.hubService(t, "hub-a", "GET", "/devices/d1", ""), 404, "DeviceNotFound")
	if all, _ := o.Faults(t.Context()); len(all) > 0 || l.instance().IDScope != scope || len(l.instance().linked()) != 2 {
		t.Errorf("%v %+v", all, l.instance())
	}
	l.enroll(t, "d1", id.chain[0])
	if op := l.as(t, id).provision(t, "d1"); op.Status != dps.StatusAssigned {
		t.Errorf("%+v", op)
	}
}

func TestExportAndImport(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), t.TempDir()
	l := start(t, twoHubs, inDir(from))
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0], atHubA)
	l.as(t, id).provision(t, "d1")
	var here, there bytes.Buffer
	_, o, err := Join(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := errors.Join(l.operator.Export(t.Context(), &here), o.Export(t.Context(), &there)); err != nil {
		t.Fatal(err)
	}
	if unpacked(t, here.Bytes()) != unpacked(t, there.Bytes()) {
		t.Error("another process exports something else")
	}
	var held *HeldError
	for what, err := range map[string]error{
		"import": Import(from, bytes.NewReader(here.Bytes()), true), "reset": ResetDir(from), "export": ExportDir(from, io.Discard),
	} {
		if !errors.As(err, &held) {
			t.Errorf("%s of a lab that is served: %v", what, err)
		}
	}
	if err := Import(to, bytes.NewReader(here.Bytes()), false); err != nil {
		t.Fatal(err)
	}
	if err := Import(to, bytes.NewReader(here.Bytes()), false); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("%v", err)
	}
	if err := Import(to, bytes.NewReader(here.Bytes()), true); err != nil {
		t.Fatal(err)
	}
	moved := start(t, inDir(to))
	if moved.ready.IDScope != l.ready.IDScope || moved.ready.ServiceConnectionString != l.ready.ServiceConnectionString {
		t.Errorf("%+v", moved.ready)
	}
	var before, after dps.IndividualEnrollment
	l.service(t, "GET", "/enrollments/d1", "").into(t, &before)
	moved.service(t, "GET", "/enrollments/d1", "").into(t, &after)
	if before.ETag != after.ETag || after.RegistrationState.AssignedHub != hubA {
		t.Errorf("%+v\n%+v", before, after)
	}
	if op := moved.as(t, id).provision(t, "d1"); op.Status != dps.StatusAssigned {
		t.Errorf("%+v", op)
	}
}

// unpacked is an export without its head, which holds the time.
func unpacked(t *testing.T, raw []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(all), "\n")
	return rest
}

func TestResetDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := ResetDir(dir); err != nil {
		t.Errorf("a lab that never ran: %v", err)
	}
	l, err := Start(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0", RetryAfter: -1})
	if err != nil {
		t.Fatal(err)
	}
	scope := l.ready.IDScope
	l.enroll(t, "d1", selfSigned(t, "d1").chain[0])
	if err := errors.Join(l.Close(), ResetDir(dir)); err != nil {
		t.Fatal(err)
	}
	l = start(t, inDir(dir))
	wantRefusal(t, l.service(t, "GET", "/enrollments/d1", ""), 404201, "")
	if l.ready.IDScope != scope {
		t.Errorf("%s became %s", scope, l.ready.IDScope)
	}
}

// packed is gzip of a text.
func packed(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.Bytes()
}

func TestImportIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := Start(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	scope := l.ready.IDScope
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	const head = `{"format":"dpslab lab","version":1,"exported":"2026-01-02T03:04:05Z"}` + "\n"
	for name, raw := range map[string][]byte{
		"nothing": nil, "no gzip": []byte("{}"), "no head": packed("{}\n"), "another version": packed(strings.Replace(head, "1", "2", 1)),
		"no instance": packed(head), "unknown bucket": packed(head + `{"bucket":"x","key":"YQ==","value":"YQ=="}`),
		"no key": packed(head + `{"bucket":"lab","value":"YQ=="}`), "an instance that is none": packed(head + `{"bucket":"lab","key":"aW5zdGFuY2U=","value":"e30="}`),
		"cut": packed(head)[:20],
	} {
		if err := Import(dir, bytes.NewReader(raw), true); !errors.Is(err, ErrNotExport) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := start(t, inDir(dir)); after.ready.IDScope != scope {
		t.Error("an import that was refused changed the lab")
	}
}

func FuzzImport(f *testing.F) {
	f.Add(`{"format":"dpslab lab","version":1,"exported":"2026-01-02T03:04:05Z"}`)
	f.Add("{\"format\":\"dpslab lab\",\"version\":1}\n{\"bucket\":\"lab\",\"key\":\"aW5zdGFuY2U=\",\"value\":\"e30=\"}")
	f.Add("[]\n[]")
	s, err := openStore("")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.close() })
	f.Fuzz(func(t *testing.T, text string) {
		rolledBack := errors.New("rolled back")
		err := s.update(func(t *tx) error {
			t.dirty = true
			return errors.Join(importInto(t, bytes.NewReader(packed(text))), rolledBack)
		})
		if !errors.Is(err, ErrNotExport) && !errors.Is(err, rolledBack) {
			t.Errorf("%v", err)
		}
	})
}
