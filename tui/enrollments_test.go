package tui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dpslab/tui/screen"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

// fill writes enrollments into the rig's lab.
func (r *rig) fill(individuals int) *workflow.Service {
	r.t.Helper()
	v, err := r.session.Service(context.Background(), workflow.TargetLab(), workflow.ServiceOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	put := func(group bool, text string) {
		if _, err := v.PutEnrollment(context.Background(), []byte(text), group, nil); err != nil {
			r.t.Fatal(err)
		}
	}
	put(true, `{"enrollmentGroupId": "line-3", "attestation": {"type": "symmetricKey"}, "initialTwin": {"tags": {"line": 3}}}`)
	for i := range individuals {
		put(false, fmt.Sprintf(`{"registrationId": "device-%03d", "attestation": {"type": "symmetricKey"}}`, i+1))
	}
	r.settle()
	return v
}

// The lists of a real lab: pages come as one scrolls, a filter reads on, rows are
// inspected, switched and deleted, and the transcript has every call.
func TestEnrollmentsOfTheLab(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		v := r.fill(230)
		defer v.Close()
		r.press("e")
		r.pass(time.Second)
		r.see("[individual 100+]")
		r.see("device-001")
		r.press("G")
		r.pass(time.Second)
		r.see("[individual 200+]")
		r.press("G")
		r.pass(time.Second)
		r.see("[individual 230]")
		r.press("g", "/", "2", "3", "0", enter)
		r.see("1 of 230")
		r.see("> device-230")
		r.press(esc)
		r.press("2")
		r.pass(time.Second)
		r.see("> line-3")
		r.press(enter)
		r.pass(time.Second)
		r.see(`"enrollmentGroupId": "line-3"`)
		r.press(esc, "s")
		r.pass(time.Second)
		r.see("■ disabled")
		r.see("line-3 is disabled")
		r.press("s")
		r.pass(time.Second)
		r.see("✓ enabled")
		r.press("x", "line", enter)
		r.see("that is not line-3: nothing was deleted")
		r.press("-3", enter)
		r.pass(time.Second)
		r.see("There is no enrollment group")
		r.pass(6 * time.Second)
		r.press("t", "G")
		r.see("enrollments · transcript")
		r.see("DELETE")
		r.press(esc, esc)
		r.see("Devices")
		if r.a.side != nil {
			t.Error("the target is still open")
		}
	})
}

// After a device has run, its group, its record, its CA and what the API
// Management service of the lab holds are there; a CA that is not verified is
// proved with one key.
func TestRecordsAndCertificatesOfTheLab(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.runNewChain("device-01")
		r.press(esc, "e")
		r.pass(time.Second)
		r.see("target of device-01")
		r.press("3")
		r.pass(time.Second)
		r.see("> device-01")
		r.see("● assigned")
		r.press("5")
		r.pass(time.Second)
		r.see("This API Management service holds no certificate")
		r.press("4")
		r.pass(time.Second)
		r.see("✓ verified")
		v, ctx := r.a.side.service, context.Background()
		held, err := v.SigningCertificates(ctx)
		if err != nil || len(held) != 1 {
			t.Fatal(held, err)
		}
		if _, err := v.DeleteSigningCertificate(ctx, held[0].Name, held[0].ETag); err != nil {
			t.Fatal(err)
		}
		files, found := v.AuthorityOf(held[0])
		if !found {
			t.Fatal("the authority is not found")
		}
		root := filepath.Join(r.session.Paths().AuthorityDir(files.Authority))
		all, _ := filepath.Glob(filepath.Join(root, "certs", "*"))
		up := false
		for _, f := range all {
			c, err := v.UploadSigningCertificate(ctx, held[0].Name, f, false, "*")
			if up = err == nil && c.Thumbprint == held[0].Thumbprint; up {
				break
			}
		}
		if !up {
			t.Fatalf("none of %v could be uploaded", all)
		}
		r.press("R")
		r.pass(time.Second)
		r.see("! not verified")
		r.press("p")
		r.pass(2 * time.Second)
		r.see("is verified: possession of its key is proved")
		r.see("✓ verified")
		r.press(enter)
		r.pass(time.Second)
		r.see("SHA-256")
		r.see("Version: 3 (0x2)")
	})
}

// An edited enrollment: the difference is shown before it is sent; who was slower
// is told what changed meanwhile, and keeps what was typed.
func TestEditAnEnrollment(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		v := r.fill(0)
		defer v.Close()
		ctx := context.Background()
		r.press("e", "2")
		r.pass(time.Second)
		r.see("> line-3")
		base, err := v.Enrollment(ctx, true, "line-3")
		if err != nil {
			t.Fatal(err)
		}
		d := heldDraft{id: r.a.side.id, group: true, name: "line-3", base: base}
		d.path = heldFile(r.session.StateDir(), "host", true, "line-3")
		if err := writeHeld(d, "host"); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(d.path)
		if err != nil {
			t.Fatal(err)
		}
		typed := func(from, to string) {
			t.Helper()
			text := strings.Replace(string(written), from, to, 1)
			if text == string(written) {
				t.Fatalf("no %q in %s", from, text)
			}
			if err := os.WriteFile(d.path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			r.a.program.Send(readHeldDraft(heldEditedMsg{heldDraft: d, saved: true}))
			r.pass(2 * time.Second) // the review opens by itself
		}
		typed(`"hashed"`, `"hashed",,`)
		r.see("line 6") // of the file, comments and all
		r.press(esc)
		r.see("What was typed is kept")
		typed(`"line-3"`, `"line-4"`)
		r.see("cannot be renamed")
		r.press(esc)
		typed(`"line": 3`, `"line": 4`)
		r.see("initialTwin.tags.line")
		if _, err := v.SetEnabled(ctx, true, "line-3", false); err != nil {
			t.Fatal(err)
		}
		r.press("y")
		r.pass(2 * time.Second)
		r.see("line-3 was changed meanwhile")
		r.see(`+ "disabled"`)
		if now, err := os.ReadFile(d.path); err != nil || !strings.Contains(string(now), `"line": 4`) {
			t.Errorf("what was typed is %q, %v", now, err)
		}
		r.press("y")
		r.pass(2 * time.Second)
		r.see("line-3 is written: 2 members differ")
		if now, err := v.Enrollment(ctx, true, "line-3"); err != nil || !now.Enabled || !strings.Contains(now.JSON, `"line": 4`) {
			t.Errorf("%+v, %v", now, err)
		}
		if _, err := os.Stat(d.path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file is left: %v", err)
		}
	})
}

// A name that a server made up stays inside the folder of the state.
func TestHeldFileStaysInItsFolder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"line-3", "../../etc/passwd", "..", "a/b", "\x00\n", ""} {
		if got := heldFile("/state", "h/../x", true, name); filepath.Dir(got) != "/state" {
			t.Errorf("%q is edited in %q", name, got)
		}
	}
}

func TestParseHeld(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want error
	}{
		{`{"enrollmentGroupId": "g", "attestation": {"type": "symmetricKey"}}`, nil},
		{"// comment\n  // another\n{\"enrollmentGroupId\": \"g\", \"attestation\": {\"type\": \"symmetricKey\"}}", nil},
		{`{"enrollmentGroupId": "h", "attestation": {"type": "symmetricKey"}}`, errRenamed},
		{`{"enrollmentGroupId": "g", "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": "c2l4dGVlbiBieXRlcyBvZiBrZXk=", "secondaryKey": "c2l4dGVlbiBieXRlcyBvZiBrZXk="}}}`, errKeys},
	} {
		if _, err := parseHeld(withoutComments(c.text), true, "g"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.text, err, c.want)
		}
	}
}

func FuzzParseHeld(f *testing.F) {
	f.Add(groupJSON)
	f.Add("// x\n{\"enrollmentGroupId\": \"line-3\"}")
	f.Add("//\n//\r\n[")
	f.Add("{\"enrollmentGroupId\": \"line-3\", \"attestation\": {\"type\": \"tpm\", \"tpm\": {}}}\x00")
	f.Fuzz(func(t *testing.T, text string) {
		plain := withoutComments(text)
		if strings.Count(plain, "\n") != strings.Count(text, "\n") {
			t.Errorf("%q has other lines than %q", plain, text)
		}
		if e, err := parseHeld(plain, true, "line-3"); err == nil && (e.ID != "line-3" || e.CarriesKeys()) {
			t.Errorf("%q is taken as %+v", text, e)
		}
	})
}

// In a read-only session every key that writes says so; looking goes on.
func TestReadOnlyEnrollments(t *testing.T) {
	t.Parallel()
	a := show(t, scene{"", func(a *app) { a.readOnly = true; held(holds)(a) }}, theme.Options{}, 80, 24)
	for tab, keys := range map[string]string{"1": "esx", "2": "esx", "3": "x", "4": "px", "5": "xv"} {
		press(a, tab)
		serve(a, holds)
		for _, k := range keys {
			press(a, string(k))
			if a.overlay != nil || !strings.Contains(a.toast, readOnly) {
				t.Errorf("list %s, key %c: overlay %T, toast %q", tab, k, a.overlay, a.toast)
			}
		}
	}
	press(a, "2", "enter")
	if l, _ := a.side.screen.At(); l != workflow.ListGroups {
		t.Errorf("list %v is shown", l)
	}
}

// An answer for a screen that was left, or for a list that was read anew, is
// dropped.
func TestLateAnswersAreDropped(t *testing.T) {
	t.Parallel()
	a := show(t, scene{"", held(nil, "2")}, theme.Options{}, 80, 24)
	late := a.side.screen.Wanted()[0]
	press(a, "R")
	a.update(pageMsg{id: a.side.id, page: late, rows: heldGroups()})
	if strings.Contains(text(a.View()), "line-3") {
		t.Error("a page of before is shown")
	}
	fresh := a.side.screen.Wanted()[0]
	a.update(pageMsg{id: a.side.id + 1, page: fresh, rows: heldGroups()})
	a.update(heldMsg{id: a.side.id + 1, err: &workflow.Problem{Status: http.StatusPreconditionFailed}})
	if strings.Contains(text(a.View()), "line-3") || a.overlay != nil {
		t.Error("an answer for another screen is shown")
	}
	press(a, "esc")
	a.update(pageMsg{id: 1, page: fresh, rows: heldGroups()})
	a.update(sideMsg{id: 1})
	if a.current() != screen.Screen(a.home) || a.side != nil {
		t.Errorf("screen %T", a.current())
	}
}
