package pki

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// checkKeys is F01: which key belongs to which certificate.
func (h *heap) checkKeys() {
	for _, f := range h.files {
		if f.contents == nil {
			continue
		}
		h.checkTwoKeys(f)
		if key, certs := f.contents.Key(), f.contents.Certificates(); key != nil && len(certs) > 0 {
			h.checkPair(certs, f.path, foundKey{Signer: key, file: f.path})
		}
	}
	for _, key := range h.keys {
		f := h.partner(key)
		switch {
		case f != nil && f.path == key.file: // checked above
		case f != nil:
			h.checkPair(f.contents.Certificates(), f.path, key)
		case len(h.certs) > 0 && !h.wanted(key):
			h.reportStranger(key)
		}
	}
}

func (h *heap) reportStranger(key foundKey) {
	h.report("F01", SeverityWarning, key.file, 0,
		fmt.Sprintf("%s belongs to none of the certificates here (public key SHA-256 %s)", key.file, spkiOf(key)),
		"name the certificate's file too, or leave the key out")
}

// wanted says whether a certificate or a request here has the key.
func (h *heap) wanted(key foundKey) bool {
	spki := publicOf(key.Public())
	return len(h.bySPKI[spki]) > 0 || h.requested[spki]
}

func spkiOf(key foundKey) string { return hash256([]byte(publicOf(key.Public()))) }

func (h *heap) checkTwoKeys(f opened) {
	n := 0
	for _, item := range f.contents.Items {
		if item.Kind == ItemKey {
			n++
		}
	}
	if n > 1 {
		h.report("F01", SeverityError, f.path, 0, fmt.Sprintf("%s holds %d private keys; programs take the first", f.path, n),
			fixFor("keep the first alone: openssl pkey -in OLD -out NEW.key.pem", f.path))
	}
}

// partner is the certificate file that a key file is named after, or the only
// one that was named beside it.
func (h *heap) partner(key foundKey) *opened {
	if f := h.byStem[stem(key.file)]; f != nil {
		return f
	}
	if len(h.withCerts) == 1 && len(h.keys) == 1 {
		return h.withCerts[0]
	}
	return nil
}

// stem takes the parts off a path that tell a key from its certificate:
// device-01.key.pem, device-01.cert.pem, device-01-full-chain.cert.pem and
// device-key.pem, device-cert.pem. Files of the same name in two folders belong
// to different devices, but certs and private are two halves of one folder.
func stem(path string) string {
	dir, name := filepath.Dir(path), strings.ToLower(filepath.Base(path))
	for _, cut := range []string{".pem", ".crt", ".cer", ".der", ".key", ".cert", "-full-chain", "-key", "-cert", "_key", "_cert"} {
		name = strings.TrimSuffix(name, cut)
	}
	switch filepath.Base(dir) {
	case "certs", "private":
		dir = filepath.Dir(dir)
	}
	return filepath.Join(dir, name)
}

// checkPair compares a file of certificates with a key that lies beside it. Who
// has another key for the certificate here, and another certificate for the key,
// only named his files crosswise.
func (h *heap) checkPair(certs []*x509.Certificate, certFile string, key foundKey) {
	at := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return sameKey(c.PublicKey, key.Public()) })
	right, found := h.keyFor(certs[0])
	switch {
	case at == 0, at > 0 && key.file != certFile && isCA(certs[at]):
		return
	case found && key.file != certFile && !h.wanted(key):
		h.reportStranger(key)
	case found && key.file != certFile && stem(right.file) != stem(certFile):
		h.report("F01", SeverityWarning, certFile, 1,
			fmt.Sprintf("%s is named like the key of %s, which is %s", key.file, certFile, right.file),
			"give the programs the right pair: "+certFile+" and "+right.file)
	case found && key.file != certFile:
	case at > 0:
		h.report("F01", SeverityError, certFile, 1,
			fmt.Sprintf("the private key in %s belongs to certificate %d of %s, which must come first", key.file, at+1, certFile), h.keyOfLater(certs, at, certFile))
	default:
		h.report("F01", SeverityError, certFile, 1,
			fmt.Sprintf("the private key in %s does not belong to %s: public key SHA-256 %s against %s", key.file, certFile, spkiOf(key), hash256(certs[0].RawSubjectPublicKeyInfo)),
			"find the private key of the certificate; if it is lost, make a new pair: "+h.newPair(certs[0], certFile))
	}
}

func (h *heap) keyOfLater(certs []*x509.Certificate, at int, certFile string) string {
	if isCA(certs[at]) {
		return "that is the key of a CA: put the key of the device's certificate in its place"
	}
	return fixFor("dpslab cert fullchain OLD --out CHAIN.pem", certFile)
}

// newPair makes a key and a certificate in place of one whose key is lost. Keys
// are looked at before it is known who signed whom.
func (h *heap) newPair(c *x509.Certificate, file string) string {
	one := found{Certificate: c, file: file, at: 1}
	if by, _ := h.issuerOf(one); by != nil {
		h.issuers[c] = by
	}
	return h.newNamed(one, append(commonNames(c.RawSubject), "")[0])
}
