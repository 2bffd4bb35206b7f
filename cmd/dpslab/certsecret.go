package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"dpslab/pki"
	"dpslab/workflow"
)

// secretFlags say where a pass phrase comes from. There is no flag that takes
// one: the command line is visible to every process.
type secretFlags struct {
	prefix       string // "", "issuer-", "out-"
	env, command string
}

func (s *secretFlags) add(c *cobra.Command, prefix, what string) {
	s.prefix = prefix
	c.Flags().StringVar(&s.env, prefix+"passphrase-env", "", "environment variable with the pass phrase "+what)
	c.Flags().StringVar(&s.command, prefix+"passphrase-command", "", "command whose first line of output is the pass phrase "+what)
}

// given reads the pass phrase; nil when no flag names one.
func (s *secretFlags) given(ctx context.Context, a *app) ([]byte, error) {
	switch {
	case s.env != "" && s.command != "":
		return nil, usage("--"+s.prefix+"passphrase-env and --"+s.prefix+"passphrase-command exclude each other", "")
	case s.env != "":
		v := a.getenv(s.env)
		if v == "" {
			return nil, s.unset()
		}
		return []byte(v), nil
	case s.command != "":
		return s.run(ctx)
	}
	return nil, nil
}

// unset says that the variable is missing. A value that is not in the form of a
// variable's name may be the pass phrase itself, given where its name belongs:
// it is not repeated.
func (s *secretFlags) unset() error {
	flag := "--" + s.prefix + "passphrase-env"
	if !isVariable(s.env) {
		return usage("what "+flag+" was given names no environment variable that is set",
			flag+" takes the name of a variable, such as DEVICE_PASSPHRASE, not the pass phrase")
	}
	return usage("environment variable "+s.env+" is not set", "set it, or leave out "+flag)
}

// isVariable is the form that POSIX gives the names of environment variables:
// [A-Z_][A-Z0-9_]*.
func isVariable(name string) bool {
	for i, r := range name {
		if r != '_' && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

func (s *secretFlags) run(ctx context.Context) ([]byte, error) {
	secret, err := workflow.PassphraseFrom(ctx, s.command)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, usage("the command of --"+s.prefix+"passphrase-command gave no pass phrase", "run it by hand: its first line of output counts")
	}
	return secret, nil
}

// open is the pass phrase for something closed: given, or asked for.
func (s *secretFlags) open(ctx context.Context, a *app, what string) ([]byte, error) {
	secret, err := s.given(ctx, a)
	if err != nil || secret != nil {
		return secret, err
	}
	if !isTerminal(a.in) {
		return nil, fmt.Errorf("%s: %w", what, pki.ErrPassphraseNeeded)
	}
	answer, err := a.ask(ctx, workflow.Question{Prompt: "Pass phrase of " + what, Secret: true})
	return []byte(answer), err
}

// fresh is the pass phrase of something new. required asks for one when no flag
// names it, twice, since nobody sees what is typed.
func (s *secretFlags) fresh(ctx context.Context, a *app, what string, required bool) ([]byte, error) {
	secret, err := s.given(ctx, a)
	if err != nil || secret != nil || !required {
		return secret, err
	}
	if !isTerminal(a.in) {
		return nil, usage(what+" needs a pass phrase", "--"+s.prefix+"passphrase-env NAME or --"+s.prefix+"passphrase-command COMMAND")
	}
	first, err := a.ask(ctx, workflow.Question{Prompt: "Pass phrase for " + what, Secret: true})
	if err != nil {
		return nil, err
	}
	again, err := a.ask(ctx, workflow.Question{Prompt: "Once more", Secret: true})
	switch {
	case err != nil:
		return nil, err
	case first != again:
		return nil, usage("the two pass phrases differ", "try again; nothing was written")
	case first == "":
		return nil, usage("the pass phrase is empty", "try again; nothing was written")
	}
	return []byte(first), nil
}

// stdio is the file name that stands for standard input and output.
const stdio = "-"

// shown is a file's name for a message.
func shown(path string) string {
	if path == stdio {
		return "standard input"
	}
	return path
}

// readAny reads a file, or standard input for "-", and asks for its pass phrase
// when it needs one.
func (a *app) readAny(ctx context.Context, path string, s *secretFlags) (*pki.Contents, error) {
	secret, err := s.given(ctx, a)
	if err != nil {
		return nil, err
	}
	contents, err := a.readContents(path, secret)
	if err != nil || !contents.NeedsPassphrase() || len(secret) > 0 || path == stdio || !isTerminal(a.in) {
		return contents, err
	}
	if secret, err = s.open(ctx, a, path); err != nil {
		return nil, err
	}
	return a.readContents(path, secret)
}

func (a *app) readContents(path string, secret []byte) (*pki.Contents, error) {
	if path != stdio {
		return pki.ReadAny(path, secret)
	}
	return pki.ReadFrom(a.in, stdio, secret)
}

// readKey reads the private key in any kind of file.
func (a *app) readKey(ctx context.Context, path string, s *secretFlags) (crypto.Signer, error) {
	contents, err := a.readAny(ctx, path, s)
	if err != nil {
		return nil, err
	}
	if key := contents.Key(); key != nil {
		return key, nil
	}
	if wrong := contents.Problems(); len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	fix := command("cert", "inspect", path)
	if certs := contents.Certificates(); len(certs) > 0 {
		if key := keyOf(path, certs[0]); key != "" {
			fix = "its private key is in " + key
		}
	}
	return nil, wrongKind(path, "private key", contents, fix)
}

// readCertificates reads the certificates in any kind of file. verb is the
// command that wants them.
func (a *app) readCertificates(ctx context.Context, verb, path string, s *secretFlags) (*pki.Contents, error) {
	contents, err := a.readAny(ctx, path, s)
	if err != nil {
		return nil, err
	}
	if len(contents.Certificates()) > 0 {
		return contents, nil
	}
	// A key that stays closed is no certificate either: what the file is counts.
	if wrong := contents.Problems(); len(wrong) > 0 && !contents.NeedsPassphrase() {
		return nil, errors.Join(wrong...)
	}
	return nil, wrongKind(path, "certificate", contents, a.instead(verb, path, contents))
}
