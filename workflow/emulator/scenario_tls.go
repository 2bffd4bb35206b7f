package emulator

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"time"

	"dpslab/pki"
)

// disturbConnect lets a fault act on a new connection.
func (l *Lab) disturbConnect(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if slices.Contains(hello.SupportedProtos, operatorProtocol) {
		return nil, nil
	}
	hit := l.takeConnect(hello.Context())
	if hit == nil {
		return nil, nil
	}
	return hit.scenario.connect(l, hello)
}

// presentForeign shows a certificate for the right names from another root.
func presentForeign(l *Lab, hello *tls.ClientHelloInfo) (*tls.Config, error) {
	key, err := pki.ECP256.GenerateKey(hello.Context())
	if err != nil {
		return nil, err
	}
	validity := pki.ValidFor(time.Now(), 1)
	root, err := pki.RootCA(key, "Inspecting Proxy CA", validity)
	if err != nil {
		return nil, err
	}
	return l.presenting(hello.Context(), pki.Issuer{Certificate: root, Key: key}, validity)
}

// presentExpired shows a certificate of the lab's root whose time is over.
func presentExpired(l *Lab, hello *tls.ClientHelloInfo) (*tls.Config, error) {
	now := time.Now()
	return l.presenting(hello.Context(), l.identity.root, pki.Validity{NotBefore: now.AddDate(0, 0, -30), NotAfter: now.AddDate(0, 0, -1)})
}

// presenting makes the server's settings with another certificate.
func (l *Lab) presenting(ctx context.Context, by pki.Issuer, validity pki.Validity) (*tls.Config, error) {
	key, err := pki.ECP256.GenerateKey(ctx)
	if err != nil {
		return nil, err
	}
	loopback := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	cert, err := pki.ServerCertificate(key.Public(), "localhost", serverNames, loopback, validity, by)
	if err != nil {
		return nil, err
	}
	config := l.server.TLSConfig.Clone()
	config.GetConfigForClient = nil
	// A session resumed from before would show no certificate at all.
	config.SessionTicketsDisabled = true
	config.Certificates = []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}}
	return config, nil
}
