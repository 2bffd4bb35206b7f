package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" // #nosec G505 -- checking old signatures
	"crypto/x509"
	"errors"
	"fmt"
)

// signedBy checks a signature with a public key, SHA-1 included: whether an old
// hash may be used is another question than who signed.
func signedBy(c *x509.Certificate, by *x509.Certificate) bool {
	err := by.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	var insecure x509.InsecureAlgorithmError
	if !errors.As(err, &insecure) {
		return err == nil
	}
	sum := sha1.Sum(c.RawTBSCertificate) // #nosec G401 -- see above
	switch {
	case c.SignatureAlgorithm == x509.SHA1WithRSA:
		key, ok := by.PublicKey.(*rsa.PublicKey)
		return ok && rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], c.Signature) == nil
	case c.SignatureAlgorithm == x509.ECDSAWithSHA1:
		key, ok := by.PublicKey.(*ecdsa.PublicKey)
		return ok && ecdsa.VerifyASN1(key, sum[:], c.Signature)
	}
	// MD5 and older: nobody accepts it; believe the names, F17 refuses it.
	return bytes.Equal(c.RawIssuer, by.RawSubject)
}

func isSelfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && signedBy(c, c)
}

// isCA is basicConstraints CA:TRUE, or a version 1 certificate, which cannot
// say, that signed itself.
func isCA(c *x509.Certificate) bool { return c.BasicConstraintsValid && c.IsCA }

// issuerOf finds who signed c: the certificate with the right name and key. The
// key identifier decides who is tried first, since same-named CAs are common.
// sameName is a CA of the right name with another key.
func (h *heap) issuerOf(c found) (issuer, sameName *found) {
	candidates := h.bySubj[string(c.RawIssuer)]
	for pass := range 2 {
		for _, i := range candidates {
			by := &h.certs[i]
			fits := len(c.AuthorityKeyId) > 0 && bytes.Equal(c.AuthorityKeyId, by.SubjectKeyId)
			if fits != (pass == 0) {
				continue
			}
			if signedBy(c.Certificate, by.Certificate) {
				return by, nil
			}
			if by.Certificate != c.Certificate {
				sameName = by
			}
		}
	}
	return nil, sameName
}

// checkChains builds the path of each device certificate and checks every
// element once.
func (h *heap) checkChains() []Chain {
	issuers := make(map[*x509.Certificate]*found, len(h.certs))
	used := make(map[*x509.Certificate]bool) // it signed something here
	for _, c := range h.certs {
		issuer, sameName := h.issuerOf(c)
		if issuer != nil {
			issuers[c.Certificate] = issuer
			if issuer.Certificate != c.Certificate {
				used[issuer.Certificate] = true
			}
		}
		h.checkElement(c, issuer, sameName)
	}
	chains := []Chain{}
	for _, c := range h.certs {
		if !h.isDevice(c, used) {
			continue
		}
		h.checkDevice(c)
		chains = append(chains, h.chain(c, issuers))
	}
	for _, f := range h.files {
		if f.contents != nil {
			h.checkOrder(f)
		}
	}
	return chains
}

// isDevice chooses what is checked as a device certificate: everything that is
// no CA and no TLS server, and a CA only when nothing else could be meant.
func (h *heap) isDevice(c found, used map[*x509.Certificate]bool) bool {
	if !isCA(c.Certificate) {
		return !isServer(c.Certificate) && !used[c.Certificate] || h.isNamed(c)
	}
	if used[c.Certificate] {
		return false
	}
	// A CA with a key at the head of a chain is about to be presented.
	heads := h.presented[string(c.Raw)] && h.keyFileOf(c) != ""
	return h.isNamed(c) || heads || hasClientAuth(c.Certificate) && isSelfSigned(c.Certificate)
}

func (h *heap) isNamed(c found) bool {
	return h.options.RegistrationID != "" && c.Subject.CommonName == h.options.RegistrationID
}

func hasClientAuth(c *x509.Certificate) bool { return len(c.ExtKeyUsage) > 0 && allowsClientAuth(c) }

// isServer is a certificate for TLS servers alone, such as the lab's.
func isServer(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage) == 1 && c.ExtKeyUsage[0] == x509.ExtKeyUsageServerAuth && len(c.DNSNames)+len(c.IPAddresses) > 0
}

// chain follows the issuers upwards; a loop of cross-signed CAs ends it.
func (h *heap) chain(device found, issuers map[*x509.Certificate]*found) Chain {
	chain := Chain{KeyFile: h.keyFileOf(device)}
	seen := map[*x509.Certificate]bool{}
	bytes, depth := 0, 0 // depth counts the CAs below the current one
	for c := &device; c != nil && !seen[c.Certificate]; {
		seen[c.Certificate] = true
		chain.Elements = append(chain.Elements, Element{
			File: c.file, Position: c.at, Subject: nameText(c.RawSubject), NotAfter: c.NotAfter.UTC(),
			SHA1: Thumbprint1(c.Certificate), SHA256: Thumbprint256(c.Certificate), Certificate: c.Certificate,
		})
		bytes += len(c.Raw)
		issuer := issuers[c.Certificate]
		if issuer == nil {
			break
		}
		if issuer.Certificate == c.Certificate {
			chain.Complete = true
			break
		}
		h.checkPathLength(device, *issuer, depth)
		depth++
		c = issuer
	}
	h.checkSize(device, len(chain.Elements), bytes)
	return chain
}

func (h *heap) checkPathLength(device, ca found, below int) {
	limited := ca.MaxPathLen > 0 || ca.MaxPathLen == 0 && ca.MaxPathLenZero
	if limited && below > ca.MaxPathLen {
		h.report("F12", SeverityError, ca.file, ca.at,
			fmt.Sprintf("%s allows path length %d, but %s stand between it and %s", nameText(ca.RawSubject), ca.MaxPathLen, count(below, "CA"), nameText(device.RawSubject)),
			"issue the lower CA by one that allows it: dpslab cert new NAME --kind intermediate --path-length 0 --issuer-cert FILE --issuer-key FILE")
	}
}

// smallTLSBuffer is what embedded TLS stacks commonly set aside for the
// certificates of one side, in bytes.
const smallTLSBuffer = 4096

func (h *heap) checkSize(device found, n, bytes int) {
	if bytes > smallTLSBuffer {
		h.report("F15", SeverityWarning, device.file, device.at,
			fmt.Sprintf("the chain of %s is %s in %s, more than the 4096 bytes that small TLS stacks have room for", nameText(device.RawSubject), count(bytes, "byte"), count(n, "certificate")),
			"make the chain with EC P-256: dpslab cert new NAME --kind device --authority NAME --algorithm ec-p256")
	}
}

// checkOrder is F12 and F13 within one file: what a client sends is the file
// from top to bottom.
func (h *heap) checkOrder(f opened) {
	certs := f.contents.Certificates()
	if len(certs) < 2 || f.contents.Format == "PFX" {
		return
	}
	if allCAs(certs) {
		return // a bundle of trusted CAs has no order
	}
	fix := "dpslab cert fullchain " + shellWord(f.path) + " --out " + fixFor("NEW.pem", f.path)
	if isCA(certs[0]) {
		h.report("F12", SeverityError, f.path, 1, f.path+": the chain begins with a CA; the device certificate must come first", fix)
		return
	}
	for i, c := range certs[:len(certs)-1] {
		if !signedBy(c, certs[i+1]) || !bytes.Equal(c.RawIssuer, certs[i+1].RawSubject) {
			h.report("F12", SeverityError, f.path, i+2,
				fmt.Sprintf("%s: certificate %d (%s) did not sign certificate %d (%s), which stands before it", f.path, i+2, nameText(certs[i+1].RawSubject), i+1, nameText(c.RawSubject)), fix)
			return
		}
	}
	if isSelfSigned(certs[len(certs)-1]) {
		h.report("F13", SeverityInfo, f.path, len(certs), f.path+" ends with the root CA, which is harmless, and needed when only the root is verified at DPS",
			"dpslab cert fullchain "+shellWord(f.path)+" --no-root --out "+fixFor("NEW.pem", f.path))
	}
}

func allCAs(certs []*x509.Certificate) bool {
	for _, c := range certs {
		if !isCA(c) {
			return false
		}
	}
	return true
}
