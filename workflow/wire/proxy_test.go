package wire

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestWhichProxy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		getenv func(string) string
		want   string // host; empty: none
		wrong  bool
	}{
		{"none", environment(), "", false},
		{"upper case", environment("HTTPS_PROXY", "http://proxy.example:3128"), "proxy.example:3128", false},
		{"lower case", environment("https_proxy", "http://proxy.example:3128"), "proxy.example:3128", false},
		{"upper case first", environment("https_proxy", "http://other.example", "HTTPS_PROXY", "http://proxy.example:3128"), "proxy.example:3128", false},
		{"without a scheme", environment("HTTPS_PROXY", "proxy.example:3128"), "proxy.example:3128", false},
		{"SOCKS", environment("HTTPS_PROXY", "socks5://proxy.example"), "proxy.example", false},
		{"not for plain HTTP", environment("HTTP_PROXY", "http://proxy.example:3128"), "", false},
		{"an exception", environment("HTTPS_PROXY", "http://proxy.example:3128", "NO_PROXY", ".azure-devices-provisioning.net"), "", false},
		{"an exception for another", environment("HTTPS_PROXY", "http://proxy.example:3128", "no_proxy", "azure-devices.net"), "proxy.example:3128", false},
		{"no exception but all", environment("HTTPS_PROXY", "http://proxy.example:3128", "NO_PROXY", "*"), "", false},
		{"no address", environment("HTTPS_PROXY", "http://u:topsecret@:bad:port"), "", true},
		{"another protocol", environment("HTTPS_PROXY", "ftp://u:topsecret@proxy.example"), "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := NewClient(Options{Getenv: tt.getenv})
			defer c.Close()
			proxy, err := c.base.Proxy(httptest.NewRequest(http.MethodGet, "https://"+testHost+"/", nil))
			if (err != nil) != tt.wrong || proxy == nil && tt.want != "" || proxy != nil && proxy.Host != tt.want {
				t.Errorf("%v, %v, want %q", proxy, err, tt.want)
			}
			if !tt.wrong {
				return
			}
			_, err = c.Do(t.Context(), get("/"))
			if e := wantReason(t, err, ReasonProxy); e.Temporary() || strings.Contains(err.Error(), "topsecret") || !strings.Contains(err.Error(), "HTTPS_PROXY") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// proxyAnswering is a proxy that answers CONNECT with a status; with 200 it
// connects to address.
func proxyAnswering(t *testing.T, status int, address string, seen chan<- string) string {
	t.Helper()
	return listen(t, func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		seen <- r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization")
		fmt.Fprintf(c, "HTTP/1.1 %d %s\r\n\r\n", status, http.StatusText(status))
		if status != http.StatusOK {
			return
		}
		up, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer up.Close()
		go func() {
			_, _ = io.Copy(up, c)
			_ = up.Close()
		}()
		_, _ = io.Copy(c, up)
	})
}

// User and password are the proxy's alone.
func TestProxyByEnvironment(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the service got the proxy's password")
		}
	})
	me := newIdentity(t, "device-01")
	seen := make(chan string, 1)
	proxy := proxyAnswering(t, http.StatusOK, s.address, seen)
	var m memory
	c := NewClient(Options{
		Roots: s.ca.pool, Certificate: me.pair, Observe: m.observe,
		Getenv: environment("HTTPS_PROXY", "http://user:topsecret@"+proxy),
	})
	defer c.Close()
	if _, err := c.Do(t.Context(), get("/")); err != nil {
		t.Fatal(err)
	}
	if got := <-seen; got != "CONNECT "+testHost+":443 Basic dXNlcjp0b3BzZWNyZXQ=" {
		t.Errorf("the proxy saw %q", got)
	}
	x := m.only(t)
	raw, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	if x.Proxy != proxy || len(x.TLS.Client) != 1 || strings.Contains(string(raw), "topsecret") || strings.Contains(string(raw), "dXNlcjp0b3BzZWNyZXQ") {
		t.Errorf("recorded %s", raw)
	}
}

func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct {
		reason ConnectReason
		text   string
	}{
		http.StatusProxyAuthRequired: {ReasonProxy, "USER:PASSWORD"},
		http.StatusForbidden:         {ReasonProxy, "NO_PROXY"},
		http.StatusBadGateway:        {ReasonRefused, "502 Bad Gateway"},
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			proxy := proxyAnswering(t, status, "", make(chan string, 1))
			c := NewClient(Options{Getenv: environment("HTTPS_PROXY", "http://user:topsecret@"+proxy)})
			defer c.Close()
			_, err := c.Do(t.Context(), get("/"))
			e := wantReason(t, err, want.reason)
			var refused *ProxyError
			if !errors.As(err, &refused) || refused.Status != status || refused.Host != proxy || e.Temporary() != (status == http.StatusBadGateway) ||
				!strings.Contains(err.Error(), want.text) || strings.Contains(err.Error(), "topsecret") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzProxyAddress(f *testing.F) {
	for _, s := range []string{"http://u:p@h:1", "h:1", "://", "socks5://h", "ftp://h", "http://[::1]:3128", " ", "http://%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		choose := proxyFrom(environment("HTTPS_PROXY", address))
		proxy, err := choose(httptest.NewRequest(http.MethodGet, "https://"+testHost+"/", nil))
		// A proxy that is set is used, or is an error.
		if address != "" && proxy == nil && err == nil {
			t.Errorf("%q: the request would go without a proxy", address)
		}
		if err != nil && len(address) > 20 && strings.Contains(err.Error(), address) {
			t.Errorf("%q is in the error %v", address, err)
		}
	})
}
