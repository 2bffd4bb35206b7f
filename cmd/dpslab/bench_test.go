//go:build unix

package main

import (
	"os/exec"
	"testing"
	"time"
)

// BenchmarkDemoFast is `dpslab demo` from exec to exit, lab included. The goal
// is 60 ms.
func BenchmarkDemoFast(b *testing.B) {
	env := environ(b, b.TempDir())
	for b.Loop() {
		cmd := exec.Command(binary, "demo", "--fast", "-q")
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
}

// BenchmarkFirstFrame is the workbench from exec to its first whole frame on a
// terminal that never answers. The goal is 40 ms.
func BenchmarkFirstFrame(b *testing.B) {
	env := environ(b, b.TempDir())
	for b.Loop() {
		s := open(b, env, 80, 24)
		select {
		case <-s.framed:
		case <-time.After(patience):
			b.Fatalf("no frame:\n%s", s.text())
		}
		b.StopTimer()
		s.see("Devices")
		s.close()
		b.StartTimer()
	}
}
