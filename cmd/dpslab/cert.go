package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dpslab/pki"
	"dpslab/workflow"
)

func (a *app) certCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cert",
		Short: "Make, read, check and convert keys and certificates",
		Long: `Make, read, check and convert keys and certificates. Files go both ways with
openssl. Private keys are written with mode 0600 and never overwritten without
--force, which keeps a copy. A pass phrase comes from an environment variable, a
command or a prompt, never from the command line.`,
		Example: `  dpslab cert new my-x509-device                       self-signed, the how-to's file names
  dpslab cert new device-01 --authority line-3         a chain; the CA is made once
  dpslab cert inspect device-cert.pem
  dpslab cert verify certs/ private/`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.certNewCommand(), a.certInspectCommand(), a.certVerifyCommand(), a.certRenewCommand(), a.certCSRCommand(),
		a.certSignCommand(), a.certPFXCommand(), a.certFullChainCommand(), a.certConvertCommand(), a.certIssuedCommand())
	return c
}

// certFile is one line of the result of a command that writes.
type certFile struct {
	Path     string     `json:"path"`
	What     string     `json:"what"`
	Backup   string     `json:"backup,omitempty"` // the copy that was kept of what was there
	Subject  string     `json:"subject,omitempty"`
	SHA1     string     `json:"sha1,omitempty"`
	SHA256   string     `json:"sha256,omitempty"`
	NotAfter *time.Time `json:"not_after,omitempty"`
}

func certificateFile(path, what string, c *x509.Certificate) certFile {
	end := c.NotAfter.UTC()
	return certFile{Path: path, What: what, Subject: pki.Describe(c).Subject, SHA1: pki.Thumbprint1(c), SHA256: pki.Thumbprint256(c), NotAfter: &end}
}

// tellFiles prints what was written: the paths, or a JSON object each.
func (a *app) tellFiles(asJSON bool, files ...certFile) error {
	for _, f := range files {
		if asJSON {
			if err := a.printJSON(f); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(a.out, f.Path)
		if a.quiet {
			continue
		}
		fmt.Fprintf(a.err, "  %s\n", f.What)
		if f.SHA1 != "" {
			fmt.Fprintf(a.err, "  until %s, SHA-1 %s (DPS), SHA-256 %s (IoT Hub)\n", f.NotAfter.Format(time.DateOnly), f.SHA1, f.SHA256)
		}
		if f.Backup != "" {
			fmt.Fprintf(a.err, "  the old one is kept: %s\n", f.Backup)
		}
	}
	return nil
}

// certJSON adds --json and tells errors in the form that was asked for.
func (a *app) certJSON(c *cobra.Command, op string, work func(ctx context.Context, args []string, asJSON bool) error) {
	asJSON := c.Flags().Bool("json", false, "print one JSON object a line")
	c.RunE = func(c *cobra.Command, args []string) error {
		err := work(c.Context(), args, *asJSON)
		var told *reported
		if err == nil || errors.As(err, &told) {
			return err
		}
		err = certError(op, err)
		var problem *workflow.Problem
		if !*asJSON || !errors.As(err, &problem) {
			return err
		}
		if err := a.printJSON(map[string]any{"problem": problem}); err != nil {
			return err
		}
		return &reported{problem.Kind.ExitCode()}
	}
}

// certError gives an error of keys and certificates its rule, fix and exit code.
func certError(op string, err error) error {
	var known *workflow.Problem
	if errors.As(err, &known) || errors.Is(err, workflow.ErrByUser) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return workflow.ErrByUser
	}
	p := &workflow.Problem{Kind: workflow.LocalFile, Op: op, Summary: err.Error()}
	var (
		id       *pki.IDError
		format   *pki.FormatError
		mismatch *pki.MismatchError
		server   *pki.ServerError
	)
	switch {
	case errors.As(err, &id):
		p.Kind, p.Rule = workflow.Usage, "F06"
		if id.Suggestion != "" {
			p.Fix = "Take " + id.Suggestion + "."
		}
	case errors.Is(err, pki.ErrPassphraseNeeded):
		p.Rule, p.Fix = "F03", "--passphrase-env NAME or --passphrase-command COMMAND gives it; on a terminal it is asked for."
	case errors.Is(err, pki.ErrWrongPassphrase):
		p.Rule, p.Fix = "F03", "Try another; nothing was written."
	case errors.As(err, &mismatch):
		p.Rule, p.Fix = "F01", "Name the key that belongs to the certificate; dpslab cert inspect shows the public key of each."
	case errors.As(err, &format):
		p.Rule, p.Fix = "F02", format.Fix
	case errors.Is(err, fs.ErrExist):
		p.Fix = "--force replaces it and keeps a copy; --out writes elsewhere."
	case errors.Is(err, pki.ErrIssuerNeeded):
		p.Kind, p.Fix = workflow.Usage, "--authority NAME, or --issuer-cert FILE --issuer-key FILE"
	case errors.Is(err, pki.ErrKeyNeeded):
		p.Kind, p.Fix = workflow.Usage, "--key FILE names its private key, --new-key makes another"
	case errors.As(err, &server):
		p.Kind = workflow.Unreachable
	}
	return p
}

// outputFlags are those of every command that writes.
type outputFlags struct {
	out   string
	force bool
}

func (o *outputFlags) add(c *cobra.Command, what string) {
	c.Flags().StringVarP(&o.out, "out", "o", "", what)
	c.Flags().BoolVar(&o.force, "force", false, "replace existing files, and keep a copy of each")
}

// write writes one result.
func (o *outputFlags) write(path, what string, data []byte, secret bool) (certFile, error) {
	backup, err := pki.WriteOutput(path, data, pki.WriteOptions{Secret: secret, Force: o.force})
	return certFile{Path: path, What: what, Backup: backup}, err
}

// keyFlags choose the kind of a new key and the life of a certificate.
type keyFlags struct {
	algorithm string
	days      int
}

func (k *keyFlags) add(c *cobra.Command, days int) {
	names := make([]string, 0, len(pki.Algorithms()))
	for _, a := range pki.Algorithms() {
		names = append(names, string(a))
	}
	c.Flags().StringVar(&k.algorithm, "algorithm", string(pki.ECP256), strings.Join(names, "|"))
	if days > 0 {
		c.Flags().IntVar(&k.days, "days", days, "life of the certificate")
	}
}

func (k *keyFlags) read() (pki.Algorithm, pki.Validity, error) {
	algorithm, err := pki.ParseAlgorithm(k.algorithm)
	if err != nil {
		return "", pki.Validity{}, usage(err.Error(), "")
	}
	validity, err := k.validity()
	return algorithm, validity, err
}

func (k *keyFlags) validity() (pki.Validity, error) {
	if k.days < 1 || k.days > 36500 {
		return pki.Validity{}, usage(fmt.Sprintf("--days %d: 1 to 36500 are possible", k.days), "")
	}
	return pki.ValidFor(time.Now(), k.days), nil
}

// authorityFiles finds an authority by its name, or by its folder when there is
// a separator in it.
func (a *app) authorityFiles(name string) (pki.AuthorityFiles, error) {
	if strings.ContainsRune(name, os.PathSeparator) || name == "." {
		return pki.AuthorityFiles{Dir: filepath.Clean(name)}, nil
	}
	p, err := a.paths()
	if err != nil {
		return pki.AuthorityFiles{}, err
	}
	return pki.AuthorityFiles{Dir: p.AuthorityDir(name)}, nil
}
