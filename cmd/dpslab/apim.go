package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dpslab/pki"
	"dpslab/workflow"
)

// apimFlags are those of the API Management commands.
type apimFlags struct {
	serviceFlags
	service workflow.APIM
}

func (a *app) apimCommand() *cobra.Command {
	f := &apimFlags{}
	c := &cobra.Command{
		Use:   "apim",
		Short: "The certificates of an API Management service: upload, list, refresh, delete",
		Long: workflow.APIMHelp + `
The service is --apim-service, in the target's subscription and, unless
--apim-resource-group names another, its resource group; the lab has one.
` + targetHelp + "\n" + dryRunHelp,
		Example: `  dpslab apim list
  dpslab apim put gateway --certificate device-cert.pem --key device-key.pem
  dpslab apim put vault-one --key-vault https://contoso.vault.azure.net/secrets/gateway --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f.add(c)
	c.PersistentFlags().StringVar(&f.service.Service, "apim-service", "", "name of the API Management service")
	c.PersistentFlags().StringVar(&f.service.ResourceGroup, "apim-resource-group", "", "its resource group (default: the DPS instance's)")
	return a.serviceGroup(
		c, below("list", a.apimListCommand, f), below("put", a.apimPutCommand, f), below("show", a.apimShowCommand, f), below("refresh", a.apimRefreshCommand, f), below("delete", a.apimDeleteCommand, f),
	)
}

// shownAPIM is a certificate of API Management as the commands show it.
type shownAPIM struct {
	ID         string      `json:"id"`
	Subject    string      `json:"subject"`
	SHA1       string      `json:"sha1"`
	NotAfter   *time.Time  `json:"not_after,omitempty"`
	ETag       string      `json:"etag,omitempty"` // not in a list
	ResourceID string      `json:"resource_id,omitempty"`
	Vault      *shownVault `json:"key_vault,omitempty"`
	Outcome    string      `json:"outcome,omitempty"` // of a write: created, updated, refreshed
}

type shownVault struct {
	SecretID  string     `json:"secret_id"`
	ClientID  string     `json:"identity_client_id,omitempty"`
	Status    string     `json:"status,omitempty"`
	Message   string     `json:"message,omitempty"`
	CheckedAt *time.Time `json:"checked_at,omitempty"`
}

func apimOf(c *workflow.APIMCertificate) shownAPIM {
	s := shownAPIM{ID: c.ID, Subject: c.Subject, SHA1: c.Thumbprint, NotAfter: known(c.Expires), ETag: c.ETag, ResourceID: c.ResourceID}
	if v := c.Vault; v != nil {
		s.Vault = &shownVault{v.SecretID, v.IdentityClientID, v.Status, v.Message, known(v.CheckedAt)}
	}
	return s
}

func (a *app) apimListCommand(f *apimFlags) *cobra.Command {
	var q workflow.APIMQuery
	c := &cobra.Command{
		Use: "list", Short: "List the certificates of an API Management service",
		Long: `List the certificates of an API Management service. --filter is OData, such as
"startswith(name, 'dev')" or "expirationDate lt 2030-01-01T00:00:00Z". With --json
each line has id, subject, sha1, not_after, resource_id and key_vault.`,
		Example: "  dpslab apim list\n  dpslab apim list --filter \"startswith(name, 'dev')\" --json",
		Args:    cobra.NoArgs,
	}
	c.Flags().StringVar(&q.Filter, "filter", "", "OData over name, subject, thumbprint and expirationDate")
	c.Flags().IntVar(&q.Top, "page-size", 0, "how many one request asks for (default: the service's choice)")
	c.Flags().IntVar(&q.Skip, "skip", 0, "leave out so many at the beginning")
	c.Flags().BoolVar(&q.RefreshFailed, "refresh-failed", false, "only those whose last reading of Key Vault failed")
	c.RunE = a.withService(&f.serviceFlags, func(ctx context.Context, s *serviceCall, _ []string) error {
		all, err := s.APIMCertificates(ctx, f.service, q)
		if err != nil {
			return err
		}
		list := s.list("ID\tUNTIL\tSHA-1\tSUBJECT\tKEY VAULT")
		for _, held := range all {
			shown, vault := apimOf(held), ""
			if shown.Vault != nil {
				vault = shown.Vault.SecretID + " " + shown.Vault.Status
			}
			if err := list.row(shown, shown.ID, day(shown.NotAfter), shown.SHA1, shown.Subject, vault); err != nil {
				return err
			}
		}
		return list.end("no certificates")
	})
	return c
}

func (a *app) apimShowCommand(f *apimFlags) *cobra.Command {
	c := &cobra.Command{
		Use: "show ID", Short: "Show one certificate of an API Management service",
		Example: "  dpslab apim show gateway",
		Args:    oneID("the ID of a certificate; dpslab apim list shows them"),
	}
	c.RunE = a.withService(&f.serviceFlags, func(ctx context.Context, s *serviceCall, args []string) error {
		held, err := s.APIMCertificate(ctx, f.service, args[0])
		if err != nil {
			return err
		}
		return s.showAPIM(held)
	})
	return c
}

func (s *serviceCall) showAPIM(held *workflow.APIMCertificate) error {
	shown := apimOf(held)
	if s.flags.asJSON {
		return s.printJSON(shown)
	}
	lines := [][2]string{
		{"ID", shown.ID},
		{"subject", shown.Subject},
		{"SHA-1", shown.SHA1},
		{"until", day(shown.NotAfter)},
		{"etag", shown.ETag},
		{"resource ID", shown.ResourceID},
	}
	if v := shown.Vault; v != nil {
		lines = append(lines, [2]string{"key vault", v.SecretID}, [2]string{"identity", v.ClientID}, [2]string{"last reading", strings.TrimSpace(v.Status + " " + v.Message)})
	}
	s.facts(13, lines)
	return nil
}

// apimPut is what the flags of put say.
type apimPut struct {
	pfx, certificate, key string
	vault                 workflow.VaultReference
	ifMatch               string
	secret, password      secretFlags
}

func (a *app) apimPutCommand(f *apimFlags) *cobra.Command {
	p := &apimPut{}
	c := &cobra.Command{
		Use: "put ID", Short: "Upload a certificate with its private key, or refer to one in Key Vault",
		Long: `Upload a certificate with its private key to an API Management service: a PFX that
is there (--pfx, its password by --pfx-passphrase-env or asked for), or one made
in memory of --certificate and --key, with a password that nobody needs again; or
--key-vault names a secret of Key Vault that API Management reads itself. One that
is there already is replaced, with the etag that was read.`,
		Example: `  dpslab apim put gateway --certificate device-cert.pem --key device-key.pem
  dpslab apim put gateway --pfx gateway.pfx --pfx-passphrase-env GATEWAY_PASSWORD
  dpslab apim put vault-one --key-vault https://contoso.vault.azure.net/secrets/gateway --dry-run`,
		Args: oneID("an ID for the certificate"),
	}
	flags := c.Flags()
	flags.StringVar(&p.pfx, "pfx", "", "a PFX with certificate and key")
	flags.StringVar(&p.certificate, "certificate", "", "file with the certificate, and its chain")
	flags.StringVar(&p.key, "key", "", "file with its private key (default: the same file)")
	flags.StringVar(&p.vault.SecretID, "key-vault", "", "https://VAULT/secrets/NAME")
	flags.StringVar(&p.vault.IdentityClientID, "identity", "", "client ID of the user-assigned identity that reads Key Vault (default: the system-assigned one)")
	flags.StringVar(&p.ifMatch, "if-match", "", "replace only the one with this etag")
	p.secret.add(c, "", "of the private key")
	p.password.add(c, "pfx-", "of the PFX")
	c.RunE = a.withService(&f.serviceFlags, func(ctx context.Context, s *serviceCall, args []string) error {
		if err := p.check(); err != nil {
			return err
		}
		return s.putAPIM(ctx, f, p, args[0])
	})
	return c
}

func (p *apimPut) check() error {
	sources := 0
	for _, given := range []string{p.pfx, p.certificate, p.vault.SecretID} {
		if given != "" {
			sources++
		}
	}
	switch {
	case sources != 1:
		return usage("where the certificate comes from is to be said once", "--certificate FILE --key FILE, or --pfx FILE, or --key-vault SECRET")
	case p.key != "" && p.certificate == "":
		return usage("--key belongs to --certificate", "")
	case p.vault.IdentityClientID != "" && p.vault.SecretID == "":
		return usage("--identity belongs to --key-vault", "")
	}
	return nil
}

func (s *serviceCall) putAPIM(ctx context.Context, f *apimFlags, p *apimPut, id string) error {
	var (
		data     []byte
		password workflow.Secret
		err      error
	)
	if p.vault.SecretID == "" {
		if data, password, err = s.pfxFor(ctx, p); err != nil {
			return err
		}
	}
	s.note("the first request reads what is there; its etag is the If-Match of the second")
	tag := p.ifMatch
	if tag == "" {
		there, err := s.APIMCertificate(ctx, f.service, id)
		_, dry := workflow.DryRunOf(err)
		switch {
		case err == nil:
			tag = there.ETag
		case !dry && !notFound(err):
			return err
		}
	}
	var (
		held    *workflow.APIMCertificate
		created bool
	)
	if p.vault.SecretID != "" {
		held, created, err = s.PutAPIMVault(ctx, f.service, id, p.vault, tag)
	} else {
		held, created, err = s.PutAPIMPFX(ctx, f.service, id, data, password, tag)
	}
	if err != nil {
		return err
	}
	outcome := workflow.BulkUpdated
	if created {
		outcome = workflow.BulkCreated
	}
	return s.tellAPIM(held, outcome)
}

func (s *serviceCall) tellAPIM(held *workflow.APIMCertificate, outcome string) error {
	shown := apimOf(held)
	shown.Outcome = outcome
	if s.flags.asJSON {
		return s.printJSON(shown)
	}
	fmt.Fprintf(s.out, "%s %s, %s\n", outcome, printable(shown.ID), printable(shown.Subject))
	return nil
}

// pfxFor is the PFX to upload: that of a file, or one made in memory.
func (s *serviceCall) pfxFor(ctx context.Context, p *apimPut) ([]byte, workflow.Secret, error) {
	if p.pfx != "" {
		data, err := os.ReadFile(p.pfx)
		if err != nil {
			return nil, workflow.Secret{}, &workflow.Problem{Kind: workflow.LocalFile, Op: "read the PFX", Summary: err.Error()}
		}
		password, err := p.password.open(ctx, s.app, p.pfx)
		if err != nil {
			return nil, workflow.Secret{}, certError("read the PFX", err)
		}
		return data, workflow.NewSecret(string(password)), nil
	}
	held, err := s.readCertificates(ctx, "apim put", p.certificate, &p.secret)
	if err != nil {
		return nil, workflow.Secret{}, certError("read the certificate", err)
	}
	keyFile := p.key
	if keyFile == "" {
		keyFile = p.certificate
	}
	key, err := s.readKey(ctx, keyFile, &p.secret)
	if err != nil {
		return nil, workflow.Secret{}, certError("read the private key", err)
	}
	chain := held.Certificates()
	if err := pki.CheckKey(chain, key, p.certificate, keyFile); err != nil {
		return nil, workflow.Secret{}, certError("read the private key", err)
	}
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // never fails since Go 1.24: the process ends instead
	password := base64.RawURLEncoding.EncodeToString(raw)
	data, err := pki.EncodePFX(key, chain, []byte(password), pki.PFXModern)
	if err != nil {
		return nil, workflow.Secret{}, certError("make the PFX", err)
	}
	return data, workflow.NewSecret(password), nil
}

func (a *app) apimRefreshCommand(f *apimFlags) *cobra.Command {
	c := &cobra.Command{
		Use: "refresh ID", Short: "Have API Management read a certificate from Key Vault again",
		Example: "  dpslab apim refresh vault-one --dry-run",
		Args:    oneID("the ID of a certificate; dpslab apim list shows them"),
	}
	c.RunE = a.withService(&f.serviceFlags, func(ctx context.Context, s *serviceCall, args []string) error {
		held, err := s.RefreshAPIM(ctx, f.service, args[0])
		if err != nil {
			return err
		}
		return s.tellAPIM(held, "refreshed")
	})
	return c
}

func (a *app) apimDeleteCommand(f *apimFlags) *cobra.Command {
	var (
		yes     bool
		ifMatch string
	)
	c := &cobra.Command{
		Use: "delete ID", Short: "Delete a certificate from an API Management service",
		Long: `Delete a certificate from an API Management service. One that an API still uses
stays, and the service says so. That there was none is no error.`,
		Example: "  dpslab apim delete gateway --yes",
		Args:    oneID("the ID of a certificate; dpslab apim list shows them"),
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().StringVar(&ifMatch, "if-match", "", "only if it has this etag (default: any)")
	c.RunE = a.withService(&f.serviceFlags, func(ctx context.Context, s *serviceCall, args []string) error {
		if err := s.confirm(ctx, yes, "certificate "+args[0]+" of API Management"); err != nil {
			return err
		}
		existed, err := s.DeleteAPIM(ctx, f.service, args[0], ifMatch)
		switch {
		case err != nil:
			return err
		case !existed:
			return s.done(doneLine{workflow.BulkAbsent, "API Management certificate", args[0]})
		}
		return s.done(doneLine{"deleted", "API Management certificate", args[0]})
	})
	return c
}
