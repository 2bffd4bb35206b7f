package pki

import (
	"crypto/x509"
	"slices"
	"strings"
)

// template is one row of the table of everything dpslab issues.
type template struct {
	kind string // as in [Kind.Name]; error texts add "certificate"
	ca   bool   // basicConstraints CA:TRUE; critical either way
	// pathLen explains the path length of a CA in the table.
	pathLen string
	// keyUsage is critical whenever it is present (crypto/x509 sees to it).
	keyUsage x509.KeyUsage
	// rsaKeyUsage is added for RSA keys: the RSA key exchange of TLS 1.2.
	rsaKeyUsage x509.KeyUsage
	extKeyUsage []x509.ExtKeyUsage
	// selfSigned kinds have no issuer, and so no authorityKeyIdentifier.
	selfSigned bool
	// deviceName demands a common name that is a registration ID.
	deviceName bool
	// commonName explains the common name in the table.
	commonName string
}

const caUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature

var clientAuth = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}

// The table, of which [Kinds] is the readable form and the README shows a copy.
// Common to all rows: a random 20-byte positive serial number, a critical
// basicConstraints, a subjectKeyIdentifier (in leaves too, which crypto/x509
// leaves out by itself), SHA-256 (SHA-384 with a P-384 issuer, SHA-512 with
// P-521), and a validity that begins five minutes ago and never outlives the
// issuer's.
//
// A self-signed device must be no CA: DPS refuses a CA as an end entity
// although every chain check accepts it.
var (
	rootTemplate = template{
		kind: "root CA", ca: true, pathLen: "no path length", keyUsage: caUsage, selfSigned: true, commonName: "free, unique for each root",
	}
	intermediateTemplate = template{
		kind: "intermediate CA", ca: true, pathLen: "path length: CA levels below it", keyUsage: caUsage, commonName: "free",
	}
	selfSignedTemplate = template{
		kind: "self-signed device", keyUsage: x509.KeyUsageDigitalSignature, extKeyUsage: clientAuth,
		selfSigned: true, deviceName: true, commonName: "registration ID",
	}
	deviceTemplate = template{
		kind: "device", keyUsage: x509.KeyUsageDigitalSignature, extKeyUsage: clientAuth, deviceName: true, commonName: "registration ID",
	}
	verificationTemplate = template{
		kind: "verification", keyUsage: x509.KeyUsageDigitalSignature, extKeyUsage: clientAuth, commonName: "verification code, exactly",
	}
	clientTemplate = template{
		kind: "client", keyUsage: x509.KeyUsageDigitalSignature, extKeyUsage: clientAuth, commonName: "free",
	}
	serverTemplate = template{
		kind: "server", keyUsage: x509.KeyUsageDigitalSignature, rsaKeyUsage: x509.KeyUsageKeyEncipherment,
		extKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, commonName: "free",
	}
)

var templates = []template{
	rootTemplate, intermediateTemplate, deviceTemplate, selfSignedTemplate, verificationTemplate, clientTemplate, serverTemplate,
}

// Kind is the extension profile of one kind of certificate, in words: one row
// of the table. Every text is derived from what the issuing code uses.
type Kind struct {
	Name             string // "device"
	BasicConstraints string // "critical, CA:FALSE"
	KeyUsage         string // "critical, digitalSignature"
	ExtKeyUsage      string // "clientAuth"
	KeyIdentifiers   string // "SKI, AKI"
	CommonName       string // "registration ID"
}

// Kinds is the table of everything that is issued here. The last row is the
// certificate signing request, which asks for what a device gets.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(templates)+1)
	for _, t := range templates {
		kinds = append(kinds, t.describe())
	}
	request := deviceTemplate.describe()
	request.Name, request.KeyIdentifiers = "request (CSR)", "none"
	return append(kinds, request)
}

func (t template) describe() Kind {
	k := Kind{
		Name: t.kind, BasicConstraints: "critical, CA:FALSE", ExtKeyUsage: "none", KeyIdentifiers: "SKI, AKI", CommonName: t.commonName,
		KeyUsage: "critical, " + strings.Join(keyUsageNames(t.keyUsage), ", "),
	}
	if t.ca {
		k.BasicConstraints = "critical, CA:TRUE, " + t.pathLen
	}
	if t.rsaKeyUsage != 0 {
		k.KeyUsage += "; RSA: + " + strings.Join(keyUsageNames(t.rsaKeyUsage), ", ")
	}
	if t.selfSigned {
		k.KeyIdentifiers = "SKI"
	}
	if len(t.extKeyUsage) > 0 {
		names := make([]string, 0, len(t.extKeyUsage))
		for _, u := range t.extKeyUsage {
			names = append(names, extKeyUsageName(u))
		}
		k.ExtKeyUsage = strings.Join(names, ", ")
	}
	return k
}

// keyUsageWords are the bits of RFC 5280 section 4.2.1.3, and as OpenSSL prints
// them.
var keyUsageWords = []struct {
	bit           x509.KeyUsage
	name, openssl string
}{
	{x509.KeyUsageDigitalSignature, "digitalSignature", "Digital Signature"},
	{x509.KeyUsageContentCommitment, "nonRepudiation", "Non Repudiation"},
	{x509.KeyUsageKeyEncipherment, "keyEncipherment", "Key Encipherment"},
	{x509.KeyUsageDataEncipherment, "dataEncipherment", "Data Encipherment"},
	{x509.KeyUsageKeyAgreement, "keyAgreement", "Key Agreement"},
	{x509.KeyUsageCertSign, "keyCertSign", "Certificate Sign"},
	{x509.KeyUsageCRLSign, "cRLSign", "CRL Sign"},
	{x509.KeyUsageEncipherOnly, "encipherOnly", "Encipher Only"},
	{x509.KeyUsageDecipherOnly, "decipherOnly", "Decipher Only"},
}

func keyUsageNames(u x509.KeyUsage) []string {
	var names []string
	for _, w := range keyUsageWords {
		if u&w.bit != 0 {
			names = append(names, w.name)
		}
	}
	return names
}

// extKeyUsageWords are the purposes that turn up in certificates of devices, in
// RFC 5280's words and OpenSSL's.
var extKeyUsageWords = []struct {
	usage         x509.ExtKeyUsage
	name, openssl string
}{
	{x509.ExtKeyUsageAny, "anyExtendedKeyUsage", "Any Extended Key Usage"},
	{x509.ExtKeyUsageServerAuth, "serverAuth", "TLS Web Server Authentication"},
	{x509.ExtKeyUsageClientAuth, "clientAuth", "TLS Web Client Authentication"},
	{x509.ExtKeyUsageCodeSigning, "codeSigning", "Code Signing"},
	{x509.ExtKeyUsageEmailProtection, "emailProtection", "E-mail Protection"},
	{x509.ExtKeyUsageTimeStamping, "timeStamping", "Time Stamping"},
	{x509.ExtKeyUsageOCSPSigning, "OCSPSigning", "OCSP Signing"},
}

func extKeyUsageName(u x509.ExtKeyUsage) string {
	for _, w := range extKeyUsageWords {
		if w.usage == u {
			return w.name
		}
	}
	return "another purpose"
}

// allowsClientAuth says whether the extended key usage, if there is one, lets a
// certificate be used for TLS clients.
func allowsClientAuth(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}
