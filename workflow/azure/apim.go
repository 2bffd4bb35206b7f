package azure

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/apimanagement/armapimanagement/v3"
	"github.com/google/uuid"

	"dpslab/pki"
	"dpslab/workflow/dps"
)

// APIMHelp says how a certificate of API Management differs from the one of DPS
// whose operation has the same title, "Certificate - Create Or Update".
const APIMHelp = `A certificate of API Management is not a signing certificate of DPS, although
Microsoft's reference titles both "Certificate - Create Or Update":

  signing certificate of DPS           certificate of API Management
  a CA certificate, public             a certificate with its private key (PFX)
  admits devices whose chain ends      API Management shows it to a back end
  in it, once possession is proved     that asks for a client certificate
  uploaded as .cer or .pem             uploaded as PFX with its password, or
                                       referred to in Key Vault
  commands: dpslab ca …                commands: dpslab apim …

Upload one to API Management when an API behind it authenticates its caller by
certificate, for instance with the certificate of a device or of a gateway.
`

// APIMService names an API Management service as a resource.
type APIMService struct {
	SubscriptionID string // a UUID
	ResourceGroup  string
	Name           string
}

// APIMCertificates are the certificates of one API Management service.
type APIMCertificates struct {
	m       *Management
	client  *armapimanagement.CertificateClient
	service APIMService
}

// APIMCertificate is a certificate as API Management holds it. It never gives
// back the PFX or its password.
type APIMCertificate struct {
	ResourceID string
	ID         string // the certificate ID, its name in the service
	Subject    string
	Thumbprint string // SHA-1, upper-case hex
	Expires    time.Time
	ETag       string // with its quotes; empty in a list
	Vault      *VaultReference
}

// VaultReference is where in Key Vault a certificate lies.
type VaultReference struct {
	// SecretID is https://VAULT/secrets/NAME, or with /VERSION, which is then
	// never refreshed by itself.
	SecretID string
	// IdentityClientID is the client ID of the user-assigned identity that API
	// Management reads Key Vault with; empty is its system-assigned one.
	IdentityClientID string

	// What came of the last reading; not sent.
	Status    string // Success, or what went wrong
	Message   string
	CheckedAt time.Time
}

// APIM prepares the client for the certificates of an API Management service,
// api-version 2024-05-01.
func (m *Management) APIM(s APIMService) (*APIMCertificates, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	client, err := armapimanagement.NewCertificateClient(s.SubscriptionID, m.credential, m.options(""))
	if err != nil {
		return nil, fmt.Errorf("prepare the Azure Resource Manager client: %w", err)
	}
	return &APIMCertificates{m: m, client: client, service: s}, nil
}

// PFX encodes a private key with its certificates, its own first, for PutPFX.
// It is made in memory and written nowhere.
func PFX(key crypto.Signer, chain []*x509.Certificate, password dps.Secret) ([]byte, error) {
	return pki.EncodePFX(key, chain, []byte(password.Reveal()), pki.PFXModern)
}

// PutPFX uploads a PFX (RFC 7292) with its password. ifMatch is empty for a new
// certificate, else the etag of the one that it replaces, or "*". created tells
// the two apart. The PFX is opened first: one that the password does not open,
// or without a private key, is not sent.
func (a *APIMCertificates) PutPFX(ctx context.Context, id string, pfx []byte, password dps.Secret, ifMatch string) (held *APIMCertificate, created bool, err error) {
	if err := checkPFX(pfx, password); err != nil {
		return nil, false, fmt.Errorf("%s: %w", opAPIMPut, err)
	}
	return a.put(ctx, id, ifMatch, &armapimanagement.CertificateCreateOrUpdateProperties{
		Data: pointer(base64.StdEncoding.EncodeToString(pfx)), Password: pointer(password.Reveal()),
	})
}

// ErrPFXPassword means that a password does not open its PFX.
var ErrPFXPassword = errors.New("the password does not open the PFX")

func checkPFX(pfx []byte, password dps.Secret) error {
	contents := pki.Sniff(pfx, []byte(password.Reveal()))
	switch {
	case errors.Is(contents.Err, pki.ErrWrongPassphrase), errors.Is(contents.Err, pki.ErrPassphraseNeeded):
		return ErrPFXPassword
	case contents.Err != nil:
		return fmt.Errorf("read the PFX: %w", contents.Err)
	case contents.Format != "PFX":
		return &ValueError{"data", contents.Format, "a PFX (PKCS#12) file, as dpslab cert pfx makes it"}
	case contents.Key() == nil || len(contents.Certificates()) == 0:
		return &ValueError{"data", "PFX", "with a private key and its certificate"}
	}
	return nil
}

// PutVault has API Management take a certificate from Key Vault. ifMatch and
// created are as for PutPFX.
func (a *APIMCertificates) PutVault(ctx context.Context, id string, v VaultReference, ifMatch string) (held *APIMCertificate, created bool, err error) {
	if err := v.Check(); err != nil {
		return nil, false, fmt.Errorf("%s: %w", opAPIMPut, err)
	}
	reference := &armapimanagement.KeyVaultContractCreateProperties{SecretIdentifier: &v.SecretID}
	if v.IdentityClientID != "" {
		reference.IdentityClientID = &v.IdentityClientID
	}
	return a.put(ctx, id, ifMatch, &armapimanagement.CertificateCreateOrUpdateProperties{KeyVault: reference})
}

// Check finds what is wrong with a reference.
func (v VaultReference) Check() error {
	const rule = "https://VAULT.vault.azure.net/secrets/NAME, perhaps with /VERSION"
	u, err := url.Parse(v.SecretID)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return &ValueError{"Key Vault secret identifier", v.SecretID, rule}
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != "secrets" || parts[1] == "" {
		return &ValueError{"Key Vault secret identifier", v.SecretID, rule}
	}
	if _, err := uuid.Parse(v.IdentityClientID); err != nil && v.IdentityClientID != "" {
		return &ValueError{"identity client ID", v.IdentityClientID, "a UUID, or none for the system-assigned identity"}
	}
	return nil
}

func (a *APIMCertificates) put(ctx context.Context, id, ifMatch string, p *armapimanagement.CertificateCreateOrUpdateProperties) (held *APIMCertificate, created bool, err error) {
	options := &armapimanagement.CertificateClientCreateOrUpdateOptions{}
	if ifMatch != "" {
		options.IfMatch = &ifMatch
	}
	status, err := a.one(ctx, opAPIMPut, id, func(ctx context.Context) error {
		r, err := a.client.CreateOrUpdate(ctx, a.service.ResourceGroup, a.service.Name, id,
			armapimanagement.CertificateCreateOrUpdateParameters{Properties: p}, options)
		held = apimCertificate(r.CertificateContract, r.ETag)
		return held.orNothing(err)
	})
	if err != nil {
		return nil, false, err
	}
	return held, status == http.StatusCreated, nil
}

// one makes a call about one certificate.
func (a *APIMCertificates) one(ctx context.Context, operation, id string, call func(context.Context) error) (status int, err error) {
	if err := CheckAPIMCertificateID(id); err != nil {
		return 0, fmt.Errorf("%s: %w", operation, err)
	}
	return a.m.do(ctx, operation, true, call)
}

// Get reads one certificate, or ErrNotFound.
func (a *APIMCertificates) Get(ctx context.Context, id string) (held *APIMCertificate, err error) {
	_, err = a.one(ctx, opAPIMGet, id, func(ctx context.Context) error {
		r, err := a.client.Get(ctx, a.service.ResourceGroup, a.service.Name, id, nil)
		held = apimCertificate(r.CertificateContract, r.ETag)
		return held.orNothing(err)
	})
	if err != nil {
		return nil, absent(err)
	}
	return held, nil
}

// EntityTag reads the etag alone, with its quotes, or ErrNotFound.
func (a *APIMCertificates) EntityTag(ctx context.Context, id string) (tag string, err error) {
	_, err = a.one(ctx, opAPIMTag, id, func(ctx context.Context) error {
		r, err := a.client.GetEntityTag(ctx, a.service.ResourceGroup, a.service.Name, id, nil)
		tag = value(r.ETag)
		return err
	})
	if err != nil {
		return "", absent(err)
	}
	return tag, nil
}

// APIMQuery chooses certificates of a list.
type APIMQuery struct {
	// Filter is in OData: name, subject and thumbprint with ge le eq ne gt lt,
	// substringof, contains, startswith and endswith; expirationDate with the
	// comparisons only.
	Filter string
	Top    int // so many in one page; 0: as many as the service likes
	Skip   int // leave out so many at the beginning
	// RefreshFailed keeps only those whose last reading of Key Vault failed.
	RefreshFailed bool
}

// List gives the certificates that q chooses, page after page.
func (a *APIMCertificates) List(ctx context.Context, q APIMQuery) iter.Seq2[*APIMCertificate, error] {
	options := &armapimanagement.CertificateClientListByServiceOptions{}
	if q.RefreshFailed {
		options.IsKeyVaultRefreshFailed = &q.RefreshFailed
	}
	if q.Filter != "" {
		options.Filter = &q.Filter
	}
	if q.Top != 0 {
		options.Top = pointer(int32(q.Top))
	}
	if q.Skip != 0 {
		options.Skip = pointer(int32(q.Skip))
	}
	if q.Top < 0 || q.Skip < 0 || q.Top > maxTop || q.Skip > maxTop {
		err := fmt.Errorf("%s: %w", opAPIMList, &ValueError{"top or skip", fmt.Sprintf("%d, %d", q.Top, q.Skip), fmt.Sprintf("from 0 to %d", maxTop)})
		return func(yield func(*APIMCertificate, error) bool) { yield(nil, err) }
	}
	type page = armapimanagement.CertificateClientListByServiceResponse
	start := func() *runtime.Pager[page] {
		return a.client.NewListByServicePager(a.service.ResourceGroup, a.service.Name, options)
	}
	return each(ctx, a.m, opAPIMList, start, func(p page) []*APIMCertificate {
		all := make([]*APIMCertificate, 0, len(p.Value))
		for _, c := range p.Value {
			if c != nil {
				all = append(all, apimCertificate(*c, nil))
			}
		}
		return all
	})
}

// maxTop bounds what a list may be asked to take or to leave out.
const maxTop = 1 << 20

// Refresh has API Management read Key Vault again. What came of it stands in
// Vault.Status of the answer.
func (a *APIMCertificates) Refresh(ctx context.Context, id string) (held *APIMCertificate, err error) {
	_, err = a.one(ctx, opAPIMRefresh, id, func(ctx context.Context) error {
		r, err := a.client.RefreshSecret(ctx, a.service.ResourceGroup, a.service.Name, id, nil)
		held = apimCertificate(r.CertificateContract, r.ETag)
		return held.orNothing(err)
	})
	if err != nil {
		return nil, absent(err)
	}
	return held, nil
}

// Delete removes a certificate. ifMatch is its etag, or "*" for any; the service
// demands one. existed is false when there was none.
func (a *APIMCertificates) Delete(ctx context.Context, id, ifMatch string) (existed bool, err error) {
	if ifMatch == "" {
		return false, fmt.Errorf("%s: %w", opAPIMDelete, &ValueError{"etag", "", `the certificate's own, or "*" for any`})
	}
	status, err := a.one(ctx, opAPIMDelete, id, func(ctx context.Context) error {
		_, err := a.client.Delete(ctx, a.service.ResourceGroup, a.service.Name, id, ifMatch, nil)
		return err
	})
	return err == nil && status != http.StatusNoContent, err
}

// orNothing is err, or that the answer names no certificate.
func (h *APIMCertificate) orNothing(err error) error {
	if err == nil && h.ID == "" {
		return errNothing
	}
	return err
}

func apimCertificate(c armapimanagement.CertificateContract, tag *string) *APIMCertificate {
	h := &APIMCertificate{ResourceID: value(c.ID), ID: value(c.Name), ETag: value(tag)}
	p := c.Properties
	if p == nil {
		return h
	}
	h.Subject, h.Thumbprint, h.Expires = value(p.Subject), value(p.Thumbprint), value(p.ExpirationDate)
	if v := p.KeyVault; v != nil {
		h.Vault = &VaultReference{SecretID: value(v.SecretIdentifier), IdentityClientID: value(v.IdentityClientID)}
		if s := v.LastStatus; s != nil {
			h.Vault.Status, h.Vault.Message, h.Vault.CheckedAt = value(s.Code), value(s.Message), value(s.TimeStampUTC)
		}
	}
	return h
}
