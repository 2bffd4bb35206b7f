//go:build unix

package main

import "testing"

// TestDeleteAsks: on a terminal a deletion is asked for, and no is the default.
func TestDeleteAsks(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	dpslab(t, home, "enrollment", "put", "x", "--attestation", "symmetric-key").want(t, 0)
	refused := open(t, environ(t, home), 100, 30, "enrollment", "delete", "x")
	refused.answer("Delete enrollment x? [y/N]", "")
	if code := refused.wait(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	dpslab(t, home, "enrollment", "show", "x").want(t, 0)
	agreed := open(t, environ(t, home), 100, 30, "enrollment", "delete", "x")
	agreed.answer("Delete enrollment x? [y/N]", "y")
	agreed.see("deleted x")
	if code := agreed.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	dpslab(t, home, "enrollment", "show", "x").want(t, 1)
}
