package azure_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"dpslab/pki"
)

const (
	tenant    = "22222222-3333-4444-5555-666666666666"
	principal = "33333333-4444-5555-6666-777777777777"
)

// authority stands where Entra ID is: it answers the requests that Azure's
// module makes of it, under all names, over TLS, and under plain HTTP those to
// the metadata service of a machine.
type authority struct {
	refuse  string        // the error of the token endpoint; empty: it gives tokens
	life    time.Duration // of a token
	pending int           // so often a device code is not typed yet

	client *http.Client

	mu   sync.Mutex
	seen []string // host and path of each request
	form []string // bodies of the token requests
}

func startAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{life: time.Hour}
	ca := newRoot(t, "authority root")
	key, err := pki.ECP256.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"login.microsoftonline.com", "login.microsoft.com", "login.chinacloudapi.cn", "login.partner.microsoftonline.cn", "login.microsoftonline.us"}
	leaf, err := pki.ServerCertificate(key.Public(), "authority", names, nil, pki.ValidFor(time.Now(), 1), ca)
	if err != nil {
		t.Fatal(err)
	}
	secure := httptest.NewUnstartedServer(a)
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}}}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(a)
	t.Cleanup(plain.Close)

	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			to := secure.Listener.Addr().String()
			if strings.HasSuffix(address, ":80") {
				to = plain.Listener.Addr().String()
			}
			return (&net.Dialer{}).DialContext(ctx, network, to)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	a.client = &http.Client{Transport: transport}
	return a
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, 1<<14)
	n, _ := r.Body.Read(body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, r.Host+r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	issuer := "https://" + r.Host + "/" + tenant
	switch {
	case strings.HasSuffix(r.URL.Path, "/discovery/instance"):
		fmt.Fprintf(w, `{"tenant_discovery_endpoint":"%s/v2.0/.well-known/openid-configuration","metadata":[{"preferred_network":%q,"preferred_cache":%q,"aliases":[%q]}]}`, issuer, r.Host, r.Host, r.Host)
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		fmt.Fprintf(w, `{"issuer":"%s/v2.0","authorization_endpoint":"%s/oauth2/v2.0/authorize","token_endpoint":"%s/oauth2/v2.0/token","device_authorization_endpoint":"%s/oauth2/v2.0/devicecode"}`, issuer, issuer, issuer, issuer)
	case strings.HasSuffix(r.URL.Path, "/devicecode"):
		fmt.Fprint(w, `{"user_code":"ABCD-1234","device_code":"device-secret","verification_uri":"https://microsoft.com/devicelogin","expires_in":900,"interval":0,"message":"Open the page and type ABCD-1234."}`)
	default:
		a.form = append(a.form, r.URL.RawQuery+string(body[:n]))
		a.token(w)
	}
}

func (a *authority) token(w http.ResponseWriter) {
	refuse := a.refuse
	if a.pending > 0 {
		a.pending, refuse = a.pending-1, "authorization_pending"
	}
	if refuse != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":%q,"error_description":"AADSTS7000215: refused","correlation_id":"c1"}`, refuse)
		return
	}
	encode := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"aud":"x","iss":"https://login.microsoftonline.com/%s/v2.0","oid":"o","tid":%q,"sub":"s","preferred_username":"me@contoso.com","exp":%d,"iat":%d}`,
		tenant, tenant, time.Now().Add(time.Hour).Unix(), time.Now().Unix())
	fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":"%d","ext_expires_in":3600,"expires_on":"%d","access_token":"token-%d","refresh_token":"refresh-secret","id_token":%q,"client_info":%q}`,
		int(a.life.Seconds()), time.Now().Add(a.life).Unix(), len(a.form), encode([]byte(`{"alg":"none"}`))+"."+encode([]byte(claims))+".c2ln",
		encode([]byte(`{"uid":"o","utid":"`+tenant+`"}`)))
}

func (a *authority) tokens() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.form)
}
