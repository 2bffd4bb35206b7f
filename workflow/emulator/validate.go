package emulator

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"

	"dpslab/workflow/dps"
)

// invalid refuses an entry that cannot be kept; the text names the field.
func invalid(format string, args ...any) error { return refuse(400000, format, args...) }

// validate checks an entry as it was sent and brings its certificates into the
// form that is stored.
func validate(e *entry) error {
	switch e.ProvisioningStatus {
	case "", dps.ProvisioningEnabled, dps.ProvisioningDisabled:
	default:
		return invalid("provisioningStatus %q is not enabled or disabled", e.ProvisioningStatus)
	}
	if err := validateAllocation(e); err != nil {
		return err
	}
	if e.DeviceID != "" && !validDeviceID(e.DeviceID) {
		return invalid("deviceId is not a valid device ID")
	}
	if err := checkInitialTwin(e.InitialTwin); err != nil {
		return err
	}
	a := &e.Attestation
	keepDeclared(a)
	switch a.Type {
	case dps.AttestationX509:
		return validateX509(e)
	case dps.AttestationSymmetricKey:
		return validateKeys(a.SymmetricKey)
	case dps.AttestationTPM:
		if e.Kind == group {
			return invalid("attestation type tpm is for individual enrollments only")
		}
		return validateTPM(a.TPM)
	case "", dps.AttestationNone:
		return invalid("TPM or X509 attestation is required")
	}
	return invalid("attestation type %q is unknown", a.Type)
}

// keepDeclared leaves out what belongs to another type than the one that is
// declared (guess strayAttestation): nothing has checked it, and no device shall
// get in by it.
func keepDeclared(a *dps.AttestationMechanism) {
	if a.Type != dps.AttestationX509 {
		a.X509 = nil
	}
	if a.Type != dps.AttestationSymmetricKey {
		a.SymmetricKey = nil
	}
	if a.Type != dps.AttestationTPM {
		a.TPM = nil
	}
}

func validateAllocation(e *entry) error {
	switch e.AllocationPolicy {
	case "", dps.AllocationHashed, dps.AllocationGeoLatency:
	case dps.AllocationStatic:
		if len(e.IoTHubs) != 1 {
			return invalid("allocationPolicy static needs exactly one of iotHubs, there are %d", len(e.IoTHubs))
		}
	case dps.AllocationCustom:
		return validateWebhook(e.CustomAllocationDefinition)
	default:
		return invalid("allocationPolicy %q is unknown", e.AllocationPolicy)
	}
	return nil
}

// validDeviceID checks the grammar of an IoT Hub device ID.
func validDeviceID(id string) bool { return dps.CheckDeviceID(id) == nil }

// validateX509 checks that exactly one of the three members is there and fits
// the kind of entry.
func validateX509(e *entry) error {
	x := e.Attestation.X509
	if x == nil {
		return invalid("attestation.x509 is missing")
	}
	members := 0
	for _, there := range []bool{x.ClientCertificates != nil, x.SigningCertificates != nil, x.CAReferences != nil} {
		if there {
			members++
		}
	}
	switch {
	case members != 1:
		return invalid("attestation.x509 needs exactly one of clientCertificates, signingCertificates and caReferences, there are %d", members)
	case e.Kind == group && x.ClientCertificates != nil:
		return invalid("clientCertificates are for individual enrollments, a group takes signingCertificates or caReferences")
	case e.Kind == individual && x.SigningCertificates != nil:
		return invalid("signingCertificates are for enrollment groups, an individual enrollment takes clientCertificates or caReferences")
	case x.CAReferences != nil && x.CAReferences.Primary == "":
		return invalid("caReferences.primary is missing")
	case x.CAReferences != nil:
		return nil
	}
	set := cmp.Or(x.ClientCertificates, x.SigningCertificates)
	if set.Primary == nil {
		return invalid("the primary certificate is missing")
	}
	for _, c := range e.certificates() {
		if err := normalizeCertificate(c); err != nil {
			return err
		}
	}
	return nil
}

// normalizeCertificate brings a certificate that was sent into the stored form.
// One that was sent as facts alone stays as it is, to be completed from what is
// stored.
func normalizeCertificate(c *dps.X509CertificateWithInfo) error {
	if c.Certificate == "" {
		if c.Info == nil || c.Info.SHA256Thumbprint == "" {
			return invalid("a certificate of the attestation is empty")
		}
		return nil
	}
	cert, err := readCertificateText(c.Certificate)
	if err != nil {
		return invalid("a certificate of the attestation cannot be read: %v", err)
	}
	*c = *storedCertificate(cert)
	return nil
}

// validateKeys checks symmetric keys: base64 of 16 to 64 bytes, both or none.
func validateKeys(k *dps.SymmetricKeyAttestation) error {
	if k == nil || k.PrimaryKey == "" && k.SecondaryKey == "" {
		return nil
	}
	if !validKey(k.PrimaryKey) || !validKey(k.SecondaryKey) {
		return invalid("a symmetric key is not base64 of 16 to 64 bytes")
	}
	return nil
}

func validKey(key string) bool {
	raw, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(raw) >= 16 && len(raw) <= 64
}

// complete checks an entry against what the store holds and fills in what was
// left out: from the entry it replaces, or with the service's defaults.
func (l *Lab) complete(t *tx, e, old *entry) error {
	for _, c := range e.certificates() {
		if c.Certificate == "" && !keepCertificate(c, old) {
			return invalid("a certificate was sent as info alone and is not the stored one")
		}
	}
	if l.forbids(signerNoAuthority) {
		if err := checkSignersAreCAs(e); err != nil {
			return err
		}
	}
	for _, name := range e.references() {
		a, err := getAuthorityRecord(t, name)
		if err != nil {
			return err
		}
		if a == nil {
			return invalid("caReferences: no certificate %q is uploaded", name)
		}
	}
	for _, host := range append(slices.Clone(e.IoTHubs), e.IoTHubHostName) {
		if host != "" && l.instance().link(host) == nil {
			return invalid("IoT hub %q is not linked", host)
		}
	}
	if e.Attestation.Type == dps.AttestationSymmetricKey {
		completeKeys(&e.Attestation, old)
	}
	l.applyDefaults(e)
	return e.noteSelfSigned()
}

// maxGroups is how many enrollment groups by X.509 a DPS instance holds, and as
// many by symmetric key.
const maxGroups = 100

// checkGroupQuota refuses a new group above the quota of its attestation.
func checkGroupQuota(t *tx, e *entry) error {
	if e.Kind != group {
		return nil
	}
	count := 0
	cursor := t.cursor(bucketGroups)
	for key, _ := cursor.First(); key != nil; key, _ = cursor.Next() {
		have, err := getEntryRecord(t, entryRef{group, string(key)})
		if err != nil {
			return err
		}
		if have != nil && have.Attestation.Type == e.Attestation.Type {
			count++
		}
	}
	if count >= maxGroups {
		return groupQuota.refuse()
	}
	return nil
}

// checkSignersAreCAs refuses a group whose signing certificate could not have
// signed a device's.
func checkSignersAreCAs(e *entry) error {
	if e.Kind != group {
		return nil
	}
	for _, c := range e.certificates() {
		cert, err := parseStored(c)
		if err != nil {
			return err
		}
		if !cert.BasicConstraintsValid || !cert.IsCA {
			return signerNoAuthority.refuse()
		}
	}
	return nil
}

// keepCertificate completes a certificate that came as facts alone, the way az
// sends back what it read.
func keepCertificate(c *dps.X509CertificateWithInfo, old *entry) bool {
	if old == nil {
		return false
	}
	for _, have := range old.certificates() {
		if strings.EqualFold(have.Info.SHA256Thumbprint, c.Info.SHA256Thumbprint) {
			*c = *have
			return true
		}
	}
	return false
}

// completeKeys keeps the keys of the old entry when none were sent, and makes
// them when there are none to keep.
func completeKeys(a *dps.AttestationMechanism, old *entry) {
	if a.SymmetricKey != nil && a.SymmetricKey.PrimaryKey != "" {
		return
	}
	if old != nil && old.Attestation.SymmetricKey != nil {
		a.SymmetricKey = old.Attestation.SymmetricKey
		return
	}
	a.SymmetricKey = &dps.SymmetricKeyAttestation{PrimaryKey: newKey(), SecondaryKey: newKey()}
}

// applyDefaults fills in what the service fills in.
func (l *Lab) applyDefaults(e *entry) {
	e.ProvisioningStatus = cmp.Or(e.ProvisioningStatus, dps.ProvisioningEnabled)
	e.AllocationPolicy = cmp.Or(e.AllocationPolicy, l.instance().Allocation, dps.AllocationHashed)
	if e.Capabilities == nil {
		e.Capabilities = &dps.DeviceCapabilities{}
	}
	if e.ReprovisionPolicy == nil {
		e.ReprovisionPolicy = &dps.ReprovisionPolicy{UpdateHubAssignment: true, MigrateDeviceData: true}
	}
}
