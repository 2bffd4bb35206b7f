package pki

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// checkSecrecy is F16, and F03 for outdated encryption. A PFX that stayed
// closed counts as a private key: it hardly ever holds anything else.
func (h *heap) checkSecrecy(f opened) {
	closed := f.contents.Format == "PFX" && (errors.Is(f.contents.Err, ErrPassphraseNeeded) || errors.Is(f.contents.Err, ErrWrongPassphrase))
	secret := closed
	for _, item := range f.contents.Items {
		if item.Kind != ItemKey {
			continue
		}
		secret = true
		if item.Legacy {
			h.report("F03", SeverityWarning, f.path, 0,
				f.path+": the key is encrypted in OpenSSL's traditional form (Proc-Type, one round of MD5), which newer libraries do not read",
				fixFor("dpslab cert convert OLD --out NEW.key.pem", f.path)+h.passphraseFor(&f))
		}
	}
	if !secret {
		return
	}
	holds := " holds a private key"
	if closed {
		holds = ", a PFX, holds a private key"
	}
	if runtime.GOOS != "windows" && f.mode.IsRegular() && f.mode.Perm()&0o077 != 0 {
		h.report("F16", SeverityWarning, f.path, 0, fmt.Sprintf("%s%s and has mode %04o: others can read it", f.path, holds, f.mode.Perm()),
			"chmod 600 "+fileWord(f.path))
	}
	if tree := workTree(f.path); tree != "" && f.path != stdinName {
		h.report("F16", SeverityWarning, f.path, 0, f.path+holds+" and lies in the git work tree "+tree,
			"echo "+shellWord(filepath.Base(f.path))+" >> "+fileWord(filepath.Join(tree, ".gitignore")))
	}
}

// workTree finds the git work tree that a file lies in, unless the tree's own
// .gitignore names the file or all of its kind.
func workTree(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	for dir := filepath.Dir(abs); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			if ignored(dir, abs) {
				return ""
			}
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

func ignored(tree, path string) bool {
	data, err := os.ReadFile(filepath.Join(tree, ".gitignore"))
	if err != nil {
		return false
	}
	relative, _ := filepath.Rel(tree, path)
	for line := range strings.Lines(string(data)) {
		pattern := strings.Trim(strings.TrimSpace(line), "/")
		if pattern == "" || pattern[0] == '#' {
			continue
		}
		name, _ := filepath.Match(pattern, filepath.Base(path))
		whole, _ := filepath.Match(pattern, relative)
		if name || whole || strings.HasPrefix(relative, pattern+string(filepath.Separator)) {
			return true
		}
	}
	return false
}
