package embeddedlab

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

// A lab that cannot be opened says why, and what to do about it.
func TestRemedies(t *testing.T) {
	t.Parallel()
	held := &emulator.HeldError{Dir: "/tmp/lab", PID: 4711, Address: "127.0.0.1:8443"}
	for _, c := range []struct {
		err           error
		kind          workflow.ProblemKind
		summary, told string
	}{
		{errors.Join(held, emulator.ErrNoLab), workflow.Unreachable, "the lab in /tmp/lab is served by process 4711 on 127.0.0.1:8443, and does not answer there", "kill 4711"},
		{&emulator.HeldError{Dir: "/tmp/lab"}, workflow.Unreachable, "the lab in /tmp/lab is held by another process", "end the other dpslab"},
		{fmt.Errorf("opening: %w", &emulator.DamagedError{Path: "lab.db", Reason: "cut short"}), workflow.LocalFile, "opening: the lab's database lab.db cannot be used: cut short", "dpslab lab reset"},
		{&fs.PathError{Op: "mkdir", Path: "/lab", Err: fs.ErrPermission}, workflow.LocalFile, "mkdir /lab: permission denied", "dpslab --home DIR"},
	} {
		p, ok := errors.AsType[*workflow.Problem](withRemedy(c.err))
		switch {
		case !ok:
			t.Errorf("%v: no problem with a fix", c.err)
		case p.Kind != c.kind || p.Summary != strings.ReplaceAll(c.summary, "permission denied", fs.ErrPermission.Error()) || !strings.Contains(p.Fix, c.told):
			t.Errorf("%v became %+v", c.err, p)
		}
	}
	other := errors.New("something else")
	if got := withRemedy(other); !errors.Is(got, other) {
		t.Errorf("%v became %v", other, got)
	}
}
