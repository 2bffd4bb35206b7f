package azure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"dpslab/workflow/wire"
)

// renewBefore is how long before its end a token is not used any more.
const renewBefore = 5 * time.Minute

// memory keeps the tokens of a credential, because az is started anew for each
// and a person types a code for each. They are nowhere but in this process.
type memory struct {
	kind   CredentialKind
	source azcore.TokenCredential
	turn   chan struct{} // one asks at a time, so that a person sees one code
	tokens map[string]azcore.AccessToken
}

func newMemory(kind CredentialKind, source azcore.TokenCredential) *memory {
	return &memory{kind: kind, source: source, turn: make(chan struct{}, 1), tokens: make(map[string]azcore.AccessToken)}
}

// GetToken implements azcore.TokenCredential. A token that was challenged, which
// comes with claims, is asked for anew.
func (m *memory) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return azcore.AccessToken{}, fmt.Errorf("sign in: %w", context.Cause(ctx))
	}
	key := strings.Join(o.Scopes, " ") + "\n" + o.TenantID
	if t, ok := m.tokens[key]; ok && o.Claims == "" && time.Until(t.ExpiresOn) > renewBefore {
		return t, nil
	}
	token, err := m.source.GetToken(ctx, o)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = errors.Join(cause, err)
		}
		return token, &SignInError{Kind: m.kind, Err: err}
	}
	m.tokens[key] = token
	return token, nil
}

// Format implements fmt.Formatter: no verb shows a token.
func (m *memory) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, string(m.kind)) }

// Limits of a sign-in request.
const (
	signInConnect = 10 * time.Second
	signInTotal   = 60 * time.Second
)

// metadataAddress is the instance metadata service of an Azure machine. It is
// never behind a proxy.
var metadataAddress = netip.AddrFrom4([4]byte{169, 254, 169, 254})

// signInTransport reaches the sign-in servers. A redirect is not followed, and
// no answer is taken that is longer than [wire.MaxBody].
func signInTransport(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout:       signInTotal,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: wire.CapBodies(&http.Transport{
			Proxy:                  signInProxy,
			DialContext:            (&net.Dialer{Timeout: signInConnect}).DialContext,
			TLSHandshakeTimeout:    signInConnect,
			ResponseHeaderTimeout:  signInTotal,
			MaxResponseHeaderBytes: 64 << 10,
			IdleConnTimeout:        time.Minute,
			DisableCompression:     true, // none is asked for
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		}),
	}
}

func signInProxy(r *http.Request) (*url.URL, error) {
	if r.URL.Hostname() == metadataAddress.String() {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}
