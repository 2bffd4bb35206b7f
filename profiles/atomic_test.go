package profiles

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// writeEnv makes the test binary a process that saves a state over and over,
// until it is killed.
const writeEnv = "DPSLAB_TEST_WRITE_STATE"

func writeForever(home string) {
	p, err := DefaultPaths(home, os.Getenv)
	if err != nil {
		os.Exit(1)
	}
	s := NewStore(p)
	for n := 0; ; n++ {
		st := &State{Registration: Registration{OperationID: strings.Repeat("5", 1000*(n%50))}}
		if s.SaveState("a", st) != nil {
			os.Exit(1)
		}
		if n == 0 {
			os.Stdout.WriteString("begun\n")
		}
	}
}

// TestKilledWhileWriting kills a process that writes: the state must be a whole
// one, the old or the new.
func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	p, err := DefaultPaths(home, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	s := NewStore(p)
	for range 5 {
		writer := exec.Command(os.Args[0])
		writer.Env = append(os.Environ(), writeEnv+"="+home)
		out, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 6)
		if _, err := out.Read(line); err != nil || !bytes.Equal(line, []byte("begun\n")) {
			t.Fatalf("the writer said %q, %v", line, err)
		}
		time.Sleep(3 * time.Millisecond) // anywhere within a write will do
		if err := writer.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = writer.Wait() // "signal: killed"
		st, err := s.LoadState("a")
		if err != nil || len(st.Registration.OperationID)%1000 != 0 {
			t.Fatalf("after the kill: %d bytes, %v", len(st.Registration.OperationID), err)
		}
	}
}
