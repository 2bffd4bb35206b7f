package emulator

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"dpslab/pki"
)

const (
	rootName      = "dpslab lab root"
	operatorName  = "dpslab operator" // common name that opens the private endpoints
	rootDays      = 3650
	serverDays    = 365
	operatorHours = 24
)

// serverNames are the names the lab's certificate is good for.
var serverNames = []string{
	"localhost", globalHost, "*" + instanceSuffix, "*" + hubSuffix, managementHost,
}

// identity is the lab's own root CA. It is made once for a state directory, its
// key never leaves it, and whoever can read the key there is an operator.
type identity struct {
	root   pki.Issuer
	caFile string
	remove string // a temporary directory to remove at close
}

func keyPath(dir string) string { return filepath.Join(dir, "ca-key.pem") }

// dir is where the identity lies, and by it the lab is found.
func (i *identity) dir() string { return filepath.Dir(i.caFile) }

// loadIdentity reads or makes the root of dir. An empty dir gives one in a
// temporary directory.
func loadIdentity(ctx context.Context, dir string, now time.Time) (*identity, error) {
	if dir == "" {
		return temporaryIdentity(ctx, now)
	}
	root, err := readRoot(dir)
	switch {
	case err == nil && now.Before(root.Certificate.NotAfter):
		return &identity{root: root, caFile: caPath(dir)}, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	// The key may be there without a certificate: a start that was killed in
	// between, or a root that expired.
	if root.Key == nil {
		if root.Key, _, err = pki.EnsureKey(ctx, keyPath(dir), pki.ECP256, nil); err != nil {
			return nil, err
		}
	}
	if root.Certificate, err = pki.RootCA(root.Key, rootName, pki.ValidFor(now, rootDays)); err != nil {
		return nil, err
	}
	if err := pki.WriteCertificates(caPath(dir), root.Certificate); err != nil {
		return nil, err
	}
	return &identity{root: root, caFile: caPath(dir)}, nil
}

// readRoot reads the root of a state directory. When only the certificate is
// missing the key is returned beside the error.
func readRoot(dir string) (pki.Issuer, error) {
	key, err := pki.ReadKey(keyPath(dir), nil)
	if err != nil {
		return pki.Issuer{}, err
	}
	certs, err := pki.ReadCertificates(caPath(dir))
	if err != nil {
		return pki.Issuer{Key: key}, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return pki.Issuer{}, fmt.Errorf("encoding the lab's root key: %w", err)
	}
	if !bytes.Equal(public, certs[0].RawSubjectPublicKeyInfo) {
		return pki.Issuer{}, fmt.Errorf("the lab's root certificate %s does not belong to its key %s: remove the certificate and start again", caPath(dir), keyPath(dir))
	}
	return pki.Issuer{Certificate: certs[0], Key: key}, nil
}

func temporaryIdentity(ctx context.Context, now time.Time) (*identity, error) {
	key, err := pki.ECP256.GenerateKey(ctx)
	if err != nil {
		return nil, err
	}
	cert, err := pki.RootCA(key, rootName, pki.ValidFor(now, rootDays))
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "dpslab-ca-*")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the lab's CA file: %w", err)
	}
	if err := writeTemporary(dir, key, cert); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &identity{root: pki.Issuer{Certificate: cert, Key: key}, caFile: caPath(dir), remove: dir}, nil
}

// writeTemporary writes an identity that need not outlive its process: nothing
// waits for the disk.
func writeTemporary(dir string, key crypto.Signer, cert *x509.Certificate) error {
	text, err := pki.EncodeKey(key, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(keyPath(dir), text, 0o600), os.WriteFile(caPath(dir), pki.EncodeCertificates(cert), 0o600)); err != nil {
		return fmt.Errorf("writing the lab's root: %w", err)
	}
	return nil
}

// forget removes what an in-memory lab put on disk.
func (i *identity) forget() error {
	if i.remove == "" {
		return nil
	}
	return os.RemoveAll(i.remove)
}

func (i *identity) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.root.Certificate)
	return pool
}

// serverConfig makes the TLS settings of the server, with a certificate of its
// own for this start. A client certificate is asked for and never checked here,
// and no acceptable CAs are named: some clients send none that is not named.
func (i *identity) serverConfig(now time.Time) (*tls.Config, error) {
	key, err := pki.ECP256.GenerateKey(context.Background())
	if err != nil {
		return nil, err
	}
	loopback := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	cert, err := pki.ServerCertificate(key.Public(), "localhost", serverNames, loopback, pki.ValidFor(now, serverDays), i.root)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		ClientAuth:   tls.RequestClientCert,
		NextProtos:   []string{"http/1.1"},
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}},
	}, nil
}

// operatorConfig makes the TLS settings of a client of the private endpoints.
func (i *identity) operatorConfig(now time.Time) (*tls.Config, error) {
	key, err := pki.ECP256.GenerateKey(context.Background())
	if err != nil {
		return nil, err
	}
	validity := pki.Validity{NotBefore: now.Add(-5 * time.Minute), NotAfter: now.Add(operatorHours * time.Hour)}
	cert, err := pki.ClientCertificate(key.Public(), operatorName, validity, i.root)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: i.pool(), ServerName: "localhost",
		NextProtos:   []string{operatorProtocol, "http/1.1"},
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}},
	}, nil
}

// operatorProtocol is offered beside HTTP/1.1 by who comes to operate the lab,
// so that scenarios about connections do not strike the hand that switches them
// off. It grants nothing: the certificate does.
const operatorProtocol = "dpslab-operator"

// isOperator reports whether a client showed a certificate of the lab's own
// root that is made for the private endpoints.
func (i *identity) isOperator(presented []*x509.Certificate, now time.Time) bool {
	if len(presented) == 0 || presented[0].Subject.CommonName != operatorName {
		return false
	}
	_, err := presented[0].Verify(x509.VerifyOptions{
		Roots: i.pool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}
