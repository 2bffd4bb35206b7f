package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	a.tree.add(
		c, branch{"new", a.certNewCommand}, branch{"inspect", a.certInspectCommand}, branch{"verify", a.certVerifyCommand},
		branch{"renew", a.certRenewCommand}, branch{"csr", a.certCSRCommand}, branch{"sign", a.certSignCommand}, branch{"pfx", a.certPFXCommand},
		branch{"fullchain", a.certFullChainCommand}, branch{"convert", a.certConvertCommand}, branch{"issued", a.certIssuedCommand},
	)
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
	piped    bool       // it went to standard output itself
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
		if !f.piped {
			fmt.Fprintln(a.out, f.Path)
		}
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
		missing  *pki.MissingIssuerError
		ofCA     *issuerError
	)
	flag := "--"
	if errors.As(err, &ofCA) {
		flag = "--issuer-"
	}
	switch {
	case errors.As(err, &id):
		p.Kind, p.Rule = workflow.Usage, "F06"
		if id.Suggestion != "" {
			p.Fix = "Take " + id.Suggestion + "."
		}
	case errors.Is(err, pki.ErrPassphraseNeeded):
		p.Rule, p.Fix = "F03", flag+"passphrase-env NAME or "+flag+"passphrase-command COMMAND gives it; on a terminal it is asked for."
	case errors.Is(err, pki.ErrWrongPassphrase):
		p.Rule, p.Fix = "F03", "Try another; nothing was written."
	case errors.As(err, &mismatch):
		p.Rule, p.Fix = "F01", "Name the key that belongs to the certificate. To compare: "+command("cert", "verify", mismatch.CertFile, mismatch.KeyFile)
	case errors.As(err, &format):
		p.Rule, p.Fix = "F02", format.Fix
		p.Summary = strings.TrimSuffix(p.Summary, ": "+format.Fix)
	case errors.Is(err, pki.ErrWeakKey):
		p.Rule, p.Fix = "F17", "Take a new key: RSA with 2048 bits or more, or EC P-256."
	case errors.As(err, &missing):
		p.Rule, p.Fix = "F12", "Name the file with that CA too; --partial writes the chain as it is."
	case errors.Is(err, pki.ErrNotCA):
		p.Rule, p.Fix = "F09", "Name a CA that may sign it; dpslab cert inspect shows what a certificate may."
	case errors.Is(err, pki.ErrIssuerExpired):
		p.Rule, p.Fix = "F10", "The CA must be renewed first."
	case errors.Is(err, fs.ErrExist):
		p.Fix = "--force replaces it and keeps a copy; --out writes elsewhere."
	case errors.Is(err, pki.ErrIssuerNeeded):
		p.Kind, p.Fix = workflow.Usage, "--authority NAME, or --issuer-cert FILE --issuer-key FILE, names the CA that signed it"
	case errors.Is(err, pki.ErrKeyNeeded):
		p.Kind, p.Fix = workflow.Usage, "--key FILE names its private key, --new-key makes another"
	case errors.As(err, &server):
		p.Kind, p.Fix = workflow.Unreachable, "Compare host and port with the server's; a firewall or a proxy may be in between."
	default:
		p.Fix = fixOfFile(err)
	}
	return p
}

// operands demands what the usage line of a command names: one at least, and no
// more than most unless that is 0.
func operands(most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		_, what, _ := strings.Cut(c.Use, " ")
		switch {
		case len(args) == 0:
			return usage(c.CommandPath()+" needs "+what, c.CommandPath()+" --help shows examples")
		case most > 0 && len(args) > most:
			return usage(fmt.Sprintf("%s takes one %s, not %d", c.CommandPath(), what, len(args)), c.CommandPath()+" --help shows examples")
		}
		return nil
	}
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

// container is what a command writes.
type container string

const (
	inPEM container = "PEM"
	inPFX container = "PFX"
)

// foreignEndings promise a form that a command does not write.
var foreignEndings = map[container][]string{
	inPEM: {".p7b", ".p7c", ".p7s", ".pfx", ".p12", ".jks", ".der"},
	inPFX: {".p7b", ".p7c", ".p7s", ".jks", ".der", ".pem", ".cer", ".crt"},
}

// check refuses a name that promises another form than what is written, and
// standard output together with --json, which is written there.
func (o *outputFlags) check(form container, asJSON bool) error {
	if o.out == stdio && asJSON {
		return usage("--out - and --json both write to standard output", "--out FILE")
	}
	if o.out == stdio && o.force {
		return usage("--force replaces a file, and --out - writes none", "leave out one of them")
	}
	ending := strings.ToLower(filepath.Ext(o.out))
	if !slices.Contains(foreignEndings[form], ending) {
		return nil
	}
	return usage(fmt.Sprintf("%s: what is written is %s, which nobody expects in a file that ends in %s", o.out, form, ending), otherForm(o.out, ending))
}

// otherForm is the way to what an ending promises.
func otherForm(path, ending string) string {
	pem := workflow.ShellWord(strings.TrimSuffix(path, filepath.Ext(path)) + ".pem")
	switch ending {
	case ".p7b", ".p7c", ".p7s":
		return "--out " + pem + ", then: openssl crl2pkcs7 -nocrl -certfile " + pem + " -out " + workflow.ShellWord(path)
	case ".pfx", ".p12":
		return "--out " + pem + "; dpslab cert pfx makes a PFX of it and its key"
	case ".der":
		return "--out " + pem + ", then: " + command("cert", "convert", pem, "--only", "certificate", "--out", path)
	}
	return "write a .pfx file, or a .pem one with dpslab cert fullchain"
}

// write writes one result; "-" is standard output.
func (o *outputFlags) write(a *app, file certFile, data []byte, secret bool) (certFile, error) {
	if file.Path == stdio {
		if _, err := a.out.Write(data); err != nil {
			return file, err
		}
		file.piped = true
		return file, nil
	}
	backup, err := pki.WriteOutput(file.Path, data, pki.WriteOptions{Secret: secret, Force: o.force})
	file.Backup = backup
	return file, err
}

// draft is a file that is to be written, and how it is told.
type draft struct {
	certFile
	data   []byte
	secret bool
}

// writeAll writes files that belong together: all or, as long as none has its
// name, nothing.
func writeAll(force bool, drafts ...draft) ([]certFile, error) {
	outputs := make([]pki.Output, 0, len(drafts))
	for _, r := range drafts {
		outputs = append(outputs, pki.Output{Path: r.Path, Data: r.data, Secret: r.secret})
	}
	backups, err := pki.WriteOutputs(force, outputs...)
	if err != nil {
		return nil, err
	}
	files := make([]certFile, 0, len(drafts))
	for i, r := range drafts {
		r.Backup = backups[i]
		files = append(files, r.certFile)
	}
	return files, nil
}

func keyDraft(path string, data []byte) draft {
	return draft{certFile{Path: path, What: "private key"}, data, true}
}

func certificateDraft(path, what string, certs ...*x509.Certificate) draft {
	return draft{certificateFile(path, what, certs[0]), pki.EncodeCertificates(certs...), false}
}

// keyFlags choose the kind of a new key and the life of a certificate.
type keyFlags struct {
	algorithm string
	days      int
}

// add adds the flags; of a life of 0 days the command finds the default.
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
