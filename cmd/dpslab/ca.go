package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dpslab/pki"
	"dpslab/workflow"
)

func (a *app) caCommand() *cobra.Command {
	f := &serviceFlags{}
	c := &cobra.Command{
		Use:   "ca",
		Short: "The signing certificates of a DPS instance: upload, prove possession, delete",
		Long: `The signing certificates of a DPS instance: CAs whose devices an enrollment group
admits, once the possession of their private key is proved.
` + notAPIM + "\n" + targetHelp + "\n" + dryRunHelp,
		Example: `  dpslab ca list
  dpslab ca verify line-3
  dpslab ca upload contoso-root root.pem --verified
  dpslab ca delete line-3 --yes`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f.add(c)
	return a.serviceGroup(
		c, below("list", a.caListCommand, f), below("upload", a.caUploadCommand, f), below("verify", a.caVerifyCommand, f), below("delete", a.caDeleteCommand, f),
	)
}

// shownCA is a signing certificate as the commands show it.
type shownCA struct {
	Name     string     `json:"name"`
	Verified bool       `json:"verified"`
	Subject  string     `json:"subject"`
	SHA1     string     `json:"sha1"`
	NotAfter *time.Time `json:"not_after,omitempty"`
	Created  *time.Time `json:"created,omitempty"`
	Updated  *time.Time `json:"updated,omitempty"`
	ETag     string     `json:"etag"`
	Outcome  string     `json:"outcome,omitempty"` // of a write: uploaded, verified, unchanged
}

func caOf(c *workflow.SigningCertificate) shownCA {
	return shownCA{
		Name: c.Name, Verified: c.Verified, Subject: c.Subject, SHA1: c.Thumbprint, ETag: c.ETag,
		NotAfter: known(c.Expires), Created: known(c.Created), Updated: known(c.Updated),
	}
}

// known is a time that an answer had, in UTC.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func day(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.DateOnly)
}

func (a *app) caListCommand(f *serviceFlags) *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List the signing certificates that DPS holds",
		Long: `List the signing certificates that DPS holds, 25 at most. With --json each line
has name, verified, subject, sha1, not_after, created, updated and etag.`,
		Example: "  dpslab ca list\n  dpslab ca list --json",
		Args:    cobra.NoArgs,
	}
	c.RunE = a.withService(f, func(ctx context.Context, s *serviceCall, _ []string) error {
		all, err := s.SigningCertificates(ctx)
		if err != nil {
			return err
		}
		list := s.list("NAME\tVERIFIED\tUNTIL\tSHA-1\tSUBJECT")
		for i := range all {
			ca := caOf(&all[i])
			if err := list.row(ca, ca.Name, yesNo(ca.Verified), day(ca.NotAfter), ca.SHA1, ca.Subject); err != nil {
				return err
			}
		}
		return list.end("no signing certificates: dpslab ca verify NAME uploads one and proves it")
	})
	return c
}

// tellCA tells what became of a signing certificate.
func (s *serviceCall) tellCA(held *workflow.SigningCertificate, outcome string) error {
	ca := caOf(held)
	ca.Outcome = outcome
	if s.flags.asJSON {
		return s.printJSON(ca)
	}
	state := ", possession of its key is to be proved: dpslab ca verify " + ca.Name
	switch {
	case outcome == "verified":
		state = ""
	case ca.Verified:
		state = ", verified"
	}
	fmt.Fprintf(s.out, "%s %s%s\n", outcome, printable(ca.Name), printable(state))
	return nil
}

func (a *app) caUploadCommand(f *serviceFlags) *cobra.Command {
	var verified, replace bool
	c := &cobra.Command{
		Use: "upload NAME [FILE]", Short: "Upload a CA certificate to DPS",
		Long: `Upload the first CA certificate of a file, PEM or DER, under a name; without a
file the root of the authority of that name, which dpslab cert new and dpslab run
make. --verified vouches for it instead of proving possession of its key: DPS
takes that from an account that may write the instance. dpslab ca verify uploads
and proves in one go.`,
		Example: `  dpslab ca upload line-3
  dpslab ca upload contoso-root root.pem --verified`,
		Args: cobra.RangeArgs(1, 2),
	}
	c.Flags().BoolVar(&verified, "verified", false, "it counts as verified at once")
	c.Flags().BoolVar(&replace, "replace", false, "another certificate of that name gives way")
	c.RunE = a.withService(f, func(ctx context.Context, s *serviceCall, args []string) error {
		name, file := args[0], ""
		if len(args) == 2 {
			file = args[1]
		} else {
			files, err := s.authorityFiles(name)
			if err != nil {
				return err
			}
			if err := s.haveAuthority(name); err != nil {
				return err
			}
			file = files.RootCertificate()
		}
		return s.uploadCA(ctx, name, file, verified, replace)
	})
	return c
}

func (s *serviceCall) uploadCA(ctx context.Context, name, file string, verified, replace bool) error {
	certificates, err := pki.ReadCertificates(file)
	if err != nil {
		return certError("read the CA certificate", err)
	}
	ca := certificates[0] // what is no CA is refused with the upload
	if i := slices.IndexFunc(certificates, func(c *x509.Certificate) bool { return c.IsCA }); i >= 0 {
		ca = certificates[i] // behind the leaf of a chain
	}
	s.note("the first request reads what DPS holds of that name; its etag would be the If-Match of the second with --replace")
	held, err := s.SigningCertificate(ctx, name)
	_, dry := workflow.DryRunOf(err)
	tag := ""
	switch {
	case err == nil && strings.EqualFold(held.Thumbprint, pki.Thumbprint1(ca)) && (held.Verified || !verified):
		return s.tellCA(held, workflow.BulkUnchanged)
	case err == nil && !replace && !strings.EqualFold(held.Thumbprint, pki.Thumbprint1(ca)):
		return &workflow.Problem{
			Kind: workflow.Refused, Op: "upload signing certificate " + name, Rule: "F14",
			Summary: fmt.Sprintf("DPS holds another certificate of that name (SHA-1 %s, subject %s)", held.Thumbprint, held.Subject),
			Fix:     "Choose another name, or replace it: --replace.",
		}
	case err == nil:
		tag = held.ETag
	case !dry && !notFound(err):
		return err
	}
	held, err = s.UploadSigningCertificate(ctx, name, file, verified, tag)
	if err != nil {
		return repeated(err, "Give the command again; it reads the etag anew: "+uploadCommand(name, file, verified, replace))
	}
	return s.tellCA(held, "uploaded")
}

// uploadCommand is the command that uploads a CA, for somebody to give again.
func uploadCommand(name, file string, verified, replace bool) string {
	words := []string{"ca", "upload", name, file}
	if verified {
		words = append(words, "--verified")
	}
	if replace {
		words = append(words, "--replace")
	}
	return command(words...)
}

func (a *app) caVerifyCommand(f *serviceFlags) *cobra.Command {
	var (
		files  workflow.CAFiles
		secret secretFlags
	)
	c := &cobra.Command{
		Use: "verify NAME", Short: "Prove possession of a CA's key: upload, code, signature, verify, in one command",
		Long: `Bring a CA from wherever it is to verified: upload it if DPS does not hold it,
have DPS make a verification code, sign a certificate whose CN is that code with
the CA's key, send it. The key stays here. A proof that was broken off goes on
when the command is given again, with the code that DPS has made already.

The CA is the root of the authority NAME, which dpslab cert new and dpslab run
make (--authority for one of another name, --intermediate for its intermediate
CA), or --certificate FILE with --key FILE.`,
		Example: `  dpslab ca verify line-3
  dpslab ca verify contoso-root --certificate root.pem --key root.key.pem --passphrase-env ROOT_PASSPHRASE
  dpslab ca verify line-3 --dry-run`,
		Args: oneID("a name for the certificate at DPS"),
	}
	flags := c.Flags()
	flags.StringVar(&files.Authority, "authority", "", "authority whose root it is (default: of the same name)")
	flags.BoolVar(&files.ByIntermediate, "intermediate", false, "its intermediate CA instead of the root")
	flags.StringVar(&files.Certificate, "certificate", "", "file with the CA certificate instead of an authority")
	flags.StringVar(&files.Key, "key", "", "file with its private key (default: the same file)")
	flags.BoolVar(&files.ReplaceExisting, "replace", false, "another certificate of that name at DPS gives way")
	secret.add(c, "", "of the CA's key")
	c.RunE = a.withService(f, func(ctx context.Context, s *serviceCall, args []string) error {
		if files.Certificate != "" && (files.Authority != "" || files.ByIntermediate) || files.Certificate == "" && files.Key != "" {
			return usage("a CA is an authority, or --certificate with --key", "dpslab ca verify --help shows both")
		}
		if files.Certificate == "" {
			files.Authority = cmp.Or(files.Authority, args[0])
			if err := s.haveAuthority(files.Authority); err != nil {
				return err
			}
		}
		return s.proveCA(ctx, args[0], files, &secret)
	})
	return c
}

func (s *serviceCall) proveCA(ctx context.Context, name string, files workflow.CAFiles, secret *secretFlags) error {
	if s.flags.dryRun {
		s.note("If-Match carries the etag of the answer before, and the certificate of the last request the code that DPS gives, signed by the CA")
		return s.RehearseProof(ctx, name, files)
	}
	phrase, err := secret.given(ctx, s.app)
	if err != nil {
		return err
	}
	files.Passphrase = workflow.NewSecret(string(phrase))
	held, err := s.ProveSigningCertificate(ctx, name, files, nil)
	if err != nil {
		return repeated(err, "Give the command again; it reads the etag anew and asks for a new code where it needs one: "+command("ca", "verify", name)+" with the same flags.")
	}
	return s.tellCA(held, "verified")
}

// haveAuthority says what to do when there is no authority of a name here.
func (a *app) haveAuthority(name string) error {
	files, err := a.authorityFiles(name)
	if err != nil || files.Exists() {
		return err
	}
	return &workflow.Problem{
		Kind: workflow.LocalFile, Op: "find the authority " + name, Summary: "there is none in " + files.Dir,
		Fix: "Name the CA's files, or make an authority with a device: " + command("cert", "new", "device-01", "--authority", name),
	}
}

func (a *app) caDeleteCommand(f *serviceFlags) *cobra.Command {
	var (
		yes     bool
		ifMatch string
	)
	c := &cobra.Command{
		Use: "delete NAME", Short: "Delete a signing certificate from DPS",
		Long: `Delete a signing certificate from DPS. One that an enrollment refers to stays, and
DPS says so; devices that are registered are not touched. That there was none is
no error.`,
		Example: "  dpslab ca delete line-3 --yes",
		Args:    oneID("the name of a certificate; dpslab ca list shows them"),
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().StringVar(&ifMatch, "if-match", "", "only if it has this etag (default: any)")
	c.RunE = a.withService(f, func(ctx context.Context, s *serviceCall, args []string) error {
		if err := s.confirm(ctx, yes, "signing certificate "+args[0]); err != nil {
			return err
		}
		existed, err := s.DeleteSigningCertificate(ctx, args[0], ifMatch)
		if err == nil && !existed {
			return s.absent("There is none of that name at this DPS instance: dpslab ca list shows those that it has.", "signing certificate", args[0])
		}
		err = repeated(err, "Read it again and give its etag, or none to delete it as it is: "+command("ca", "list", "--json")+", then "+command("ca", "delete", args[0]))
		return s.deleted(err, "signing certificate", args[0])
	})
	return c
}

// repeated names the command to give once more where the advice for a refusal
// of Azure Resource Manager names the step of a run that does the same: somebody
// changed the certificate meanwhile, or the code that it was proved with.
func repeated(err error, fix string) error {
	var p *workflow.Problem
	if !errors.As(err, &p) || p.Rule != "M01" && p.Rule != "M02" {
		return err
	}
	out := *p
	out.Fix = fix
	return &out
}
