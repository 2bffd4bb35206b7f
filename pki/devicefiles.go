package pki

import "path/filepath"

// DeviceFiles are the files of one device, named as in Microsoft's how-to "use
// X.509 certificates over HTTPS without an SDK".
type DeviceFiles struct {
	Dir, RegistrationID string
	// Suffix tells a second set of files from the first: "-secondary" for the
	// certificate that an enrollment takes as its secondary one, to roll over.
	Suffix string
}

// SecondarySuffix is the [DeviceFiles.Suffix] of a secondary certificate.
const SecondarySuffix = "-secondary"

// SelfSignedCertificate is the self-signed certificate's path.
func (f DeviceFiles) SelfSignedCertificate() string {
	return filepath.Join(f.Dir, "device-cert"+f.Suffix+".pem")
}

// SelfSignedKey is the path of the private key of a self-signed certificate.
func (f DeviceFiles) SelfSignedKey() string {
	return filepath.Join(f.Dir, "device-key"+f.Suffix+".pem")
}

// Certificate is the path of the device certificate of a chain, alone.
func (f DeviceFiles) Certificate() string {
	return filepath.Join(f.Dir, "certs", f.RegistrationID+f.Suffix+".cert.pem")
}

// FullChain is the path of the device certificate with all CAs above it, which
// is what the device presents.
func (f DeviceFiles) FullChain() string {
	return filepath.Join(f.Dir, "certs", f.RegistrationID+f.Suffix+"-full-chain.cert.pem")
}

// Key is the path of the private key of a device in a chain.
func (f DeviceFiles) Key() string {
	return filepath.Join(f.Dir, "private", f.RegistrationID+f.Suffix+".key.pem")
}
