package workflow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"dpslab/pki"
)

// openPassphrase is the pass phrase for an existing key file: the profile's,
// or, when the file is encrypted and the profile names none, a person's.
func (r *run) openPassphrase(ctx context.Context, keyFile string, known []byte) ([]byte, error) {
	encrypted, err := pki.KeyEncrypted(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err != nil || !encrypted || len(known) > 0 {
		return known, err
	}
	return r.passphrase(ctx, keyFile, true)
}

// passphrase is what the profile's passphrase_env or passphrase_command gives,
// nil when it names neither. A needed one may be asked for.
func (r *run) passphrase(ctx context.Context, keyFile string, needed bool) ([]byte, error) {
	p := r.profile.Identity
	switch {
	case p.PassphraseEnv != "":
		v := r.session.config.Getenv(p.PassphraseEnv)
		if v == "" {
			return nil, &Problem{
				Kind: Usage, Op: "read the pass phrase", Summary: "environment variable " + p.PassphraseEnv + " is not set",
				Fix: "Set it before dpslab starts, or take identity.passphrase_env out of the profile for keys without a pass phrase.",
			}
		}
		return []byte(v), nil
	case p.PassphraseCommand != "":
		return r.commandPassphrase(ctx)
	case !needed:
		return nil, nil
	case r.session.config.Ask == nil:
		return nil, &pki.FileError{Op: "read", Path: keyFile, Err: pki.ErrPassphraseNeeded}
	}
	return r.askPassphrase(ctx, keyFile)
}

// commandPassphrase runs passphrase_command once: it may unlock a store, or ask.
func (r *run) commandPassphrase(ctx context.Context) (secret []byte, err error) {
	if r.commanded == nil {
		r.commanded, err = PassphraseFrom(ctx, r.profile.Identity.PassphraseCommand)
	}
	return r.commanded, err
}

// askPassphrase asks a person, once in a run for each key.
func (r *run) askPassphrase(ctx context.Context, keyFile string) ([]byte, error) {
	if known, ok := r.answered[keyFile]; ok {
		return known, nil
	}
	answer, err := r.session.config.Ask(ctx, Question{Key: keyPassphraseEnv, Prompt: "Pass phrase of " + filepath.Base(keyFile), Secret: true})
	if err != nil {
		return nil, err
	}
	if r.answered == nil {
		r.answered = make(map[string][]byte)
	}
	r.answered[keyFile] = []byte(answer)
	return r.answered[keyFile], nil
}

// commandGrace is how long a cancelled passphrase_command may keep its output
// open; a child of the shell would otherwise hold the run for as long as it
// lives.
const commandGrace = 500 * time.Millisecond

// PassphraseFrom runs a passphrase_command; its first line of output counts.
// What is wrong with it is a *Problem.
func PassphraseFrom(ctx context.Context, command string) ([]byte, error) {
	// What the command prints to standard error is left out: it may repeat a
	// secret.
	c := exec.CommandContext(ctx, "sh", "-c", command)
	c.WaitDelay = commandGrace
	out, err := c.Output()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("exit status %d", exit.ExitCode())
		}
		return nil, &Problem{Kind: Usage, Op: "run identity.passphrase_command", Summary: err.Error(), Fix: "Run it by hand; it must print the pass phrase on its first line."}
	}
	line, _, _ := strings.Cut(string(out), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return nil, &Problem{Kind: Usage, Op: "run identity.passphrase_command", Summary: "it printed nothing", Fix: "Its first line of output is the pass phrase."}
	}
	return []byte(line), nil
}
