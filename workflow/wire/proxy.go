package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// ProxyError means that a proxy refused to connect to a service.
type ProxyError struct {
	Host   string // of the proxy
	Status int    // its answer to CONNECT
}

func (e *ProxyError) Error() string {
	s := fmt.Sprintf("the proxy %s refused with %d %s", e.Host, e.Status, http.StatusText(e.Status))
	switch e.Status {
	case http.StatusProxyAuthRequired:
		s += ": put user and password into HTTPS_PROXY, as http://USER:PASSWORD@HOST:PORT"
	case http.StatusForbidden:
		s += ": it does not let this host through; NO_PROXY lists hosts to reach without it"
	}
	return s
}

// errProxyAddress does not quote the address: it may hold a password.
var errProxyAddress = errors.New("HTTPS_PROXY is not the address of a proxy, such as http://HOST:PORT")

// proxyFrom reads HTTPS_PROXY and NO_PROXY, in upper or lower case, as
// net/http does. All services are reached by HTTPS.
func proxyFrom(getenv func(string) string) func(*http.Request) (*url.URL, error) {
	get := func(upper, lower string) string { return cmp.Or(getenv(upper), getenv(lower)) }
	c := httpproxy.Config{
		HTTPSProxy: get("HTTPS_PROXY", "https_proxy"),
		NoProxy:    get("NO_PROXY", "no_proxy"),
	}
	if c.HTTPSProxy == "" {
		return func(*http.Request) (*url.URL, error) { return nil, nil }
	}
	if !isProxyAddress(c.HTTPSProxy) {
		return func(*http.Request) (*url.URL, error) { return nil, errProxyAddress }
	}
	choose := c.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
}

// isProxyAddress takes what httpproxy takes; that one would go on without a
// proxy otherwise.
func isProxyAddress(s string) bool {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return false
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return true
	}
	return false
}

// checkProxyAnswer makes a refusal of the proxy an error of its own.
func checkProxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &ProxyError{Host: proxy.Host, Status: answer.StatusCode}
}
