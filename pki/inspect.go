package pki

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// InspectOptions say what to compare with.
type InspectOptions struct {
	// RegistrationID is compared with the common name; empty: any legal one.
	RegistrationID string
	// Passphrase opens an encrypted key or a PFX file, and PassphraseFlag is how a
	// command line gave it, see [VerifyOptions].
	Passphrase     []byte
	PassphraseFlag string
	// Stdin is read when the path is "-"; nil: "-" is a file's name.
	Stdin io.Reader
	// Key is compared with the certificates besides the keys of the file itself;
	// KeyFile is where it was read.
	Key     crypto.Signer
	KeyFile string
	// Now is what days left are counted from; zero: the current time.
	Now time.Time
}

// Inspection is everything that can be said of one file, or of what a server
// presents.
type Inspection struct {
	File         string              `json:"file"` // or host:port
	Format       string              `json:"format,omitempty"`
	Certificates []CertificateReport `json:"certificates,omitempty"`
	Requests     []RequestReport     `json:"requests,omitempty"`
	Keys         []KeyReport         `json:"keys,omitempty"`
	Findings     []Finding           `json:"findings,omitempty"`
	// NeedsPassphrase: something stayed closed.
	NeedsPassphrase bool `json:"needs_passphrase,omitempty"`
	// Trust says how a server's chain was judged; empty for files.
	Trust string `json:"trust,omitempty"`
}

// CertificateReport is one certificate and what DPS makes of it.
type CertificateReport struct {
	Position           int       `json:"position"` // in the file, from 1
	Version            int       `json:"version"`
	Subject            string    `json:"subject"` // RFC 4514: "CN=device-01,O=Contoso"
	Issuer             string    `json:"issuer"`
	Serial             string    `json:"serial"` // upper-case hex
	NotBefore          time.Time `json:"not_before"`
	NotAfter           time.Time `json:"not_after"`
	DaysLeft           int       `json:"days_left"` // negative once it ran out
	KeyAlgorithm       string    `json:"key_algorithm"`
	SignatureAlgorithm string    `json:"signature_algorithm"`
	IsCA               bool      `json:"is_ca"`
	PathLength         *int      `json:"path_length,omitempty"`
	KeyUsage           []string  `json:"key_usage,omitempty"`
	ExtKeyUsage        []string  `json:"ext_key_usage,omitempty"`
	SelfSigned         bool      `json:"self_signed"`
	SubjectKeyID       string    `json:"subject_key_id,omitempty"`   // upper-case hex
	AuthorityKeyID     string    `json:"authority_key_id,omitempty"` // upper-case hex
	SHA1               string    `json:"sha1"`
	SHA256             string    `json:"sha256"`
	SPKI               string    `json:"spki_sha256"`
	RegistrationID     string    `json:"registration_id,omitempty"`
	RegistrationIDBad  string    `json:"registration_id_problem,omitempty"` // why it is not legal
	KeyMatch           string    `json:"key_match"`                         // "yes", "no", "no key here"
	// Refused is why DPS or a TLS library would refuse it, each reason with its
	// rule; empty: nothing in this file speaks against it.
	Refused []string `json:"refused_because"`

	// Certificate is what the report is about.
	Certificate *x509.Certificate `json:"-"`
}

// RequestReport is one certificate signing request.
type RequestReport struct {
	Subject           string   `json:"subject"`
	KeyAlgorithm      string   `json:"key_algorithm"`
	SPKI              string   `json:"spki_sha256"`
	SignatureGood     bool     `json:"signature_good"` // by its own key
	Requested         []string `json:"requested,omitempty"`
	RegistrationID    string   `json:"registration_id,omitempty"`
	RegistrationIDBad string   `json:"registration_id_problem,omitempty"`
	Refused           []string `json:"refused_because"` // as in [CertificateReport]

	// Request is what the report is about.
	Request *x509.CertificateRequest `json:"-"`
}

// KeyReport is one private key; never the key itself.
type KeyReport struct {
	Algorithm string `json:"algorithm,omitempty"` // empty while it is closed
	SPKI      string `json:"spki_sha256,omitempty"`
	Encrypted bool   `json:"encrypted"`
	Legacy    bool   `json:"legacy,omitempty"` // in OpenSSL's traditional form
}

// Inspect reads any file and reports what is in it: certificates, requests,
// keys, PFX, broken or not. What is wrong are findings. The error is a
// [*FileError] when the file itself cannot be read.
func Inspect(path string, o InspectOptions) (*Inspection, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	files := readAll([]string{path}, o.Passphrase, o.Stdin)
	if err := files[0].err; err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, notThere(path, err)
		}
		if isFormat(err) {
			return &Inspection{File: path, Findings: fileFindings(files, o)}, nil
		}
		return nil, err
	}
	contents := files[0].contents
	report := describeContents(path, contents, o)
	report.Findings = fileFindings(files, o)
	report.refusals(o.RegistrationID)
	report.NeedsPassphrase = contents.NeedsPassphrase()
	return report, nil
}

// fileFindings are what Verify finds, less what only a heap of files can tell:
// a single file need not bring its issuers along.
func fileFindings(files []opened, o InspectOptions) []Finding {
	h := newHeap(VerifyOptions{RegistrationID: o.RegistrationID, PassphraseFlag: o.PassphraseFlag, Now: o.Now})
	h.files = files
	for i := range h.files {
		h.add(&h.files[i])
	}
	if o.Key != nil {
		key := foundKey{Signer: o.Key, file: o.KeyFile}
		h.keys, h.keyOf[publicOf(o.Key.Public())] = append(h.keys, key), key
	}
	h.checkFiles()
	h.checkKeys()
	h.checkChains()
	h.checkSerials()
	sortFindings(h.findings)
	return slices.DeleteFunc(h.findings, func(f Finding) bool {
		return f.Rule == "F18" || f.Rule == "F12" && strings.HasPrefix(f.Observed, "the issuer of ")
	})
}

// refusals sorts the errors among the findings to the certificates.
func (r *Inspection) refusals(registrationID string) {
	for i := range r.Certificates {
		c := &r.Certificates[i]
		c.Refused = []string{}
		for _, f := range r.Findings {
			if f.Severity == SeverityError && f.Certificate == c.Position {
				c.Refused = append(c.Refused, f.Rule+": "+f.Observed)
			}
		}
	}
	for i := range r.Requests {
		q := &r.Requests[i]
		q.Refused = []string{}
		if q.RegistrationIDBad != "" {
			q.Refused = append(q.Refused, "F06: registration ID "+q.RegistrationIDBad)
		} else if registrationID != "" && !strings.EqualFold(registrationID, q.RegistrationID) {
			q.Refused = append(q.Refused, fmt.Sprintf("F05: the common name is %q, the registration ID %q", q.RegistrationID, visible(registrationID)))
		}
		if !q.SignatureGood {
			q.Refused = append(q.Refused, "its signature is not by its own key, or cannot be checked: no CA should sign it")
		}
		if key, ok := q.Request.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
			q.Refused = append(q.Refused, fmt.Sprintf("F17: an RSA key of %d bits; 2048 is the least", key.N.BitLen()))
		}
	}
}

func describeContents(name string, contents *Contents, o InspectOptions) *Inspection {
	report := &Inspection{File: name, Format: contents.Format}
	keys := []crypto.Signer{}
	if o.Key != nil {
		keys = append(keys, o.Key)
	}
	for _, item := range contents.Items {
		if item.Key != nil {
			keys = append(keys, item.Key)
		}
		if item.Kind == ItemKey {
			report.Keys = append(report.Keys, describeKey(item))
		}
	}
	for _, item := range contents.Items {
		switch {
		case item.Certificate != nil:
			report.Certificates = append(report.Certificates, describeCertificate(item.Certificate, len(report.Certificates)+1, keys, o.Now))
		case item.Request != nil:
			report.Requests = append(report.Requests, describeRequest(item.Request))
		}
	}
	return report
}

func describeKey(item Item) KeyReport {
	r := KeyReport{Encrypted: item.Encrypted, Legacy: item.Legacy}
	if item.Key != nil {
		r.Algorithm = DescribeKey(item.Key.Public())
		r.SPKI = hash256([]byte(publicOf(item.Key.Public())))
	}
	return r
}

func describeCertificate(c *x509.Certificate, position int, keys []crypto.Signer, now time.Time) CertificateReport {
	facts := Describe(c)
	r := CertificateReport{
		Position: position, Version: c.Version, Subject: facts.Subject, Issuer: facts.Issuer, Serial: facts.Serial,
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), DaysLeft: daysLeft(c.NotAfter.Sub(now)),
		KeyAlgorithm: facts.KeyAlgorithm, SignatureAlgorithm: signatureName(c.Raw), IsCA: facts.IsCA,
		KeyUsage: keyUsageNames(c.KeyUsage), SelfSigned: isSelfSigned(c),
		SubjectKeyID: strings.ToUpper(fmt.Sprintf("%x", c.SubjectKeyId)), AuthorityKeyID: strings.ToUpper(fmt.Sprintf("%x", c.AuthorityKeyId)),
		SHA1: facts.SHA1, SHA256: facts.SHA256, SPKI: facts.SPKI, KeyMatch: keyMatch(c, keys), Certificate: c,
	}
	if c.MaxPathLen > 0 || c.MaxPathLen == 0 && c.MaxPathLenZero {
		r.PathLength = &c.MaxPathLen
	}
	for _, u := range c.ExtKeyUsage {
		r.ExtKeyUsage = append(r.ExtKeyUsage, extKeyUsageName(u))
	}
	if !isCA(c) {
		r.RegistrationID, r.RegistrationIDBad = registrationIDOf(c.RawSubject)
	}
	return r
}

func keyMatch(c *x509.Certificate, keys []crypto.Signer) string {
	if len(keys) == 0 {
		return "no key here"
	}
	for _, k := range keys {
		if sameKey(c.PublicKey, k.Public()) {
			return "yes"
		}
	}
	return "no"
}

// daysLeft counts the days that are left, one that has begun included: a
// certificate of 30 days has 30 until a full day has passed. Once the end is
// past, the days since then count the same way, below zero.
func daysLeft(left time.Duration) int {
	days := int(left / day)
	switch {
	case left > 0 && left%day != 0:
		days++
	case left < 0:
		days--
	}
	return days
}

// registrationIDOf is the common name, and why it is no registration ID.
func registrationIDOf(rawSubject []byte) (id, problem string) {
	names := commonNames(rawSubject)
	if len(names) == 0 {
		return "", "the subject has no common name"
	}
	id = names[len(names)-1]
	var bad *IDError
	if err := CheckCommonName(id); errors.As(err, &bad) {
		problem = bad.Reason
	}
	return visible(id), problem
}

func describeRequest(r *x509.CertificateRequest) RequestReport {
	report := RequestReport{
		Subject: distinguishedName(r.RawSubject), KeyAlgorithm: keyAlgorithm(r.RawSubjectPublicKeyInfo, r.PublicKey), SPKI: hash256(r.RawSubjectPublicKeyInfo),
		SignatureGood: r.CheckSignature() == nil, Request: r,
	}
	for _, e := range r.Extensions {
		report.Requested = append(report.Requested, extensionName(e.Id)+" "+strings.Join(extensionText(e), " "))
	}
	report.RegistrationID, report.RegistrationIDBad = registrationIDOf(r.RawSubject)
	return report
}

// Text is the report as people read it: each certificate as openssl x509 -text
// prints it, then what DPS cares about.
func (r *Inspection) Text() string {
	var t text
	t.line(0, "%s: %s", r.File, r.summary())
	for _, c := range r.Certificates {
		t.WriteString(CertificateText(c.Certificate))
		t.forDPS(c)
	}
	for _, q := range r.Requests {
		t.WriteString(RequestText(q.Request))
		t.line(4, "For DPS:")
		t.registrationID(q.RegistrationID, q.RegistrationIDBad)
		t.line(8, "Signed by its own key:  %t", q.SignatureGood)
		t.refused(q.Refused)
		t.line(8, "Public key SHA-256:     %s", q.SPKI)
	}
	for _, k := range r.Keys {
		t.key(k)
	}
	if r.Trust != "" {
		t.line(0, "Trust: %s", r.Trust)
	}
	for _, f := range r.Findings {
		t.line(0, "%s %s  %s", f.Rule, f.Severity, f.Observed)
		t.line(4, "why  %s", f.Why)
		t.line(4, "fix  %s", f.Fix)
	}
	return t.String()
}

func (r *Inspection) summary() string {
	if r.Format == "" {
		return "not readable"
	}
	parts := []string{r.Format}
	for _, n := range []struct {
		n     int
		thing string
	}{{len(r.Certificates), "certificate"}, {len(r.Requests), "request"}, {len(r.Keys), "private key"}} {
		if n.n > 0 {
			parts = append(parts, count(n.n, n.thing))
		}
	}
	return strings.Join(parts, ", ")
}

func (t *text) registrationID(id, problem string) {
	switch {
	case id == "" && problem == "":
		return // a TLS server
	case problem == "":
		problem = "legal"
	case id == "":
		id = "none"
	}
	t.line(8, "Registration ID:        %s (%s)", id, problem)
}

func (t *text) forDPS(c CertificateReport) {
	t.line(4, "For DPS:")
	if c.IsCA {
		t.line(8, "Use:                    signing certificate (a CA), not a device certificate")
	} else {
		t.registrationID(c.RegistrationID, c.RegistrationIDBad)
	}
	t.line(8, "SHA-1 thumbprint:       %s (DPS shows this)", c.SHA1)
	t.line(8, "SHA-256 thumbprint:     %s (IoT Hub keeps this)", c.SHA256)
	t.line(8, "Public key SHA-256:     %s", c.SPKI)
	t.line(8, "Private key matches:    %s", c.KeyMatch)
	t.line(8, "Days left:              %d of %d", c.DaysLeft, int(c.NotAfter.Sub(c.NotBefore)/day))
	t.refused(c.Refused)
}

// refused is nil where nobody asked: a TLS server's.
func (t *text) refused(reasons []string) {
	if reasons == nil {
		return
	}
	if len(reasons) == 0 {
		t.line(8, "Would be refused:       no reason in this file")
		return
	}
	for _, r := range reasons {
		t.line(8, "Would be refused:       %s", r)
	}
}

func (t *text) key(k KeyReport) {
	state := "not encrypted"
	switch {
	case k.Legacy:
		state = "encrypted in OpenSSL's traditional form"
	case k.Encrypted:
		state = "encrypted"
	}
	if k.Algorithm == "" {
		t.line(0, "Private key: %s, closed", state)
		return
	}
	t.line(0, "Private key: %s, %s", k.Algorithm, state)
	t.line(4, "Public key SHA-256: %s", k.SPKI)
}
