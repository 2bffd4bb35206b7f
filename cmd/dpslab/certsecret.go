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
			return nil, usage("environment variable "+s.env+" is not set", "set it, or leave out --"+s.prefix+"passphrase-env")
		}
		return []byte(v), nil
	case s.command != "":
		return s.run(ctx)
	}
	return nil, nil
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
	first, err := a.ask(ctx, workflow.Question{Prompt: "New pass phrase of " + what, Secret: true})
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

// readAny reads a file and asks for its pass phrase when it needs one.
func (a *app) readAny(ctx context.Context, path string, s *secretFlags) (*pki.Contents, error) {
	secret, err := s.given(ctx, a)
	if err != nil {
		return nil, err
	}
	contents, err := pki.ReadAny(path, secret)
	if err != nil || !contents.NeedsPassphrase() || len(secret) > 0 || !isTerminal(a.in) {
		return contents, err
	}
	if secret, err = s.open(ctx, a, path); err != nil {
		return nil, err
	}
	return pki.ReadAny(path, secret)
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
	return nil, &pki.FileError{Op: "read", Path: path, Err: &pki.FormatError{
		What: "there is no private key in it", Fix: "name the file with the key",
	}}
}

// readCertificates reads the certificates in any kind of file.
func (a *app) readCertificates(ctx context.Context, path string, s *secretFlags) (*pki.Contents, error) {
	contents, err := a.readAny(ctx, path, s)
	if err != nil {
		return nil, err
	}
	if wrong := contents.Problems(); len(wrong) > 0 && len(contents.Certificates()) == 0 {
		return nil, errors.Join(wrong...)
	}
	if len(contents.Certificates()) == 0 {
		return nil, &pki.FileError{Op: "read", Path: path, Err: &pki.FormatError{
			What: "there is no certificate in it", Fix: "name the file with the certificate",
		}}
	}
	return contents, nil
}
