package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"dpslab/pki"
	"dpslab/workflow"
)

func (a *app) certInspectCommand() *cobra.Command {
	var secret secretFlags
	var key, registrationID, caFile string
	c := &cobra.Command{
		Use:   "inspect FILE|HOST:PORT...",
		Short: "Show what is in a file, or what a server presents",
		Long: `Show what is in a file, broken or not: certificates, requests, keys, PEM, DER,
PFX, PKCS#7. First as openssl x509 -text prints it, then what DPS cares about.
HOST:PORT shows the certificates of a TLS server, trusted or not; - reads the
standard input.`,
		Example: `  dpslab cert inspect device-cert.pem
  dpslab cert inspect certs/device-01-full-chain.cert.pem --key private/device-01.key.pem
  dpslab cert inspect device.pfx --passphrase-env PFX_PASSWORD --json
  dpslab cert inspect global.azure-devices-provisioning.net:443`,
		Args: operands(0),
	}
	secret.add(c, "", "of a key or PFX")
	c.Flags().StringVar(&key, "key", "", "compare with the private key in this file")
	c.Flags().StringVar(&registrationID, "registration-id", "", "compare with this registration ID")
	c.Flags().StringVar(&caFile, "ca-file", "", "trust these CAs for HOST:PORT, in place of the system's")
	a.certJSON(c, "inspect", func(ctx context.Context, args []string, asJSON bool) error {
		o := pki.InspectOptions{RegistrationID: registrationID, KeyFile: key, PassphraseFlag: secret.flag(), Stdin: a.in, Now: time.Now()}
		var err error
		if o.Key, err = a.optionalKey(ctx, key, &secret); err != nil {
			return err
		}
		code := 0
		for _, arg := range args {
			report, err := a.inspectOne(ctx, arg, o, &secret, caFile)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(report)
			} else {
				_, err = fmt.Fprint(a.out, printable(report.Text()))
			}
			if err != nil {
				return err
			}
			if broken(report) {
				code = workflow.LocalFile.ExitCode()
			}
		}
		if code != 0 {
			return &reported{code}
		}
		return nil
	})
	return c
}

// broken says whether nothing at all could be read.
func broken(r *pki.Inspection) bool {
	return len(r.Certificates)+len(r.Requests)+len(r.Keys) == 0
}

func (a *app) optionalKey(ctx context.Context, path string, secret *secretFlags) (crypto.Signer, error) {
	if path == "" {
		return nil, nil
	}
	return a.readKey(ctx, path, secret)
}

func (a *app) inspectOne(ctx context.Context, arg string, o pki.InspectOptions, secret *secretFlags, caFile string) (*pki.Inspection, error) {
	if server := serverIn(arg); server != "" {
		roots, err := rootsOf(caFile)
		if err != nil {
			return nil, err
		}
		return pki.InspectServer(ctx, server, roots, o.Now)
	}
	var err error
	if o.Passphrase, err = secret.given(ctx, a); err != nil {
		return nil, err
	}
	report, err := pki.Inspect(arg, o)
	if _, isFile := pki.FileNamed(arg); !isFile && errors.Is(err, fs.ErrNotExist) {
		return nil, &workflow.Problem{
			Kind: workflow.LocalFile, Op: "inspect", Summary: err.Error(), Fix: "a server is named with its port: " + command("cert", "inspect", arg+":443"),
		}
	}
	if err != nil || !report.NeedsPassphrase || len(o.Passphrase) > 0 || arg == "-" || !isTerminal(a.in) {
		return report, err
	}
	if o.Passphrase, err = secret.open(ctx, a, arg); err != nil {
		return nil, err
	}
	return pki.Inspect(arg, o)
}

// serverIn is the host:port that an argument which names no file stands for,
// also as an https address; empty for none.
func serverIn(arg string) string {
	if address, err := url.Parse(arg); err == nil && address.Scheme == "https" && address.Hostname() != "" {
		return net.JoinHostPort(address.Hostname(), cmp.Or(address.Port(), "443"))
	}
	host, port, err := net.SplitHostPort(arg)
	if _, isFile := pki.FileNamed(arg); isFile || err != nil || host == "" || port == "" {
		return ""
	}
	return arg
}

// flag is how the pass phrase was given, for a command line that needs it again.
// A command is not repeated: it may have a secret in it.
func (s *secretFlags) flag() string {
	if s.env == "" {
		return ""
	}
	return "--" + s.prefix + "passphrase-env " + workflow.ShellWord(s.env)
}

func rootsOf(caFile string) (*x509.CertPool, error) {
	if caFile == "" {
		return nil, nil // the system's
	}
	certs, err := pki.ReadCertificates(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	for _, c := range certs {
		roots.AddCert(c)
	}
	return roots, nil
}

func (a *app) certVerifyCommand() *cobra.Command {
	var secret secretFlags
	var registrationID string
	var strict bool
	c := &cobra.Command{
		Use:   "verify FILE|FOLDER...",
		Short: "Check certificates, chains and keys against what DPS wants",
		Long: `Check any heap of files and folders: what each file is, which certificate signs
which and what is missing, validity, purpose, names, keys, file modes. Every
finding has a rule (F01 to F18), says what was observed and which command mends
it. In folders, symbolic links are followed and files without an ending looked
into; - reads the standard input. Exit code 4 when there is an error.`,
		Example: `  dpslab cert verify device-cert.pem device-key.pem
  dpslab cert verify certs/ private/ --registration-id device-01
  dpslab cert verify . --warnings-as-errors --json`,
		Args: operands(0),
	}
	secret.add(c, "", "of keys and PFX files")
	c.Flags().StringVar(&registrationID, "registration-id", "", "the device's registration ID, to compare with the common name")
	c.Flags().BoolVar(&strict, "warnings-as-errors", false, "warnings end with exit code 4 too")
	a.certJSON(c, "verify", func(ctx context.Context, args []string, asJSON bool) error {
		passphrase, err := secret.given(ctx, a)
		if err != nil {
			return err
		}
		report, err := pki.Verify(args, pki.VerifyOptions{
			RegistrationID: registrationID, Passphrase: passphrase, PassphraseFlag: secret.flag(), Stdin: a.in, Now: time.Now(),
		})
		if err != nil {
			return err
		}
		if asJSON {
			err = a.printJSON(report)
		} else {
			_, err = fmt.Fprint(a.out, printable(report.Text(a.quiet)))
		}
		worst := pki.Worst(report.Findings)
		if err == nil && (worst == pki.SeverityError || strict && worst == pki.SeverityWarning) {
			return &reported{workflow.LocalFile.ExitCode()}
		}
		return err
	})
	return c
}

func (a *app) certIssuedCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "issued AUTHORITY",
		Short:   "List what a CA issued",
		Example: "  dpslab cert issued line-3\n  dpslab cert issued ./ca --json",
		Args:    operands(1),
	}
	a.certJSON(c, "list what the authority issued", func(_ context.Context, args []string, asJSON bool) error {
		files, err := a.authorityFiles(args[0])
		if err != nil {
			return err
		}
		if !files.Exists() {
			return usage("there is no authority "+args[0]+" in "+files.Dir, "dpslab cert new "+args[0]+" --kind authority")
		}
		issued, err := files.Issued()
		if err != nil {
			return err
		}
		for _, one := range issued {
			if asJSON {
				err = a.printJSON(issuedLine(one))
			} else {
				mark := ""
				if one.Unwritten {
					mark = "  (signed, never written)"
				}
				_, err = fmt.Fprintf(a.out, "%s  %-16s %s  until %s%s\n", one.Serial, one.Kind, printable(one.Subject), one.NotAfter.Format(time.DateOnly), mark)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return c
}

// issuedLine is one entry of a ledger, which keeps common names, with the names
// in the form that all JSON output has.
func issuedLine(one pki.Issued) pki.Issued {
	one.Subject, one.Issuer = pki.CommonNameDN(one.Subject), pki.CommonNameDN(one.Issuer)
	return one
}
