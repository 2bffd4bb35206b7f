package tui

import (
	"os"
	"strings"
	"testing"
)

// An existing profile is changed with the same questions; leaving without saving
// loses nothing that was typed, and saving keeps the old file.
func TestEditAProfile(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"press-3"}, func(r *rig) {
		path := r.session.Device("press-3").ProfilePath
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r.press("p")
		r.see("press-3 · change its profile")
		r.until(enter, "> messages")
		r.press("7")
		r.see("messages        107")
		r.until(esc, "Nothing was saved")
		if now, err := os.ReadFile(path); err != nil || string(now) != string(before) {
			t.Errorf("leaving saved %q, %v", now, err)
		}
		if _, kept := r.session.Draft(); kept {
			t.Error("the changes became the draft of a new device")
		}
		r.press("p")
		r.until(enter, "> messages")
		r.see("messages        107")
		r.until(enter, "What will be saved")
		r.see("107 messages")
		r.see(".bak")
		r.press(enter)
		r.see("press-3 is saved")
		r.see("1 profile")
		now, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(now), "count = 107") {
			t.Errorf("saved %q, %v", now, err)
		}
		if kept, err := os.ReadFile(path + ".bak"); err != nil || string(kept) != string(before) {
			t.Errorf("the old file is %q, %v", kept, err)
		}
		r.press("p", esc)
		r.dontSee("Nothing was saved")
		r.see("Devices")
	})
}

func TestAProfileThatCannotBeUsedIsNotEdited(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"press-3"}, func(r *rig) {
		if err := os.WriteFile(r.session.Device("press-3").ProfilePath, []byte("version = 1\nnonsense = 2\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r.press("p")
		r.settle()
		r.dontSee("change its profile")
		r.see("nonsense")
	})
}

// A file that an answer names is looked for while it is typed; what is not there
// is warned of and refuses nothing.
func TestTheWizardWarnsOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.press("n")
		r.until(enter, "> registration ID")
		r.press("d-1")
		r.until(enter, "> certificate ")
		r.press("j", "j", enter)
		r.see("> certificate file")
		r.press(r.dir)
		r.dontSee("not there")
		r.press("/missing.pem")
		r.see("certificate file names a file that is not there")
		if err := os.WriteFile(r.dir+"/missing.pem", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		r.press(enter)
		r.see("> key file")
		r.dontSee("not there")
		r.press(enter, "DPSLAB_SCREENS_NOT_SET_ANYWHERE")
		r.see("names an environment variable that is not set here")
		r.until(enter, "What will run")
		r.see("pass phrase variable names an environment variable")
	})
}
