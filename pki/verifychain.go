package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
)

// isCA is basicConstraints CA:TRUE. A version 1 certificate cannot say that.
func isCA(c *x509.Certificate) bool { return c.BasicConstraintsValid && c.IsCA }

// issuerOf finds who signed c: the certificate with the right name and key. The
// key identifier decides who is tried first, since same-named CAs are common.
// What signed itself is its own issuer, also beside another certificate of the
// same name and key, as a renewed one is. sameName is a CA of the right name with
// another key.
func (h *heap) issuerOf(c found) (issuer, sameName *found) {
	candidates := h.bySubj[string(c.RawIssuer)]
	if isSelfSigned(c.Certificate) {
		return &c, nil
	}
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

// checkChains finds out who signed whom, checks every certificate once and
// builds the path of each device certificate.
func (h *heap) checkChains() []Chain {
	sameNames := make(map[*x509.Certificate]*found)
	for _, c := range h.certs {
		issuer, sameName := h.issuerOf(c)
		sameNames[c.Certificate] = sameName
		if issuer == nil {
			continue
		}
		h.issuers[c.Certificate] = issuer
		if issuer.Certificate != c.Certificate {
			h.markUsed(*issuer)
		}
	}
	for _, c := range h.certs {
		h.devices[c.Certificate] = h.isDevice(c)
	}
	h.settleID()
	for _, c := range h.certs {
		h.checkElement(c, h.issuers[c.Certificate], sameNames[c.Certificate])
	}
	chains := []Chain{}
	for _, c := range h.certs {
		if !h.devices[c.Certificate] {
			continue
		}
		h.checkDevice(c)
		chains = append(chains, h.chain(c))
	}
	for _, f := range h.files {
		if f.contents != nil {
			h.checkOrder(f)
		}
	}
	return chains
}

// markUsed notes that a certificate signed another one here. So did those of its
// name and key: a CA's certificate before and after renewal, or a cross-signed
// one, are the same CA.
func (h *heap) markUsed(by found) {
	for _, i := range h.bySPKI[string(by.RawSubjectPublicKeyInfo)] {
		if bytes.Equal(h.certs[i].RawSubject, by.RawSubject) {
			h.used[h.certs[i].Certificate] = true
		}
	}
}

// chain follows the issuers upwards; a loop of cross-signed CAs ends it.
func (h *heap) chain(device found) Chain {
	chain := Chain{}
	if key, ok := h.keyFor(device.Certificate); ok {
		chain.KeyFile = key.file
	}
	seen := map[*x509.Certificate]bool{}
	bytes, depth := 0, 0 // depth counts the CAs below the current one
	for c := &device; c != nil && !seen[c.Certificate]; {
		seen[c.Certificate] = true
		chain.Elements = append(chain.Elements, Element{
			File: c.file, Position: c.at, Subject: distinguishedName(c.RawSubject), NotAfter: c.NotAfter.UTC(),
			SHA1: Thumbprint1(c.Certificate), SHA256: Thumbprint256(c.Certificate), Certificate: c.Certificate,
		})
		bytes += len(c.Raw)
		issuer := h.issuers[c.Certificate]
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

func limitsPath(c *x509.Certificate) bool {
	return c.MaxPathLen > 0 || c.MaxPathLen == 0 && c.MaxPathLenZero
}

func (h *heap) checkPathLength(device, ca found, below int) {
	if limitsPath(ca.Certificate) && below > ca.MaxPathLen {
		h.report("F12", SeverityError, ca.file, ca.at,
			fmt.Sprintf("%s allows path length %d, but has %s between itself and %s", nameText(ca.RawSubject), ca.MaxPathLen, count(below, "CA"), nameText(device.RawSubject)),
			h.newAuthority(ca))
	}
}

// smallTLSBuffer is what embedded TLS stacks commonly set aside for what one
// side sends of a handshake, in bytes.
const smallTLSBuffer = 4096

// flight is how much a TLS 1.2 client sends to show who it is, in bytes (RFC
// 5246 sections 7.4.2, 7.4.7 and 7.4.8): its certificates with their lengths,
// the share of an ECDHE exchange over P-256, and a signature by its key.
func flight(device *x509.Certificate, n, bytes int) int {
	signature := 0
	switch key := device.PublicKey.(type) {
	case *rsa.PublicKey:
		signature = key.Size()
	case *ecdsa.PublicKey:
		signature = 2*((key.Curve.Params().BitSize+7)/8) + 8
	}
	return (4 + 3 + 3*n + bytes) + (4 + 1 + 65) + (4 + 2 + 2 + signature)
}

func (h *heap) checkSize(device found, n, bytes int) {
	sent := flight(device.Certificate, n, bytes)
	if sent <= smallTLSBuffer {
		return
	}
	fix := "make the chain with EC P-256"
	if name := suggestID(strings.Join(commonNames(device.RawSubject), "-"), MaxCommonName); name != "" {
		fix += ", below a CA of its own: " + newCommand(name, " --algorithm ec-p256 --days 365 --authority "+
			folderWord(freeName(besides(device.file, "ec-ca"), ""))+" --out "+folderWord(freeName(besides(device.file, name+"-new"), "")))
	}
	h.report("F15", SeverityWarning, device.file, device.at,
		fmt.Sprintf("the chain of %s is %s in %s; with the signature of its key the device sends %d, more than the 4096 bytes that small TLS stacks have room for",
			nameText(device.RawSubject), count(bytes, "byte"), count(n, "certificate"), sent), fix)
}

// checkOrder is F12 and F13 within one file: what a client sends is the file
// from top to bottom.
func (h *heap) checkOrder(f opened) {
	certs := f.contents.Certificates()
	if len(certs) < 2 || f.contents.Format == "PFX" || f.contents.Format == "PKCS#7" {
		return
	}
	if allCAs(certs) {
		return // a bundle of trusted CAs has no order
	}
	if isCA(certs[0]) {
		h.report("F12", SeverityError, f.path, 1, f.path+": the chain begins with a CA; the device certificate must come first", h.inOrder(f, certs))
		return
	}
	for i, c := range certs[:len(certs)-1] {
		if !signedBy(c, certs[i+1]) || !bytes.Equal(c.RawIssuer, certs[i+1].RawSubject) {
			h.report("F12", SeverityError, f.path, i+2,
				fmt.Sprintf("%s: certificate %d (%s) did not sign certificate %d (%s), which stands before it", f.path, i+2, nameText(certs[i+1].RawSubject), i+1, nameText(c.RawSubject)), h.inOrder(f, certs))
			return
		}
	}
	if isSelfSigned(certs[len(certs)-1]) {
		h.report("F13", SeverityInfo, f.path, len(certs), f.path+" ends with the root CA, which is harmless, and needed when only the root is verified at DPS",
			fixFor("dpslab cert fullchain OLD --no-root --out CHAIN.pem", f.path))
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
