package tui

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

// On a symmetric-key group a key asks for a registration ID, checks it while it
// is typed, and writes the derived key to a file; the screen never has it.
func TestDeriveKeyAmongTheEnrollments(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		v := r.fill(1)
		defer v.Close()
		r.press("e")
		r.pass(time.Second)
		r.press("d")
		r.see("choose one in the list of groups")
		r.press("2")
		r.pass(time.Second)
		r.a.readOnly = true // nothing at the service changes
		r.a.side.screen.Locked = readOnly
		r.press("d")
		r.see("Derive a key from that of line-3")
		r.press("P", ".")
		r.see("registration ID ends in '.'")
		r.press(enter)
		r.see("registration ID ends in '.'")
		r.press("\x7f", "ress-7")
		r.see("The key is that of press-7")
		r.press(enter)
		r.pass(time.Second)
		r.see("The key of press-7")
		r.see("The device registers as press-7")
		r.see("dpslab new press-7")
		path := v.DerivedKeyFile("line-3", "press-7")
		text, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s: %v, %v", path, err, statErr)
		}
		facts, err := v.Attestation(context.Background(), true, "line-3")
		if err != nil {
			t.Fatal(err)
		}
		secrets := map[string]string{"device's": strings.TrimSpace(string(text)), "group's": facts.PrimaryKey.Reveal()}
		secretFree := func(where, what string) {
			t.Helper()
			for whose, secret := range secrets {
				if secret == "" || strings.Contains(strings.Join(strings.Fields(what), ""), secret) {
					t.Errorf("the %s key is in %s", whose, where)
				}
			}
		}
		secretFree("the screen", r.screen())
		r.press(down, enter)
		r.see("The list of commands is in")
		r.press("t", "G", enter)
		r.see("attestation")
		secretFree("the transcript", r.screen())
		err = filepath.WalkDir(r.session.StateDir(), func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || p == path {
				return err
			}
			held, err := os.ReadFile(p)
			if err == nil {
				secretFree(p, string(held))
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Why no key can be derived is told for each list and each kind of group.
func TestDeriveKeyIsOfASymmetricGroup(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		keys []string
		want string // reason; empty: it acts
	}{
		{[]string{"1"}, "choose one in the list of groups"},
		{[]string{"2"}, "the group does not attest by symmetric key"},
		{[]string{"2", "down", "down"}, ""},
		{[]string{"4"}, "choose one in the list of groups"},
	} {
		a := show(t, scene{"", held(holds, tt.keys...)}, theme.Options{}, 80, 24)
		b, ok := keymap.Of(a.bindings(), keymap.DeriveKey)
		if !ok || !strings.Contains(b.Disabled, tt.want) || (tt.want == "") != (b.Disabled == "") {
			t.Errorf("%v: %q, want %q", tt.keys, b.Disabled, tt.want)
		}
	}
	for id, want := range map[string][2]string{
		"press-7": {"", ""}, "Press-7": {"press-7", ""}, "press.": {"", "ends in '.'"}, "": {"", "is empty"}, " press-7 ": {"", ""},
	} {
		told, wrong := checkDerivedID(id)
		if !strings.Contains(told, want[0]) || !strings.Contains(wrong, want[1]) || (want[0] == "") != (told == "") || (want[1] == "") != (wrong == "") {
			t.Errorf("%q: %q, %q", id, told, wrong)
		}
	}
}

// The same without a screen.
func TestAccessibleDeriveKey(t *testing.T) {
	t.Parallel()
	k := talkInLab(t, false)
	v, err := k.l.session.Service(t.Context(), workflow.TargetLab(), workflow.ServiceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if _, err := v.PutEnrollment(t.Context(), []byte(`{"enrollmentGroupId": "presses", "attestation": {"type": "symmetricKey"}}`), true, nil); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "press-7.key")
	k.replies = []string{"#enrollment groups", "#presses", "#derive the key", "press.", "Press-7", file, "0", "0", "0"}
	if err := k.l.heldOf(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, k.said.String())
	}
	for _, want := range []string{"registration ID ends in '.'", "The key is that of press-7", "It is in " + file, "dpslab register press-7"} {
		if !strings.Contains(k.said.String(), want) {
			t.Errorf("no %q in\n%s", want, k.said.String())
		}
	}
	if strings.Contains(k.said.String(), strings.TrimSpace(string(text))) {
		t.Error("the key was said")
	}
}
