package pki

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// handshakeLimit bounds connecting to a server and its handshake together.
const handshakeLimit = 10 * time.Second

// ServerError says that a server's certificates could not be had.
type ServerError struct {
	Address string // host:port
	Err     error
}

// Error names the server and the reason.
func (e *ServerError) Error() string {
	return "asking " + e.Address + " for its certificate: " + visible(e.Err.Error())
}

// Unwrap returns the reason.
func (e *ServerError) Unwrap() error { return e.Err }

// InspectServer connects to a TLS server and reports the chain that it
// presents, trusted or not. address is host:port. roots nil means the system's.
// Nothing is sent beyond the handshake, no client certificate either, and a
// server that is not trusted is never talked to: its chain is what the refusal
// carries. A server that ends the handshake after it showed its chain, as one
// that demands a client certificate does, is reported all the same. No chain is
// a [*ServerError].
func InspectServer(ctx context.Context, address string, roots *x509.CertPool, now time.Time) (*Inspection, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no host:port: %w", address, err)
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeLimit)
	defer cancel()
	certs, trust, err := presented(ctx, host, address, roots)
	if err != nil {
		return nil, &ServerError{address, err}
	}
	contents := &Contents{Format: "TLS server"}
	for _, c := range certs {
		contents.Items = append(contents.Items, Item{Kind: ItemCertificate, Certificate: c})
	}
	o := InspectOptions{Now: now}
	report := describeContents(address, contents, o)
	for i := range report.Certificates {
		report.Certificates[i].RegistrationID, report.Certificates[i].RegistrationIDBad = "", ""
	}
	report.Trust = trust
	// The rest of the rules is about devices.
	report.Findings = slices.DeleteFunc(fileFindings([]opened{{path: address, contents: contents}}, o), func(f Finding) bool {
		return !slices.Contains([]string{"F10", "F14", "F17"}, f.Rule)
	})
	for i := range report.Findings {
		report.Findings[i].Fix = "tell who runs the server; it is no file of yours"
	}
	return report, nil
}

// presented shakes hands and returns the chain and how it was judged.
func presented(ctx context.Context, host, address string, roots *x509.CertPool) (certs []*x509.Certificate, trust string, err error) {
	asked := false
	config := &tls.Config{
		ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12,
		// Called once the chain is trusted, before the server may refuse us.
		VerifyConnection: func(s tls.ConnectionState) error {
			certs = s.PeerCertificates
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return &tls.Certificate{}, nil // none
		},
	}
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	trust = "trusted, and issued for " + host
	var refused *tls.CertificateVerificationError
	switch {
	case err == nil:
		_ = conn.Close()
	case errors.As(err, &refused):
		certs, trust = refused.UnverifiedCertificates, "NOT trusted: "+visible(refused.Err.Error())
	case certs == nil:
		return nil, "", err
	default:
		trust += "; without a client certificate it ended the handshake: " + visible(err.Error())
	}
	if asked {
		trust += "; it asks for a client certificate"
	}
	return certs, trust, nil
}
