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
			h.checkPair(certs, f.path, foundKey{key, f.path})
		}
	}
	for _, key := range h.keys {
		f := h.partner(key)
		switch {
		case f != nil && f.path == key.file: // checked above
		case f != nil:
			h.checkPair(f.contents.Certificates(), f.path, key)
		case len(h.certs) > 0 && len(h.bySPKI[publicOf(key.Public())]) == 0 && !h.requested[publicOf(key.Public())]:
			h.report("F01", SeverityWarning, key.file, 0,
				fmt.Sprintf("%s belongs to none of the certificates here (public key SHA-256 %s)", key.file, spkiOf(key)),
				"name the certificate's file too, or leave the key out")
		}
	}
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
			"keep one: openssl pkey -in "+shellWord(f.path)+" -out "+fixFor("NEW.key.pem", f.path))
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

// stem takes the parts off a file name that tell a key from its certificate:
// device-01.key.pem, device-01.cert.pem, device-01-full-chain.cert.pem and
// device-key.pem, device-cert.pem.
func stem(path string) string {
	name := strings.ToLower(filepath.Base(path))
	for _, cut := range []string{".pem", ".crt", ".cer", ".der", ".key", ".cert", "-full-chain", "-key", "-cert", "_key", "_cert"} {
		name = strings.TrimSuffix(name, cut)
	}
	return name
}

func (h *heap) checkPair(certs []*x509.Certificate, certFile string, key foundKey) {
	at := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return sameKey(c.PublicKey, key.Public()) })
	switch {
	case at == 0:
		return
	case at > 0:
		h.report("F01", SeverityError, certFile, 1,
			fmt.Sprintf("the private key in %s belongs to certificate %d of %s, which must come first", key.file, at+1, certFile),
			"dpslab cert fullchain "+shellWord(certFile)+" --out "+fixFor("NEW.pem", certFile))
	default:
		h.report("F01", SeverityError, certFile, 1,
			fmt.Sprintf("the private key in %s does not belong to %s: public key SHA-256 %s against %s", key.file, certFile, spkiOf(key), hash256(certs[0].RawSubjectPublicKeyInfo)),
			"choose the pair: dpslab cert inspect FILE shows the public key of each; or issue anew with this key: dpslab cert renew "+shellWord(certFile)+" --key "+shellWord(key.file))
	}
}

// keyFileOf is the file with the private key of a certificate, or empty.
func (h *heap) keyFileOf(c found) string { return h.keyFiles[publicOf(c.PublicKey)] }
