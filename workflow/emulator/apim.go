package emulator

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"dpslab/pki"
)

// apimCertificate is a certificate of the API Management service. Neither the
// PFX nor its password is kept: no operation gives them back.
type apimCertificate struct {
	Name    string           `json:"name"`
	DER     []byte           `json:"der"`
	Vault   *vaultReference  `json:"vault,omitempty"`
	Status  *vaultLastStatus `json:"status,omitempty"` // of the vault's last answer
	Tag     uint64           `json:"tag"`              // becomes the etag
	Fetched int              `json:"fetched,omitempty"`
}

// vaultReference is where in Key Vault a certificate lies.
type vaultReference struct {
	SecretIdentifier string  `json:"secretIdentifier"`
	IdentityClientID *string `json:"identityClientId"` // null: the service's own identity
}

type vaultLastStatus struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
	Time    string `json:"timeStampUtc"`
}

const vaultSuccess = "Success"

// apimBody is the body of create or update: a PFX, or where one lies.
type apimBody struct {
	Properties struct {
		Data     string          `json:"data"` // base64 of a PFX
		Password string          `json:"password"`
		KeyVault *vaultReference `json:"keyVault"`
	} `json:"properties"`
}

// apimVault is the Key Vault part of an answer.
type apimVault struct {
	vaultReference
	LastStatus *vaultLastStatus `json:"lastStatus,omitempty"`
}

type apimProperties struct {
	Subject        string     `json:"subject"`
	Thumbprint     string     `json:"thumbprint"`     // SHA-1, 40 upper-case hex digits
	ExpirationDate string     `json:"expirationDate"` // ISO 8601
	KeyVault       *apimVault `json:"keyVault,omitempty"`
}

// apimResource is a certificate as Resource Manager shows it.
type apimResource struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	Name       string         `json:"name"`
	Properties apimProperties `json:"properties"`
}

func (l *Lab) apimServiceID() string {
	return "/subscriptions/" + l.instance().SubscriptionID + "/resourceGroups/" + l.instance().ResourceGroup +
		"/providers/Microsoft.ApiManagement/service/" + apimName
}

func (l *Lab) apimResource(a *apimCertificate) (*apimResource, error) {
	cert, err := x509.ParseCertificate(a.DER)
	if err != nil {
		return nil, err
	}
	facts := pki.Describe(cert)
	r := &apimResource{
		ID: l.apimServiceID() + "/certificates/" + a.Name, Type: "Microsoft.ApiManagement/service/certificates", Name: a.Name,
		Properties: apimProperties{Subject: facts.Subject, Thumbprint: facts.SHA1, ExpirationDate: cert.NotAfter.UTC().Format(time.RFC3339)},
	}
	if a.Vault != nil {
		r.Properties.KeyVault = &apimVault{*a.Vault, a.Status}
	}
	return r, nil
}

// apimTag is the value of the ETag header (guess U20).
func (a *apimCertificate) apimTag() string { return `"` + counterTag(a.Tag) + `"` }

func getAPIM(t *tx, name string) (*apimCertificate, error) {
	return get[apimCertificate](t, bucketAPIM, strings.ToLower(name))
}

// stampAPIM writes a certificate with its new etag.
func stampAPIM(t *tx, a *apimCertificate) (err error) {
	if a.Tag, err = t.next(); err != nil {
		return err
	}
	return put(t, bucketAPIM, strings.ToLower(a.Name), a)
}

// Rules for names (Certificate - Create Or Update, 2024-05-01).
var (
	apimServiceName     = pattern(`^[a-zA-Z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$`)
	apimCertificateName = pattern(`^[^*#&+:<>?]+$`)
)

// manageAPIM checks a request to the API Management service.
func (l *Lab) manageAPIM(c *call) error {
	if err := l.manage(c); err != nil {
		return err
	}
	service := c.args["service"]
	if len(service) > 50 || !apimServiceName().MatchString(service) {
		return invalidField("serviceName", "The name may hold 1 to 50 letters, digits and '-', and begins with a letter.")
	}
	if !strings.EqualFold(service, apimName) {
		return frontDoor(http.StatusNotFound, "ResourceNotFound", "The Resource 'Microsoft.ApiManagement/service/"+service+
			"' under resource group '"+l.instance().ResourceGroup+"' was not found.")
	}
	if id, named := c.args["certificate"]; named && (utf8.RuneCountInString(id) > 80 || !apimCertificateName().MatchString(id)) {
		return invalidField("certificateId", "The identifier may hold 1 to 80 characters and none of * # & + : < > ?")
	}
	return nil
}

// invalidField is how API Management refuses a value.
func invalidField(target, message string) *refusal {
	r := frontDoor(http.StatusBadRequest, "ValidationError", message)
	r.target = target
	return r
}

// readAPIM reads the body of create or update.
func (l *Lab) readAPIM(c *call) (*apimCertificate, error) {
	var body apimBody
	if err := c.jsonBody(&body); err != nil {
		return nil, err
	}
	p := &body.Properties
	switch {
	case p.KeyVault != nil && p.Data != "":
		return nil, invalidField("keyVault", "Either data or keyVault is expected, not both.")
	case p.KeyVault != nil:
		return l.fetchFromVault(&apimCertificate{Vault: p.KeyVault}, c.arrived)
	case p.Data == "":
		return nil, invalidField("data", "The certificate is missing.")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(p.Data), ""))
	if err != nil {
		return nil, invalidField("data", "The certificate is not base64.")
	}
	cert, err := openPFX(raw, p.Password)
	if err != nil {
		return nil, err
	}
	return &apimCertificate{DER: cert.Raw}, nil
}

// openPFX reads a PFX and gives the certificate that its private key belongs
// to. What is wrong is said without repeating what was sent.
func openPFX(raw []byte, password string) (*x509.Certificate, error) {
	contents := pki.Sniff(raw, []byte(password))
	switch {
	case errors.Is(contents.Err, pki.ErrPassphraseNeeded), errors.Is(contents.Err, pki.ErrWrongPassphrase):
		return nil, invalidField("password", "The password does not open the certificate.")
	case contents.Err != nil || contents.Format != "PFX" || len(contents.Certificates()) == 0:
		return nil, invalidField("data", "The data is not a PKCS#12 file with a certificate.")
	case contents.Key() == nil:
		return nil, invalidField("data", "The PKCS#12 file has no private key.")
	}
	return contents.Certificates()[0], nil
}

// secretPath is the path of a Key Vault secret, with or without a version.
var secretPath = pattern(`^/secrets/([0-9A-Za-z-]{1,127})(/[0-9A-Za-z]+)?/?$`)

// fetchFromVault gets the certificate that a Key Vault reference names. The lab
// has no Key Vault: it makes a certificate named after the secret, and a new
// one at every refresh, as if somebody rotated it (guess vaultContent).
func (l *Lab) fetchFromVault(a *apimCertificate, now time.Time) (*apimCertificate, error) {
	u, err := url.Parse(a.Vault.SecretIdentifier)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, invalidField("keyVault", "The secretIdentifier is not the URL of a Key Vault secret.")
	}
	parts := secretPath().FindStringSubmatch(u.Path)
	if parts == nil {
		return nil, invalidField("keyVault", "The secretIdentifier is not the URL of a Key Vault secret.")
	}
	next := *a
	if next.DER == nil || parts[2] == "" { // a version is never refreshed
		key, err := pki.ECP256.GenerateKey(l.assigner.ctx)
		if err != nil {
			return nil, err
		}
		name := parts[1]
		if len(name) > 64 {
			name = name[:64]
		}
		cert, err := pki.ServerCertificate(key.Public(), name, []string{name}, nil, pki.ValidFor(now, serverDays), l.identity.root)
		if err != nil {
			return nil, err
		}
		next.DER = cert.Raw
	}
	next.Status = &vaultLastStatus{Code: vaultSuccess, Time: dataPlaneTime(now)}
	return &next, nil
}
