package azure

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"dpslab/workflow/wire"
	"dpslab/workflow/wire/wiretest"
)

// The sign-in servers are reached without a recorder: their answers are no
// larger for it.
func TestSignInTakesNoBomb(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(wiretest.Bomb(http.StatusOK))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := signInTransport(roots)
	t.Cleanup(client.CloseIdleConnections)
	answer, err := client.Get(server.URL)
	if err == nil {
		answer.Body.Close()
	}
	if e, ok := errors.AsType[*wire.ConnectError](err); !ok || e.Reason != wire.ReasonTooLarge {
		t.Errorf("got %v", err)
	}
}
