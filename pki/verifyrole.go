package pki

import (
	"crypto/x509"
	"slices"
	"strings"
)

// keyFor is the private key of a certificate, if it is here.
func (h *heap) keyFor(c *x509.Certificate) (foundKey, bool) {
	spki := publicOf(c.PublicKey)
	key, ok := h.keyOf[spki]
	return key, ok && spki != ""
}

// isDevice chooses what is checked as a device certificate: everything that is
// no CA and no TLS server, and a CA that is put to use as a device.
func (h *heap) isDevice(c found) bool {
	if isCA(c.Certificate) {
		return h.asDevice(c) == caIsDevice
	}
	return !isServer(c.Certificate) && !h.used[c.Certificate] || h.isNamed(c)
}

// caUse is what a CA certificate is here for.
type caUse int

const (
	caSigns    caUse = iota // a signing certificate
	caDoubtful              // it might be meant as a device's
	caIsDevice              // it is about to be presented by a device
)

// asDevice judges a CA certificate. One that signed something here is a CA. One
// that did not is taken for a device when it bears the registration ID, leads a
// chain with its key, or has a name that is a registration ID: "openssl req
// -x509" makes a CA unless it is told not to. What was plainly made to sign (its
// key usage says so, and it is a root or its path length is limited, as those of
// a new authority) is doubtful at most.
func (h *heap) asDevice(c found) caUse {
	if h.used[c.Certificate] {
		return caSigns
	}
	_, own := h.keyFor(c.Certificate)
	names := commonNames(c.RawSubject)
	var (
		signs = c.KeyUsage&x509.KeyUsageCertSign != 0
		made  = signs && (limitsPath(c.Certificate) || namesItself(c.Certificate))
		legal = len(names) == 1 && CheckCommonName(names[0]) == nil
		heads = h.headsOther(c)
	)
	switch {
	case h.isNamed(c), hasClientAuth(c.Certificate) && isSelfSigned(c.Certificate):
		return caIsDevice
	case !made && (legal || heads && own):
		return caIsDevice
	case legal, !signs && (heads || own):
		return caDoubtful
	}
	return caSigns
}

// headsOther says whether a certificate comes first in a file that holds
// another CA, as a device's does in its chain.
func (h *heap) headsOther(c found) bool {
	return slices.ContainsFunc(h.holders[string(c.Raw)], func(f *opened) bool {
		certs := f.contents.Certificates()
		return certs[0].Equal(c.Certificate) && slices.ContainsFunc(certs[1:], isCA)
	})
}

func (h *heap) isNamed(c found) bool {
	return h.options.RegistrationID != "" && slices.ContainsFunc(commonNames(c.RawSubject), func(cn string) bool {
		return strings.EqualFold(cn, h.options.RegistrationID) // as DPS compares
	})
}

// settleID drops the registration ID from the comparison with the other devices
// of the heap once one of them bears it: it is that one's.
func (h *heap) settleID() {
	for _, c := range h.certs {
		if h.devices[c.Certificate] && h.isNamed(c) {
			h.options.RegistrationID = ""
			return
		}
	}
}

func hasClientAuth(c *x509.Certificate) bool { return len(c.ExtKeyUsage) > 0 && allowsClientAuth(c) }

// isServer is a certificate for TLS servers alone, such as the lab's.
func isServer(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage) == 1 && c.ExtKeyUsage[0] == x509.ExtKeyUsageServerAuth && len(c.DNSNames)+len(c.IPAddresses) > 0
}
