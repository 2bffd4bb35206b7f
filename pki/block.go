package pki

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"strings"
)

// kindOfLabel is what the label of a PEM block promises.
func kindOfLabel(label string) ItemKind {
	switch {
	case strings.HasSuffix(label, "PRIVATE KEY"):
		return ItemKey
	case strings.HasSuffix(label, "CERTIFICATE REQUEST"):
		return ItemRequest
	case strings.HasSuffix(label, "CERTIFICATE"):
		return ItemCertificate
	case strings.HasSuffix(label, "PUBLIC KEY"):
		return ItemPublicKey
	case label == "EC PARAMETERS":
		return ItemParameters
	}
	return ItemOther
}

// otherLabels explains blocks that are neither certificate nor key.
var otherLabels = []struct{ label, what, fix string }{
	{"X509 CRL", "this is a certificate revocation list", "name the certificate in place of OLD"},
	{"DH PARAMETERS", "these are Diffie-Hellman parameters, neither certificate nor key", "name the certificate in place of OLD"},
	{"PGP ", "this is a PGP message or key", "name the certificate in place of OLD"},
}

// parseBlock decodes one PEM block by its label, and by its contents when the
// label lies.
func parseBlock(block *pem.Block, passphrase []byte, max limits) Item {
	if block.Type == "OPENSSH PRIVATE KEY" {
		return Item{Kind: ItemKey, Err: &FormatError{What: "this is a private key in OpenSSH's own format", Fix: "rewrite a copy as PKCS#8: cp OLD NEW.key.pem && chmod 600 NEW.key.pem && ssh-keygen -p -m PKCS8 -f NEW.key.pem"}}
	}
	item := Item{Kind: kindOfLabel(block.Type)}
	switch item.Kind {
	case ItemKey:
		item.Encrypted = block.Type == "ENCRYPTED PRIVATE KEY" || legacyEncrypted(block)
		item.Legacy = legacyEncrypted(block)
		item.Key, item.Err = openBlock(block, passphrase, max)
	case ItemCertificate:
		item.parseCertificate(block.Bytes)
	case ItemRequest:
		item.parseRequest(block.Bytes)
	case ItemPublicKey, ItemParameters:
		return item
	case ItemOther:
		return otherItem(block)
	}
	if item.Err != nil && !errors.Is(item.Err, ErrPassphraseNeeded) && !errors.Is(item.Err, ErrWrongPassphrase) {
		mislabelled(&item, block, passphrase, max)
	}
	return item
}

func otherItem(block *pem.Block) Item {
	for _, o := range otherLabels {
		if strings.HasPrefix(block.Type, o.label) {
			return Item{Kind: ItemOther, Err: &FormatError{What: o.what, Fix: o.fix}}
		}
	}
	return Item{Kind: ItemOther, Err: &FormatError{What: "the " + visible(block.Type) + " block is neither certificate nor key", Fix: "name the certificate in place of OLD"}}
}

// mislabelled recognizes what really stands under a label.
func mislabelled(item *Item, block *pem.Block, passphrase []byte, max limits) {
	if block.Type == "TRUSTED CERTIFICATE" {
		var body asn1.RawValue
		if _, err := asn1.Unmarshal(block.Bytes, &body); err == nil {
			if c, err := x509.ParseCertificate(body.FullBytes); err == nil {
				*item = Item{Kind: ItemCertificate, Certificate: c}
			}
		}
		return
	}
	if isPFX(block.Bytes) {
		item.Err = &FormatError{What: "a PFX (PKCS#12) file was put between the " + visible(block.Type) + " lines of PEM", Fix: "take it out: sed '/^-----/d' OLD | openssl base64 -d -out NEW.pfx"}
		return
	}
	if really := parseDER(block.Bytes, passphrase, max); really.Err == nil && really.Kind != item.Kind {
		*item = Item{Kind: item.Kind, Err: &FormatError{
			What: "the block says " + visible(block.Type) + ", but what stands in it is a " + string(really.Kind),
			Fix:  "correct the BEGIN and END lines in OLD to " + labelFor(really.Kind),
		}}
	}
}

func labelFor(kind ItemKind) string {
	return map[ItemKind]string{
		ItemCertificate: "CERTIFICATE", ItemKey: "PRIVATE KEY", ItemRequest: "CERTIFICATE REQUEST", ItemPublicKey: "PUBLIC KEY",
	}[kind]
}

func (i *Item) parseCertificate(der []byte) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		i.Err = explainCertificate(der)
		return
	}
	i.Certificate = c
}

func (i *Item) parseRequest(der []byte) {
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		i.Err = &FormatError{What: "the certificate signing request is damaged", Fix: "make a new one with dpslab cert csr, or copy it again from where it came: OLD"}
		return
	}
	i.Request = r
}

// parseDER decodes one DER structure by its contents.
func parseDER(der, passphrase []byte, max limits) Item {
	if _, err := x509.ParseCertificate(der); err == nil {
		item := Item{Kind: ItemCertificate}
		item.parseCertificate(der)
		return item
	}
	if r, err := x509.ParseCertificateRequest(der); err == nil {
		return Item{Kind: ItemRequest, Request: r}
	}
	if _, err := x509.ParsePKIXPublicKey(der); err == nil {
		return Item{Kind: ItemPublicKey}
	}
	if key, err := parseKey("DER", der); err == nil {
		return keyItem(key)
	}
	var sealed encryptedKeyInfo
	if unmarshal(der, &sealed) && len(sealed.Data) > 0 {
		item := Item{Kind: ItemKey, Encrypted: true}
		var key any
		if key, item.Err = openPKCS8(der, passphrase, max); item.Err == nil {
			opened := keyItem(key)
			item.Key, item.Err = opened.Key, opened.Err
		}
		return item
	}
	return strangeDER(der)
}

func keyItem(key any) Item {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return Item{Kind: ItemKey, Err: &FormatError{What: "the private key cannot sign (a key for key agreement only)", Fix: "make another with dpslab cert new"}}
	}
	return Item{Kind: ItemKey, Key: signer}
}

var oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}

// strangeDER says what a DER structure is that is no certificate, request or
// key, or a broken one.
func strangeDER(der []byte) Item {
	if len(der) != derLength(der) {
		return Item{Kind: ItemOther, Err: damagedDER(der)}
	}
	if _, err := x509.ParseRevocationList(der); err == nil {
		return Item{Kind: ItemOther, Err: &FormatError{What: "this is a certificate revocation list", Fix: "name the certificate in place of OLD"}}
	}
	var signed struct {
		Body      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if unmarshal(der, &signed) {
		return Item{Kind: ItemCertificate, Err: explainCertificate(der)}
	}
	return Item{Kind: ItemOther, Err: &FormatError{What: "this is DER, but neither certificate, request nor key", Fix: "look what it is, and name a certificate or a key instead: openssl asn1parse -inform DER -in OLD"}}
}
