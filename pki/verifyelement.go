package pki

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"strings"
	"time"
)

const day = 24 * time.Hour

// checkElement checks what holds for every certificate of a chain.
func (h *heap) checkElement(c found, issuer, sameName *found) {
	if isCA(c.Certificate) && h.asDevice(c) == caDoubtful {
		h.report("F08", SeverityWarning, c.file, c.at, nameText(c.RawSubject)+" is a CA (CA:TRUE) that signed nothing here; as a device certificate DPS refuses it",
			"leave it if it is a signing CA; for a device: "+h.newNamed(c, append(commonNames(c.RawSubject), "")[0]))
	}
	h.checkValidity(c)
	h.checkStrength(c)
	h.checkIssuer(c, issuer, sameName)
	if c.Version < 3 {
		h.report("F09", SeverityError, c.file, c.at,
			fmt.Sprintf("%s is a version %d certificate: extensions are missing or do not count", nameText(c.RawSubject), c.Version), h.reissue(c))
	}
	if isCA(c.Certificate) && len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 && !allowsClientAuth(c.Certificate) {
		h.report("F09", SeverityError, c.file, c.at,
			nameText(c.RawSubject)+" is a CA whose extended key usage leaves out clientAuth, and with it everything below", h.reissue(c))
	}
}

func (h *heap) checkValidity(c found) {
	now, name := h.options.Now, nameText(c.RawSubject)
	left := c.NotAfter.Sub(now)
	switch {
	case left < 0:
		h.report("F10", SeverityError, c.file, c.at, fmt.Sprintf("%s expired on %s, %s ago", name, stamp(c.NotAfter), days(-left)), h.reissue(c))
	case now.Before(c.NotBefore):
		h.report("F10", SeverityError, c.file, c.at,
			fmt.Sprintf("%s is not valid before %s, which is %s ahead of this machine's clock", name, stamp(c.NotBefore), days(c.NotBefore.Sub(now))),
			"set the clock (timedatectl status shows it), or wait")
	case left < min(30*day, c.NotAfter.Sub(c.NotBefore)/3):
		h.report("F10", SeverityWarning, c.file, c.at, fmt.Sprintf("%s expires on %s, in %s", name, stamp(c.NotAfter), days(left)), h.reissue(c))
	}
}

func days(d time.Duration) string {
	if d < day {
		return "less than a day"
	}
	return count(int(d/day), "day")
}

func (h *heap) checkStrength(c found) {
	name := nameText(c.RawSubject)
	weak := []x509.SignatureAlgorithm{x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1}
	if slices.Contains(weak, c.SignatureAlgorithm) && !isSelfSigned(c.Certificate) {
		h.report("F17", SeverityError, c.file, c.at, fmt.Sprintf("%s is signed with %s, which TLS libraries refuse", name, c.SignatureAlgorithm), h.reissue(c))
	} else if slices.Contains(weak, c.SignatureAlgorithm) {
		h.report("F17", SeverityWarning, c.file, c.at, fmt.Sprintf("%s signed itself with %s", name, c.SignatureAlgorithm), h.reissue(c))
	}
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
		h.report("F17", SeverityWarning, c.file, c.at, fmt.Sprintf("%s has an RSA key of %d bits; 2048 is the least", name, key.N.BitLen()),
			h.withNewKey(c))
	}
	by := h.issuers[c.Certificate]
	if by != nil && !slices.Contains(weak, c.SignatureAlgorithm) && checkSignature(c.Certificate, by.Certificate) == signatureUnchecked {
		h.report("F17", SeverityWarning, c.file, c.at, fmt.Sprintf("the signature of %s (%s by a key of the kind %s) cannot be checked here; who signed it is taken from the names, and TLS stacks may refuse it",
			name, signatureName(c.Raw), keyAlgorithm(by.RawSubjectPublicKeyInfo, by.PublicKey)), h.withNewKey(*by))
	}
}

// withNewKey is for what no renewal with the same key helps.
func (h *heap) withNewKey(c found) string {
	if names := commonNames(c.RawSubject); h.devices[c.Certificate] && len(names) > 0 {
		return h.newNamed(c, names[0])
	}
	return h.newAuthority(c)
}

// checkIssuer is F12 and F14: who signed, and whether it may.
func (h *heap) checkIssuer(c found, issuer, sameName *found) {
	name, by := nameText(c.RawSubject), nameText(c.RawIssuer)
	look := "find the file of " + by + authorityKeyID(c.Certificate) + " and name it too"
	switch {
	case issuer == nil && sameName != nil:
		h.report("F14", SeverityError, c.file, c.at,
			fmt.Sprintf("%s names %s as its issuer, but the CA of that name in %s has another key and did not sign it", name, by, sameName.file), h.underNewKey(c, *sameName))
	case issuer == nil && namesItself(c.Certificate):
		h.report("F12", SeverityError, c.file, c.at, name+" names itself as its issuer, but its signature is not its own: it was altered, or another key of that name signed it", h.reissue(c))
	case issuer == nil && isCA(c.Certificate):
		h.report("F12", SeverityWarning, c.file, c.at,
			fmt.Sprintf("the chain ends with %s, its issuer %s is not here: %s itself must be verified at DPS", name, by, name), look)
	case issuer == nil:
		h.report("F12", SeverityError, c.file, c.at, fmt.Sprintf("the issuer of %s is missing: no file here holds %s", name, by), look)
	case issuer.Certificate == c.Certificate:
		return
	case !isCA(issuer.Certificate):
		h.report("F12", SeverityError, issuer.file, issuer.at, fmt.Sprintf("%s signed %s but is no CA", by, name), h.newAuthority(*issuer))
	case issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCertSign == 0:
		h.report("F12", SeverityError, issuer.file, issuer.at, fmt.Sprintf("%s signed %s, but its key usage lacks keyCertSign", by, name), h.reissue(*issuer))
	}
}

// authorityKeyID tells the issuer that is looked for from others of its name.
func authorityKeyID(c *x509.Certificate) string {
	if len(c.AuthorityKeyId) == 0 {
		return ""
	}
	return " (subject key identifier " + pairs(c.AuthorityKeyId) + ")"
}

// underNewKey is the way out when a CA was made anew under its old name.
func (h *heap) underNewKey(c, ca found) string {
	flags := h.flagsOf(ca.Certificate)
	names := commonNames(c.RawSubject)
	if isCA(c.Certificate) || flags == "" || len(names) == 0 || suggestID(names[0], MaxCommonName) == "" {
		return fmt.Sprintf("name the file of the CA that did sign it%s; or have %s issued anew below the CA in %s", authorityKeyID(c.Certificate), nameText(c.RawSubject), ca.file)
	}
	name := suggestID(names[0], MaxCommonName)
	return "below the CA that is there: " + newCommand(name, flags+" --days 365 --out "+folderWord(freeName(besides(c.file, name+"-new"), "")))
}

// checkDevice checks what holds for a device certificate only.
func (h *heap) checkDevice(c found) {
	h.checkName(c)
	h.checkPurpose(c)
	name := nameText(c.RawSubject)
	if life := c.NotAfter.Sub(c.NotBefore); life < DeviceDays*day {
		h.report("F11", SeverityWarning, c.file, c.at, fmt.Sprintf("%s in %s lives %s in all", name, c.file, days(life)), h.reissue(c))
	}
	if !namesItself(c.Certificate) && !h.presented[string(c.Raw)] && !h.standsWithIssuer(c) {
		h.report("F12", SeverityWarning, c.file, c.at, c.file+" holds the device certificate alone; for an enrollment group the CAs above must stand in the same file", h.chainCommand(c.Certificate, h.holders[string(c.Raw)][0]))
	}
	h.report("F18", SeverityInfo, c.file, c.at,
		fmt.Sprintf("%s in %s has SHA-1 %s (DPS shows it) and SHA-256 %s (IoT Hub keeps it)", name, c.file, Thumbprint1(c.Certificate), Thumbprint256(c.Certificate)),
		"dpslab cert inspect "+fileWord(c.file))
}

// standsWithIssuer says whether a file holds a certificate and the one above it,
// in whatever order.
func (h *heap) standsWithIssuer(c found) bool {
	issuer := h.issuers[c.Certificate]
	return issuer != nil && slices.ContainsFunc(h.holders[string(c.Raw)], func(f *opened) bool {
		return slices.ContainsFunc(f.contents.Certificates(), issuer.Equal)
	})
}

// checkName is F04 to F07: the common name as a registration ID.
func (h *heap) checkName(c found) {
	names := commonNames(c.RawSubject)
	switch {
	case len(names) == 0:
		h.report("F04", SeverityError, c.file, c.at, fmt.Sprintf("the subject of %s (%q) has no common name", c.file, nameText(c.RawSubject)), h.newNamed(c, ""))
		return
	case len(names) > 1:
		h.report("F04", SeverityError, c.file, c.at, fmt.Sprintf("the subject %s has %d common names; which one counts depends on the reader", nameText(c.RawSubject), len(names)), h.newNamed(c, names[0]))
	case len(nameParts(c.RawSubject)) > 0 && slices.ContainsFunc(nameParts(c.RawSubject), func(set pkix.RelativeDistinguishedNameSET) bool { return len(set) > 1 }):
		h.report("F04", SeverityWarning, c.file, c.at, fmt.Sprintf("the subject %s puts several values into one part, which some readers do not take apart", nameText(c.RawSubject)), h.newNamed(c, names[0]))
	}
	cn, want := names[0], h.options.RegistrationID
	if bare, ok := strings.CutPrefix(cn, "CN="); ok {
		h.report("F05", SeverityError, c.file, c.at, fmt.Sprintf("the common name is %q: \"CN=\" was copied into the name", visible(cn)), h.newNamed(c, bare))
		return
	}
	if want != "" && !h.isNamed(c) {
		h.report("F05", SeverityError, c.file, c.at, fmt.Sprintf("the common name is %q, the registration ID %q", visible(cn), visible(want)), h.newNamed(c, want))
	}
	if err := CheckCommonName(cn); err != nil {
		h.report("F06", SeverityError, c.file, c.at, fmt.Sprintf("%s: %v (%q)", c.file, err, visible(cn)), h.newNamed(c, cn))
	}
	if strings.ToLower(cn) != cn {
		h.report("F07", SeverityWarning, c.file, c.at, fmt.Sprintf("the common name %q has upper-case letters", visible(cn)), h.newNamed(c, strings.ToLower(cn)))
	}
}

// checkPurpose is F08 and F09.
func (h *heap) checkPurpose(c found) {
	name := nameText(c.RawSubject)
	if isCA(c.Certificate) {
		h.report("F08", SeverityError, c.file, c.at, name+" is a CA (CA:TRUE) and cannot be a device certificate", h.reissue(c))
		return
	}
	if c.KeyUsage&x509.KeyUsageCertSign != 0 {
		h.report("F08", SeverityWarning, c.file, c.at, name+" is no CA, but its key usage has keyCertSign", h.reissue(c))
	}
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		h.report("F09", SeverityError, c.file, c.at, fmt.Sprintf("the key usage of %s (%s) lacks digitalSignature", name, strings.Join(keyUsageNames(c.KeyUsage), ", ")), h.reissue(c))
	}
	switch {
	case !allowsClientAuth(c.Certificate):
		h.report("F09", SeverityError, c.file, c.at, name+" has an extended key usage without clientAuth", h.reissue(c))
	case !hasClientAuth(c.Certificate) && c.Version == 3:
		h.report("F09", SeverityWarning, c.file, c.at, name+" has no extended key usage; clientAuth is expected", h.reissue(c))
	}
}

// checkSerials is F17: one issuer must not use a serial number twice.
func (h *heap) checkSerials() {
	first := make(map[string]found, len(h.certs))
	for _, c := range h.certs {
		id := string(c.RawIssuer) + c.SerialNumber.String()
		if namesItself(c.Certificate) {
			continue // every self-signed certificate is an issuer of its own
		}
		other, ok := first[id]
		if !ok {
			first[id] = c
			continue
		}
		h.report("F17", SeverityWarning, c.file, c.at,
			fmt.Sprintf("%s has the serial number %X, as has %s in %s by the same issuer", nameText(c.RawSubject), c.SerialNumber, nameText(other.RawSubject), other.file), h.reissue(c))
	}
}
