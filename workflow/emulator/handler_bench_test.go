package emulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
)

// discarded takes an answer and keeps nothing of it.
type discarded struct{ header http.Header }

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(int)             {}
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkTelemetryHandler is what a message costs a lab in memory without
// TLS, HTTP and a client.
func BenchmarkTelemetryHandler(b *testing.B) {
	l, id := benchLab(b, "memory")
	l.as(b, id).provision(b, "d1")
	const body = `{"temperature": 30}`
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{id.chain[0]}}
	ctx := withConn(context.Background(), &tlsConn{lab: l, state: state})
	proto, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://lab-hub.azure-devices.net/devices/d1/messages/events?api-version=2020-03-13", nil)
	if err != nil {
		b.Fatal(err)
	}
	proto.Header = http.Header{"Accept-Encoding": {"gzip"}, "User-Agent": {"Go-http-client/1.1"}, "Content-Length": {"19"}}
	proto.ContentLength, proto.RequestURI = int64(len(body)), proto.URL.RequestURI()
	b.ReportAllocs()
	for b.Loop() {
		r := *proto
		r.Body = io.NopCloser(strings.NewReader(body))
		l.ServeHTTP(&discarded{http.Header{}}, &r)
	}
}
