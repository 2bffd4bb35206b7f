package tui

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A step is taken back after a question that lists what goes, and can be run
// again.
func TestUndoAStep(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.runNew("d-1")
		r.press("u")
		r.pass(time.Second)
		r.see("cannot be taken back")
		r.until("k", "> ✓ 3 enrollment")
		r.press("u")
		r.pass(time.Second)
		r.see("Undo enrollment of d-1?")
		r.see("individual enrollment d-1 at")
		r.press("n", "u")
		r.pass(time.Second)
		r.press("y")
		r.pass(10 * time.Second)
		r.dontSee("✓ 3 enrollment")
		view, err := r.session.LabView(context.Background())
		if err != nil || len(view.Enrollments) != 0 {
			t.Errorf("%d enrollments after undoing, %v", len(view.Enrollments), err)
		}
		r.press(enter)
		r.pass(10 * time.Second)
		r.see("✓ 3 enrollment")
	})
}

// Where no file of the device is left there is nothing to set aside.
func TestUndoWithoutFiles(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.runNew("d-1")
		if !r.session.HasFiles("d-1") {
			t.Error("a device that ran has no files")
		}
		r.until("k", "> ✓ 1 certificates")
		if err := os.RemoveAll(filepath.Join(r.dir, "devices", "d-1")); err != nil {
			t.Error(err)
		}
		r.press("u")
		r.pass(time.Second)
		r.see("There is nothing to undo")
		r.dontSee("set aside")
	})
}
