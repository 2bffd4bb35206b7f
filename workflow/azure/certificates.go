package azure

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/deviceprovisioningservices/armdeviceprovisioningservices"

	"dpslab/workflow/wire"
)

// Instance names a DPS instance as a resource.
type Instance struct {
	SubscriptionID string // a UUID
	ResourceGroup  string
	DPSName        string
}

// Versions of the certificate operations that differ in form.
const (
	// CertificateVersion is the one that Azure's module speaks.
	CertificateVersion = "2022-02-05"
	// verifiedVersion is the first whose upload can say isVerified.
	verifiedVersion = "2021-10-15"
	// nestedVersion is the first whose upload has the certificate in properties.
	nestedVersion = "2022-02-05"
)

// Encoding is how a certificate stands in a request. DPS reads each of them.
type Encoding string

// The encodings.
const (
	EncodingPEM  Encoding = "pem"  // base64 of a PEM file; the default
	EncodingDER  Encoding = "der"  // base64 of DER, as of a .cer file
	EncodingText Encoding = "text" // the text of a PEM file as it is, before api-version 2022-02-05
)

// CertificateOptions choose the form of the certificate operations. The zero
// value is what Azure's module does.
type CertificateOptions struct {
	// APIVersion is any that Resource Manager knows, such as 2018-01-22; empty is
	// CertificateVersion. Before 2022-02-05 requests are flat: the certificate
	// stands at the top of the body.
	APIVersion string
	Encoding   Encoding
}

// Certificates are the signing certificates of one DPS instance.
type Certificates struct {
	m        *Management
	client   *armdeviceprovisioningservices.DpsCertificateClient
	instance Instance
	version  string
	encoding Encoding
}

// Certificate is a signing certificate as DPS holds it.
type Certificate struct {
	Name       string
	Verified   bool
	Thumbprint string // SHA-1, upper-case hex
	Subject    string
	ETag       string
	DER        []byte // as far as the answer carries it: not before api-version 2021-10-15

	Expires, Created, Updated time.Time // zero when the answer has none
}

// NewCertificates prepares the client. Requests go through w; retrying is left
// to the caller, who shows it.
func NewCertificates(w *wire.Client, host string, credential azcore.TokenCredential, i Instance) (*Certificates, error) {
	return NewManagement(w, host, credential).Certificates(i, CertificateOptions{})
}

// Certificates prepares the client for the signing certificates of an
// instance.
func (m *Management) Certificates(i Instance, o CertificateOptions) (*Certificates, error) {
	if err := i.Check(); err != nil {
		return nil, err
	}
	c := &Certificates{m: m, instance: i, version: CertificateVersion, encoding: EncodingPEM}
	if o.APIVersion != "" {
		c.version = o.APIVersion
	}
	if o.Encoding != "" {
		c.encoding = o.Encoding
	}
	switch {
	case !isAPIVersion(c.version):
		return nil, &ValueError{"api-version", c.version, "a date such as " + CertificateVersion + " or 2018-01-22, perhaps with -preview"}
	case c.encoding == EncodingText && !c.flat():
		return nil, &ValueError{"encoding", string(c.encoding), "from api-version " + nestedVersion + " pem and der only"}
	case c.encoding != EncodingPEM && c.encoding != EncodingDER && c.encoding != EncodingText:
		return nil, &ValueError{"encoding", string(c.encoding), "pem, der or text"}
	}
	var err error
	if c.client, err = armdeviceprovisioningservices.NewDpsCertificateClient(i.SubscriptionID, m.credential, m.options(c.version)); err != nil {
		return nil, fmt.Errorf("prepare the Azure Resource Manager client: %w", err)
	}
	return c, nil
}

// flat reports whether the version is older than the module's form.
func (c *Certificates) flat() bool { return c.version < nestedVersion }

// ErrNotFound is returned for a certificate that the service does not hold.
var ErrNotFound = errors.New("no certificate of that name")

// absent marks a 404 of one certificate.
func absent(err error) error {
	var refused *wire.ServiceError
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

// List reads all signing certificates. DPS holds at most 25, in one page.
func (c *Certificates) List(ctx context.Context) (all []Certificate, err error) {
	_, err = c.m.do(ctx, opCertificates, true, func(ctx context.Context) error {
		if c.flat() {
			all, err = c.flatList(ctx)
			return err
		}
		r, err := c.client.List(ctx, c.instance.ResourceGroup, c.instance.DPSName, nil)
		all = make([]Certificate, 0, len(r.Value))
		for _, v := range r.Value {
			if v != nil {
				all = append(all, *certificate(*v))
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Get reads one signing certificate, or ErrNotFound.
func (c *Certificates) Get(ctx context.Context, name string) (*Certificate, error) {
	held, err := c.one(ctx, opGet, name, func(ctx context.Context) (*Certificate, error) {
		if c.flat() {
			return c.flatOne(ctx, http.MethodGet, name, "", "", nil)
		}
		r, err := c.client.Get(ctx, name, c.instance.ResourceGroup, c.instance.DPSName, nil)
		return certificate(r.CertificateResponse), err
	})
	return held, absent(err)
}

// one makes a call about one certificate. Each may be repeated: one that had
// its effect before is refused with 412.
func (c *Certificates) one(ctx context.Context, operation, name string, call func(context.Context) (*Certificate, error)) (held *Certificate, err error) {
	if err := CheckCertificateName(name); err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	_, err = c.m.do(ctx, operation, true, func(ctx context.Context) error {
		held, err = call(ctx)
		if err == nil && held.Name == "" {
			err = errNothing
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return held, nil
}

// errNothing marks an answer without the thing that was asked for.
var errNothing = errors.New("the answer names nothing")

// Put uploads a CA certificate under a name; ifMatch is the etag of the one it
// replaces, or empty. With verified set it counts as verified at once, which the
// service allows from api-version 2021-10-15; else possession is to be proved.
func (c *Certificates) Put(ctx context.Context, name string, ca *x509.Certificate, ifMatch string, verified bool) (*Certificate, error) {
	if verified && c.version < verifiedVersion {
		return nil, fmt.Errorf("%s: %w", opPut, &ValueError{"api-version", c.version, "isVerified needs " + verifiedVersion + " or later; before that possession is proved"})
	}
	return c.one(ctx, opPut, name, func(ctx context.Context) (*Certificate, error) {
		if c.flat() {
			body := flatBody{Certificate: c.encoded(ca)}
			if verified {
				body.IsVerified = &verified
			}
			return c.flatOne(ctx, http.MethodPut, name, "", ifMatch, body)
		}
		body := armdeviceprovisioningservices.CertificateResponse{
			Properties: &armdeviceprovisioningservices.CertificateProperties{Certificate: c.bytes(ca)},
		}
		if verified {
			body.Properties.IsVerified = &verified
		}
		options := &armdeviceprovisioningservices.DpsCertificateClientCreateOrUpdateOptions{}
		if ifMatch != "" {
			options.IfMatch = &ifMatch
		}
		r, err := c.client.CreateOrUpdate(ctx, c.instance.ResourceGroup, c.instance.DPSName, name, body, options)
		return certificate(r.CertificateResponse), err
	})
}

// Delete removes a certificate. ifMatch is its etag, or "*" for any; DPS demands
// one. A certificate that an enrollment refers to stays. existed is false when
// there was none: Resource Manager answers 200 to a deletion and 204 when there
// was nothing to delete. A 404 is ErrNotFound.
func (c *Certificates) Delete(ctx context.Context, name, ifMatch string) (existed bool, err error) {
	if ifMatch == "" {
		return false, fmt.Errorf("%s: %w", opDelete, &ValueError{"etag", "", `the certificate's own, or "*" for any`})
	}
	if err := CheckCertificateName(name); err != nil {
		return false, fmt.Errorf("%s: %w", opDelete, err)
	}
	status, err := c.m.do(ctx, opDelete, true, func(ctx context.Context) error {
		if c.flat() {
			return c.flatDelete(ctx, name, ifMatch)
		}
		_, err := c.client.Delete(ctx, c.instance.ResourceGroup, ifMatch, c.instance.DPSName, name, nil)
		return err
	})
	return err == nil && status != http.StatusNoContent, absent(err)
}

// VerificationCode asks DPS for the code that a verification certificate must
// carry as its CN. The certificate comes back with a new etag.
func (c *Certificates) VerificationCode(ctx context.Context, name, ifMatch string) (code string, _ *Certificate, err error) {
	held, err := c.one(ctx, opCode, name, func(ctx context.Context) (*Certificate, error) {
		if c.flat() {
			return c.flatCode(ctx, name, ifMatch, &code)
		}
		r, err := c.client.GenerateVerificationCode(ctx, name, ifMatch, c.instance.ResourceGroup, c.instance.DPSName, nil)
		held := &Certificate{Name: value(r.Name), ETag: value(r.Etag)}
		if p := r.Properties; p != nil {
			code, held.Verified, held.Thumbprint, held.Subject = value(p.VerificationCode), value(p.IsVerified), value(p.Thumbprint), value(p.Subject)
		}
		return held, err
	})
	if err != nil {
		return "", nil, err
	}
	if code == "" {
		return "", nil, errors.New(opCode + ": the answer carries no code")
	}
	return code, held, nil
}

// Verify sends the verification certificate. ifMatch is the etag that
// VerificationCode returned; an older one is refused with 412.
func (c *Certificates) Verify(ctx context.Context, name, ifMatch string, proof *x509.Certificate) (*Certificate, error) {
	return c.one(ctx, opVerify, name, func(ctx context.Context) (*Certificate, error) {
		if c.flat() {
			return c.flatOne(ctx, http.MethodPost, name, "verify", ifMatch, flatBody{Certificate: c.encoded(proof)})
		}
		body := armdeviceprovisioningservices.VerificationCodeRequest{Certificate: pointer(c.encoded(proof))}
		r, err := c.client.VerifyCertificate(ctx, name, ifMatch, c.instance.ResourceGroup, c.instance.DPSName, body, nil)
		return certificate(r.CertificateResponse), err
	})
}

// bytes is what a request holds as base64.
func (c *Certificates) bytes(cert *x509.Certificate) []byte {
	if c.encoding == EncodingDER {
		return cert.Raw
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

func (c *Certificates) encoded(cert *x509.Certificate) string {
	if c.encoding == EncodingText {
		return string(c.bytes(cert))
	}
	return base64.StdEncoding.EncodeToString(c.bytes(cert))
}

func certificate(r armdeviceprovisioningservices.CertificateResponse) *Certificate {
	c := &Certificate{Name: value(r.Name), ETag: value(r.Etag)}
	if p := r.Properties; p != nil {
		c.Verified, c.Thumbprint, c.Subject = value(p.IsVerified), value(p.Thumbprint), value(p.Subject)
		c.Expires, c.Created, c.Updated = value(p.Expiry), value(p.Created), value(p.Updated)
		c.DER = der(p.Certificate)
	}
	return c
}

// der takes a certificate out of PEM, where it comes so.
func der(held []byte) []byte {
	if block, _ := pem.Decode(held); block != nil {
		return block.Bytes
	}
	return held
}
