package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"strings"
)

// What reads bundles that cannot be read here.
const (
	bundleCommand    = "openssl pkcs7 -print_certs -in OLD -out NEW.pem"
	bundleDERCommand = "openssl pkcs7 -inform DER -print_certs -in OLD -out NEW.pem"
)

// isBundleLabel says whether a PEM block promises PKCS#7 (CMS).
func isBundleLabel(label string) bool { return label == "CMS" || strings.HasPrefix(label, "PKCS7") }

// signedFrame is a PKCS#7 structure with signed data (RFC 5652 sections 3 and
// 5.1). Windows and CAs hand out certificates in one that signs nothing (.p7b,
// .p7c).
type signedFrame struct {
	Type    asn1.ObjectIdentifier
	Content struct {
		Version      int
		Digests      asn1.RawValue
		Encapsulated asn1.RawValue
		Certificates asn1.RawValue `asn1:"optional,tag:0"`
		Revocations  asn1.RawValue `asn1:"optional,tag:1"`
		Signers      asn1.RawValue
	} `asn1:"explicit,tag:0"`
}

// isBundle says whether DER calls itself PKCS#7 signed data.
func isBundle(der []byte) bool {
	var frame struct {
		Type asn1.ObjectIdentifier
		Rest asn1.RawValue `asn1:"optional,explicit,tag:0"`
	}
	_, err := asn1.Unmarshal(der, &frame)
	return err == nil && frame.Type.Equal(oidSignedData)
}

// bundle takes the certificates out of a PKCS#7 bundle. They are a set there, in
// no order. fix is for one that is damaged or in BER.
func (c *Contents) bundle(der []byte, fix string) {
	c.Format = "PKCS#7"
	broken := Item{Kind: ItemOther, Err: &FormatError{What: "this is a PKCS#7 bundle of certificates that cannot be read here", Fix: fix}}
	if len(der) < 2 || der[1] != 0x80 && len(der) != derLength(der) { // 0x80 begins BER
		broken.Err = &FormatError{What: "this is a PKCS#7 bundle that is damaged", Fix: "copy it again from where it came: OLD"}
	}
	var frame signedFrame
	if !unmarshal(der, &frame) || !frame.Type.Equal(oidSignedData) || len(frame.Content.Certificates.Bytes) == 0 {
		c.Items = append(c.Items, broken)
		return
	}
	for rest := frame.Content.Certificates.Bytes; len(rest) > 0; {
		var one asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &one); err != nil {
			c.Items = append(c.Items, broken)
			return
		}
		item := Item{Kind: ItemCertificate}
		if item.Certificate, err = x509.ParseCertificate(one.FullBytes); err != nil {
			item.Err = explainCertificate(one.FullBytes)
		}
		c.Items = append(c.Items, item)
	}
	c.odd("this is a PKCS#7 bundle of certificates, which clients that want PEM do not load", convertCommand)
}
