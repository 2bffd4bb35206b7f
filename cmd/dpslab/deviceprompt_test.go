//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRetireAsks: on a terminal it lists and asks, and no is the default.
func TestRetireAsks(t *testing.T) {
	t.Parallel()
	home, _ := deviceHome(t)
	refused := open(t, environ(t, home), 120, 30, "retire", "press-3")
	refused.see("individual enrollment press-3")
	refused.answer("Delete these 3 at their services? [y/N]", "")
	if code := refused.wait(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	dpslab(t, home, "enrollment", "show", "press-3").want(t, 0)
	agreed := open(t, environ(t, home), 120, 30, "retire", "press-3")
	agreed.answer("Delete these 3 at their services? [y/N]", "y")
	if code := agreed.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	dpslab(t, home, "enrollment", "show", "press-3").want(t, 1)
}

// TestKeyDeriveAsks: the group's key is typed and not shown.
func TestKeyDeriveAsks(t *testing.T) {
	t.Parallel()
	const group = "MDEyMzQ1Njc4OWFiY2RlZg=="
	s := open(t, environ(t, t.TempDir()), 100, 30, "key", "derive", "device-01", "--out", "-")
	s.answer("Key of the enrollment group:", group)
	s.see("3V22vyRVnOn7e1gRmkkPk5HxifAwo+t1YXLpmRwwyhM=")
	if code := s.wait(); code != 0 || strings.Contains(s.text(), group) {
		t.Errorf("exit code %d:\n%s", code, s.text())
	}
}

// TestEditAsksAgain: a text that is wrong is told, and may be edited again.
func TestEditAsksAgain(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "press-3", "--yes", "--count", "2", "-q").want(t, 0)
	script, second := filepath.Join(home, "editor.sh"), filepath.Join(home, "second")
	put(t, script, `if [ -e "`+second+`" ]; then sed -i 's/count = many/count = 8/' "$1"; else : > "`+second+`"; sed -i 's/count = 2/count = many/' "$1"; fi`+"\n")
	s := open(t, environ(t, home, "EDITOR=sh "+script), 160, 30, "edit", "press-3")
	s.answer("Edit it again? [Y/n]", "")
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, s.text())
	}
	if text, err := os.ReadFile(paths(t, home).Profile("press-3")); err != nil || !strings.Contains(string(text), "count = 8") {
		t.Errorf("%v\n%s", err, text)
	}
}
