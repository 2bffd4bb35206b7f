// Package wiretest helps to test the clients that stand on wire: a TLS server
// that answers under the services' own host names and writes down what arrives,
// and golden files to compare that with.
package wiretest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow/goldentest"
	"dpslab/workflow/wire"
)

// names are the host names that the server answers under.
var names = []string{"*.azure-devices-provisioning.net", "*.azure-devices-provisioning.cn", "*.azure-devices.net", "management.azure.com", "management.chinacloudapi.cn"}

// Service is a server with its notes.
type Service struct {
	// Options reach the service under any of its host names.
	Options wire.Options

	mu      sync.Mutex
	arrived strings.Builder
}

// Serve starts a service that answers with h. It ends with the test.
func Serve(t testing.TB, h http.HandlerFunc) *Service {
	t.Helper()
	root, pair := identity(t)
	s := &Service{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note(r)
		h(w, r)
	}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert, Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)

	roots := x509.NewCertPool()
	roots.AddCert(root)
	address := server.Listener.Addr().String()
	s.Options = wire.Options{
		Roots: roots, ConnectTo: address,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	return s
}

func identity(t testing.TB) (*x509.Certificate, tls.Certificate) {
	t.Helper()
	key, err := pki.ECP256.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	validity := pki.ValidFor(time.Now(), 1)
	root, err := pki.RootCA(key, "wiretest root", validity)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := pki.ServerCertificate(key.Public(), "wiretest", names, nil, validity, pki.Issuer{Certificate: root, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return root, tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}
}

// note writes a request down, keys and signatures masked. The user agent and the ID that Azure's modules
// give each request differ from run to run, and nothing depends on them.
func (s *Service) note(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.arrived, "%s %s\nHost: %s\n", r.Method, r.RequestURI, r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name == "User-Agent" || name == "X-Ms-Client-Request-Id" {
			continue
		}
		for _, v := range r.Header[name] {
			if scheme, _, found := strings.Cut(v, " "); found && scheme == "SharedAccessSignature" {
				v = scheme + " " + wire.Masked // another one each time
			}
			fmt.Fprintf(&s.arrived, "%s: %s\n", name, v)
		}
	}
	fmt.Fprintf(&s.arrived, "\n%s\n\n", wire.RedactText(string(body)))
	if err != nil {
		fmt.Fprintf(&s.arrived, "body cut off: %v\n", err)
	}
}

// Client makes a client of the service.
func (s *Service) Client(t testing.TB) *wire.Client {
	t.Helper()
	c := wire.NewClient(s.Options)
	t.Cleanup(c.Close)
	return c
}

// Plain reaches the service without what wire puts around a transport.
func (s *Service) Plain() *http.Transport {
	return &http.Transport{
		DialContext: s.Options.Dial, DisableCompression: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.Options.Roots},
	}
}

// CompareGolden compares all requests so far with testdata/name.golden; with
// -update it writes that file.
func (s *Service) CompareGolden(t testing.TB, name string) {
	t.Helper()
	s.mu.Lock()
	got := s.arrived.String()
	s.mu.Unlock()
	goldentest.Compare(t, name, got)
}
