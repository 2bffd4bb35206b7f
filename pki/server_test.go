package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"
)

// TestInspectServerThatDemandsACertificate: the chain was shown before the
// server hung up.
func TestInspectServerThatDemandsACertificate(t *testing.T) {
	t.Parallel()
	f := newFamily(t, ECP256)
	key := newKey(t, ECP256)
	server := must[*x509.Certificate](t)(ServerCertificate(key.Public(), "localhost", []string{"localhost"}, nil, month(), f.root))
	roots := x509.NewCertPool()
	roots.AddCert(f.root.Certificate)
	for version, name := range map[uint16]string{tls.VersionTLS12: "TLS 1.2", tls.VersionTLS13: "TLS 1.3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := must[net.Listener](t)(tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
				Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw, f.root.Certificate.Raw}, PrivateKey: key}},
				ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: roots, MaxVersion: version,
			}))
			t.Cleanup(func() { _ = l.Close() })
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_ = c.(*tls.Conn).Handshake()
					_ = c.Close()
				}
			}()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			report, err := InspectServer(t.Context(), "localhost:"+port, roots, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Certificates) != 2 || !strings.Contains(report.Trust, "trusted, and issued for localhost") || !strings.Contains(report.Trust, "it asks for a client certificate") {
				t.Errorf("%d certificates, %s", len(report.Certificates), report.Trust)
			}
			stranger, err := InspectServer(t.Context(), "localhost:"+port, x509.NewCertPool(), time.Now())
			if err != nil || len(stranger.Certificates) != 2 || !strings.HasPrefix(stranger.Trust, "NOT trusted") {
				t.Errorf("not trusted: %+v, %v", stranger, err)
			}
		})
	}
}
