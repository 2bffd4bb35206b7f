package pki

import (
	"path/filepath"
	"strings"
)

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

// The endings of the names of a device's files, longest first.
var endings = []string{"-full-chain.cert.pem", ".cert.pem", ".key.pem", ".csr.pem"}

// SecondaryName is the name of the secondary file beside a file of a device, as
// [DeviceFiles] with [SecondarySuffix] names it.
func SecondaryName(path string) string {
	stem, ending := cutEnding(path)
	return stem + SecondarySuffix + ending
}

// KeyName is where the private key of a certificate file lies by the names of
// [DeviceFiles].
func KeyName(certificate string) string {
	dir, name := filepath.Split(certificate)
	if rest, ok := strings.CutPrefix(name, "device-cert"); ok {
		return dir + "device-key" + rest
	}
	stem, _ := cutEnding(name)
	if filepath.Base(dir) == "certs" {
		return filepath.Join(dir, "..", "private", stem+".key.pem")
	}
	return dir + stem + ".key.pem"
}

// FullChainName is where the full chain lies of which a file has the beginning.
func FullChainName(path string) string {
	stem, _ := cutEnding(path)
	return stem + endings[0]
}

// ChainPair is the other of the two files with a device's certificate in them:
// of a full chain the certificate alone, and the full chain of that; "" when the
// name is neither.
func ChainPair(certificate string) string {
	switch stem, ending := cutEnding(certificate); ending {
	case endings[0]:
		return stem + endings[1]
	case endings[1]:
		return stem + endings[0]
	}
	return ""
}

func cutEnding(path string) (stem, ending string) {
	for _, ending := range endings {
		if stem, ok := strings.CutSuffix(path, ending); ok {
			return stem, ending
		}
	}
	ending = filepath.Ext(path)
	return strings.TrimSuffix(path, ending), ending
}
