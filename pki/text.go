package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// text writes what openssl x509 -text users know, in its order and layout.
type text struct{ strings.Builder }

func (t *text) line(indent int, format string, args ...any) {
	t.WriteString(strings.Repeat(" ", indent))
	fmt.Fprintf(t, format, args...)
	t.WriteByte('\n')
}

// hex writes bytes as pairs with colons, so many a line.
func (t *text) hex(indent, width int, data []byte) {
	for len(data) > 0 {
		n := min(width, len(data))
		line := pairs(data[:n])
		if data = data[n:]; len(data) > 0 {
			line += ":"
		}
		t.line(indent, "%s", strings.ToLower(line))
	}
}

// pairs is AB:CD:EF.
func pairs(data []byte) string {
	out := make([]string, len(data))
	for i, b := range data {
		out[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(out, ":")
}

// CertificateText writes a certificate in the order and layout of
// openssl x509 -text. Control characters of the certificate are escaped.
func CertificateText(c *x509.Certificate) string {
	var t text
	t.line(0, "Certificate:")
	t.line(4, "Data:")
	t.line(8, "Version: %d (0x%x)", c.Version, c.Version-1)
	t.serial(c.SerialNumber)
	t.line(8, "Signature Algorithm: %s", signatureName(c.Raw))
	t.line(8, "Issuer: %s", nameText(c.RawIssuer))
	t.line(8, "Validity")
	t.line(12, "Not Before: %s", opensslTime(c.NotBefore))
	t.line(12, "Not After : %s", opensslTime(c.NotAfter))
	t.line(8, "Subject: %s", nameText(c.RawSubject))
	t.publicKey(c.RawSubjectPublicKeyInfo, c.PublicKey)
	if len(c.Extensions) > 0 {
		t.line(8, "X509v3 extensions:")
		for _, e := range c.Extensions {
			t.extension(12, e)
		}
	}
	t.signature(c.Raw, c.Signature)
	return t.String()
}

// RequestText writes a certificate signing request as openssl req -text does.
func RequestText(r *x509.CertificateRequest) string {
	var t text
	t.line(0, "Certificate Request:")
	t.line(4, "Data:")
	t.line(8, "Version: %d (0x%x)", r.Version+1, r.Version)
	t.line(8, "Subject: %s", nameText(r.RawSubject))
	t.publicKey(r.RawSubjectPublicKeyInfo, r.PublicKey)
	t.line(8, "Attributes:")
	if len(r.Extensions) == 0 {
		t.line(12, "(none)")
	} else {
		t.line(12, "Requested Extensions:")
		for _, e := range r.Extensions {
			t.extension(16, e)
		}
	}
	t.signature(r.Raw, r.Signature)
	return t.String()
}

func (t *text) serial(n *big.Int) {
	if n.IsInt64() {
		t.line(8, "Serial Number: %d (%#x)", n, n)
		return
	}
	t.line(8, "Serial Number:")
	t.line(12, "%s", strings.ToLower(pairs(n.Bytes())))
}

func (t *text) signature(raw, value []byte) {
	t.line(4, "Signature Algorithm: %s", signatureName(raw))
	t.line(4, "Signature Value:")
	t.hex(8, 18, value)
}

func opensslTime(at time.Time) string { return at.UTC().Format("Jan _2 15:04:05 2006") + " GMT" }

func (t *text) publicKey(rawSPKI []byte, pub any) {
	t.line(8, "Subject Public Key Info:")
	switch key := pub.(type) {
	case *ecdsa.PublicKey:
		t.line(12, "Public Key Algorithm: id-ecPublicKey")
		t.line(16, "Public-Key: (%d bit)", key.Curve.Params().BitSize)
		if point, err := key.Bytes(); err == nil {
			t.line(16, "pub:")
			t.hex(20, 15, point)
		}
		t.line(16, "ASN1 OID: %s", curveName(key.Curve))
		t.line(16, "NIST CURVE: %s", key.Curve.Params().Name)
	case *rsa.PublicKey:
		t.line(12, "Public Key Algorithm: rsaEncryption")
		t.line(16, "Public-Key: (%d bit)", key.N.BitLen())
		t.line(16, "Modulus:")
		modulus := key.N.Bytes()
		if len(modulus) > 0 && modulus[0] >= 0x80 {
			modulus = append([]byte{0}, modulus...) // as its DER begins
		}
		t.hex(20, 15, modulus)
		t.line(16, "Exponent: %d (%#x)", key.E, key.E)
	default:
		t.line(12, "Public Key Algorithm: %s", publicKeyName(rawSPKI))
	}
}

func curveName(c elliptic.Curve) string {
	switch c {
	case elliptic.P224():
		return "secp224r1"
	case elliptic.P256():
		return "prime256v1"
	case elliptic.P384():
		return "secp384r1"
	}
	return "secp521r1"
}

func (t *text) extension(indent int, e pkix.Extension) {
	name := e.Id.String()
	for _, n := range extensionNames {
		if n.id == name {
			name = n.openssl
		}
	}
	if e.Critical {
		name += ": critical"
	} else {
		name += ":"
	}
	t.line(indent, "%s", name)
	for _, line := range extensionText(e) {
		t.line(indent+4, "%s", line)
	}
}

// extensionText writes the value of an extension; one that is not known or is
// damaged as hex.
func extensionText(e pkix.Extension) []string {
	write, ok := extensionWriters[e.Id.String()]
	if ok {
		if lines := write(e.Value); lines != nil {
			return lines
		}
	}
	return []string{pairs(e.Value)}
}

// extensionWriters return nil for a value that they cannot read.
var extensionWriters = map[string]func(der []byte) []string{
	"2.5.29.14": func(der []byte) []string {
		var id []byte
		if !unmarshal(der, &id) {
			return nil
		}
		return []string{pairs(id)}
	},
	"2.5.29.15":              keyUsageText,
	"2.5.29.17":              altNameText,
	"2.5.29.19":              basicConstraintsText,
	"2.5.29.35":              authorityKeyText,
	"2.5.29.37":              extKeyUsageText,
	"2.16.840.1.113730.1.13": commentText,
}

func commentText(der []byte) []string {
	var v asn1.RawValue
	if !unmarshal(der, &v) {
		return nil
	}
	return []string{visible(string(v.Bytes))}
}

func keyUsageText(der []byte) []string {
	var bits asn1.BitString
	if !unmarshal(der, &bits) {
		return nil
	}
	var names []string
	for i, w := range keyUsageWords {
		if bits.At(i) == 1 {
			names = append(names, w.openssl)
		}
	}
	return []string{strings.Join(names, ", ")}
}

func basicConstraintsText(der []byte) []string {
	var b struct {
		CA      bool `asn1:"optional"`
		PathLen int  `asn1:"optional,default:-1"`
	}
	if !unmarshal(der, &b) {
		return nil
	}
	s := "CA:FALSE"
	if b.CA {
		s = "CA:TRUE"
	}
	if b.PathLen >= 0 {
		s += fmt.Sprintf(", pathlen:%d", b.PathLen)
	}
	return []string{s}
}

func extKeyUsageText(der []byte) []string {
	var ids []asn1.ObjectIdentifier
	if !unmarshal(der, &ids) {
		return nil
	}
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		names = append(names, purposeName(id))
	}
	return []string{strings.Join(names, ", ")}
}

func purposeName(id asn1.ObjectIdentifier) string {
	known := map[string]x509.ExtKeyUsage{
		"2.5.29.37.0": x509.ExtKeyUsageAny, "1.3.6.1.5.5.7.3.1": x509.ExtKeyUsageServerAuth, "1.3.6.1.5.5.7.3.2": x509.ExtKeyUsageClientAuth,
		"1.3.6.1.5.5.7.3.3": x509.ExtKeyUsageCodeSigning, "1.3.6.1.5.5.7.3.4": x509.ExtKeyUsageEmailProtection,
		"1.3.6.1.5.5.7.3.8": x509.ExtKeyUsageTimeStamping, "1.3.6.1.5.5.7.3.9": x509.ExtKeyUsageOCSPSigning,
	}
	usage, ok := known[id.String()]
	for _, w := range extKeyUsageWords {
		if ok && w.usage == usage {
			return w.openssl
		}
	}
	return id.String()
}

// authorityKeyText writes the key identifier, and issuer and serial number
// where OpenSSL put those instead.
func authorityKeyText(der []byte) []string {
	var id struct {
		KeyID  []byte        `asn1:"optional,tag:0"`
		Issuer asn1.RawValue `asn1:"optional,tag:1"`
		Serial *big.Int      `asn1:"optional,tag:2"`
	}
	if !unmarshal(der, &id) {
		return nil
	}
	if id.Serial == nil && len(id.Issuer.Bytes) == 0 {
		return []string{pairs(id.KeyID)}
	}
	var lines []string
	if len(id.KeyID) > 0 {
		lines = append(lines, "keyid:"+pairs(id.KeyID))
	}
	var name asn1.RawValue
	if _, err := asn1.Unmarshal(id.Issuer.Bytes, &name); err == nil && name.Tag == 4 {
		lines = append(lines, "DirName:/"+strings.ReplaceAll(strings.ReplaceAll(nameText(name.Bytes), " = ", "="), ", ", "/"))
	}
	if id.Serial != nil {
		lines = append(lines, "serial:"+pairs(id.Serial.Bytes()))
	}
	return lines
}

func altNameText(der []byte) []string {
	var names []asn1.RawValue
	if !unmarshal(der, &names) {
		return nil
	}
	var out []string
	for _, n := range names {
		switch n.Tag {
		case 1:
			out = append(out, "email:"+visible(string(n.Bytes)))
		case 2:
			out = append(out, "DNS:"+visible(string(n.Bytes)))
		case 6:
			out = append(out, "URI:"+visible(string(n.Bytes)))
		case 7:
			out = append(out, "IP Address:"+addressText(n.Bytes))
		default:
			out = append(out, fmt.Sprintf("othername:%s", pairs(n.Bytes)))
		}
	}
	return []string{strings.Join(out, ", ")}
}

func addressText(b []byte) string {
	var out []string
	if len(b) == 16 {
		for part := range slices.Chunk(b, 2) {
			out = append(out, strings.ToUpper(fmt.Sprintf("%x", int(part[0])<<8|int(part[1]))))
		}
		return strings.Join(out, ":")
	}
	for _, n := range b {
		out = append(out, decimal(int(n)))
	}
	return strings.Join(out, ".")
}
