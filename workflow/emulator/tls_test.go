package emulator

import (
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"testing"

	"dpslab/workflow/dps"
)

// TestResumedSession comes back on a new connection with a session ticket: the
// client certificate, which is not sent again, still counts.
func TestResumedSession(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			l := start(t)
			id := selfSigned(t, "d1")
			l.enroll(t, "d1", id.chain[0])
			c := l.as(t, id)
			config := c.http.Transport.(*http.Transport).TLSClientConfig
			config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
			config.MaxVersion = version
			var begun dps.RegistrationOperationStatus
			c.register(t, "d1").into(t, &begun)
			c.http.CloseIdleConnections()

			resumed := false
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				TLSHandshakeDone: func(s tls.ConnectionState, _ error) { resumed = s.DidResume },
			})
			r, err := http.NewRequestWithContext(ctx, "GET", l.operationURL("d1", begun.OperationID), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.http.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if !resumed || resp.StatusCode != 200 {
				t.Errorf("resumed %v, answered %s", resumed, resp.Status)
			}
		})
	}
}

// TestServerNames checks that the certificate is good for every host name that
// is served.
func TestServerNames(t *testing.T) {
	t.Parallel()
	l := start(t)
	c := l.as(t, ident{})
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]", l.ready.DeviceHost, l.ready.ServiceHost, l.ready.HubHosts[0], l.ready.ManagementHost} {
		if a := c.do(t, "GET", "https://"+host+"/_emu/info", ""); a.status != 401 {
			t.Errorf("%s: %d", host, a.status)
		}
	}
}
