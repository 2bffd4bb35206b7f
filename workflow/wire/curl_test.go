package wire

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"dpslab/pki"
)

func TestCurl(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		x    Exchange
		want string
	}{
		{
			"everything",
			Exchange{
				Method: "PUT", URL: "https://" + testHost + "/0ne001/registrations/d/register?api-version=2021-06-01",
				RequestHeader:   http.Header{"Content-Type": {"application/json"}, "Content-Length": {"7"}, "User-Agent": {"x"}},
				RequestBody:     `{"a":1}`,
				CertificateFile: "/home/a user/cert.pem", KeyFile: "/home/a user/key.pem", CAFile: "/ca.pem", ConnectTo: "127.0.0.1:8443",
			},
			"curl -i -X PUT \\\n  --cert '/home/a user/cert.pem' \\\n  --key '/home/a user/key.pem' \\\n  --cacert /ca.pem \\\n" +
				"  --connect-to " + testHost + ":443:127.0.0.1:8443 \\\n  -H 'Content-Type: application/json' \\\n" +
				"  --data-raw '{\"a\":1}' \\\n  'https://" + testHost + "/0ne001/registrations/d/register?api-version=2021-06-01'",
		},
		{"plain", Exchange{Method: "GET", URL: "https://a.example/"}, "curl -i -X GET \\\n  https://a.example/"},
		{"HEAD waits for no body", Exchange{Method: "HEAD", URL: "https://a.example/"}, "curl -I \\\n  https://a.example/"},
		{
			"no body, but its length",
			Exchange{Method: "POST", URL: "https://a.example/"},
			"curl -i -X POST \\\n  -H Content-Type: \\\n  --data-raw '' \\\n  https://a.example/",
		},
		{
			"body that begins with @",
			Exchange{Method: "POST", URL: "https://a.example/", RequestBody: "@/etc/passwd", RequestHeader: http.Header{"Content-Type": {"text/plain"}}},
			"curl -i -X POST \\\n  -H 'Content-Type: text/plain' \\\n  --data-raw @/etc/passwd \\\n  https://a.example/",
		},
		{
			"IPv6 and a port",
			Exchange{Method: "GET", URL: "https://a.example:8443/", ConnectTo: "[::1]:1"},
			"curl -i -X GET \\\n  --connect-to 'a.example:8443:[::1]:1' \\\n  https://a.example:8443/",
		},
		{
			"host that would run something",
			Exchange{Method: "GET", URL: "https://$(id)/", ConnectTo: "127.0.0.1:1"},
			"curl -i -X GET \\\n  --connect-to '$(id):443:127.0.0.1:1' \\\n  'https://$(id)/'",
		},
		{
			"masked query",
			Exchange{Method: "GET", URL: "https://a.example/?sig=" + Masked, RequestHeader: http.Header{"X-Empty": {""}}},
			"# [secret] stands for a secret, which is not kept: put it in before this is sent\n" +
				"curl -i -X GET \\\n  -H 'X-Empty;' \\\n  --globoff \\\n  'https://a.example/?sig=" + Masked + "'",
		},
		{
			"masked header",
			Exchange{Method: "GET", URL: "https://a.example/", RequestHeader: http.Header{"Authorization": {"SharedAccessSignature " + Masked}}},
			"# AUTHORIZATION is the token, which is not kept\n" +
				"curl -i -X GET \\\n  -H \"Authorization: $AUTHORIZATION\" \\\n  https://a.example/",
		},
		{
			"masked body",
			Exchange{Method: "PUT", URL: "https://a.example/", RequestBody: `{"key":"` + Masked + `"}`, RequestHeader: http.Header{"Content-Type": {"application/json"}}},
			"# secrets are not kept; set these variables first:\n#   read -rs KEY   # as JSON spells it: \\\" for \", \\\\ for \\\n" +
				": \"${KEY:?}\" &&\nprintf %s '{\"key\":\"' \"$KEY\" '\"}' |\n" +
				"curl -i -X PUT \\\n  -H 'Content-Type: application/json' \\\n  --data-binary @- \\\n  https://a.example/",
		},
		{
			"masked in a text",
			Exchange{Method: "PUT", URL: "https://a.example/", RequestBody: `{"key":"` + Masked + `","text":"SharedAccessKey=` + Masked + `"}`, RequestHeader: http.Header{"Content-Type": {"application/json"}}},
			"# [secret] stands for a secret, which is not kept: put it in before this is sent\n" +
				"curl -i -X PUT \\\n  -H 'Content-Type: application/json' \\\n  --data-raw '{\"key\":\"" + Masked + "\",\"text\":\"SharedAccessKey=" + Masked + "\"}' \\\n  https://a.example/",
		},
		{"connect address that is none", Exchange{Method: "GET", URL: "https://a.example/", ConnectTo: "here"}, "curl -i -X GET \\\n  https://a.example/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Curl(&tt.x); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// arrival is what the server sees of a request that must be the same from curl.
func arrival(r *http.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %d\n", r.Method, r.Host, r.RequestURI, r.ContentLength)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name != "User-Agent" && name != "Accept" {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(r.Header[name], "|"))
		}
	}
	for _, c := range r.TLS.PeerCertificates {
		fmt.Fprintf(&b, "certificate %s\n", pki.Thumbprint256(c))
	}
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(&b, "%s %v", body, err)
	return b.String()
}

func TestPrintedCurlSendsTheSameRequest(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("this test needs curl: make test installs it")
	}
	arrived := make(chan string, 1)
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { arrived <- arrival(r) })
	me := newIdentity(t, "device-01")
	caFile := s.ca.file(t)
	json := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Accept": {"application/json"}}
	for _, tt := range []struct {
		name        string
		q           Request
		certificate bool
		env         []string
	}{
		{"register", Request{Method: "PUT", URL: "/0ne001/registrations/a%3Ab/register?api-version=2021-06-01", Header: json, Body: []byte(`{"registrationId":"a:b"}`)}, true, nil},
		{"poll", Request{Method: "GET", URL: "/0ne001/registrations/d/operations/5.1?api-version=1&b=2", Header: json}, true, nil},
		{"empty POST", Request{Method: "POST", URL: "/generateVerificationCode", Header: http.Header{"If-Match": {`"AAA="`}}}, false, nil},
		{"delete", Request{Method: "DELETE", URL: "/enrollments/d", Header: http.Header{"If-Match": {"*"}}}, false, nil},
		{"telemetry without a content type", Request{Method: "POST", URL: "/e", Header: http.Header{"iothub-app-Line": {"it's 3"}}, Body: []byte("@21.5\n\"ü\" $HOME `id` \\ !\n\n")}, true, nil},
		{"empty header", Request{Method: "PUT", URL: "/e", Header: http.Header{"X-Empty": {""}, "X-Two": {"1", "2"}}, Body: []byte("&=")}, false, nil},
		{"brackets", Request{Method: "GET", URL: "/e?a=[1-3]&b={x,y}"}, false, nil},
		{
			"secrets",
			Request{Method: "PUT", URL: "/certificates/a", Header: json, Body: []byte(`{"properties":{"data":"MIIB+/==", "password" : "it's \"1\" $x \\"}, "more": "it's $HOME"}`)},
			false,
			[]string{"PFX_BASE64=MIIB+/==", `PFX_PASSWORD=it's \"1\" $x \\`},
		},
		{
			"keys of a list",
			Request{Method: "POST", URL: "/enrollments", Header: json, Body: []byte(`[{"primaryKey":"a=","secondaryKey":"b="},{"primaryKey":"c=","secondaryKey":"d="}]`)},
			false,
			[]string{"PRIMARY_KEY=a=", "SECONDARY_KEY=b=", "PRIMARY_KEY_2=c=", "SECONDARY_KEY_2=d="},
		},
	} {
		// Not parallel: the requests of one go must not meet those of another.
		t.Run(tt.name, func(t *testing.T) {
			var m memory
			o := s.options()
			o.CAFile, o.Observe = caFile, m.observe
			if tt.certificate {
				o.Certificate, o.CertificateFile, o.KeyFile = me.pair, me.certFile, me.keyFile
			}
			tt.q.URL = "https://" + testHost + tt.q.URL
			if _, err := s.client(t, o).Do(t.Context(), tt.q); err != nil {
				t.Fatal(err)
			}
			want := <-arrived
			x := m.only(t)
			command := Curl(&x)
			cmd := exec.CommandContext(t.Context(), "sh", "-c", command+" --silent --show-error --noproxy '*'")
			cmd.Env = append(os.Environ(), tt.env...)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s\n%v: %s", command, err, out)
			}
			if got := <-arrived; got != want {
				t.Errorf("%s\narrived as\n%s\nwant\n%s", command, got, want)
			}
		})
	}
}

func FuzzShellWord(f *testing.F) {
	for _, s := range []string{"", "plain", "it's", "a b", "$(id)", "`id`", "\\", "'", "''", "\n", "*", "~", "!", "-n", "%s", "ü", "#"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsRune(s, 0) || len(s) > 64<<10 {
			return // no argument can hold it
		}
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '%s.' "+ShellWord(s)).Output()
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if string(out) != s+"." {
			t.Errorf("%q came out as %q", s, out)
		}
	})
}

// Without its secrets a copy sends nothing.
func TestCurlWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("something arrived") })
	x := &Exchange{Method: "PUT", URL: "https://" + testHost + "/", ConnectTo: s.address, CAFile: s.ca.file(t), RequestBody: `{"password":"` + Masked + `"}`}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", Curl(x)+" --silent --noproxy '*'").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "PFX_PASSWORD") {
		t.Errorf("%v: %s", err, out)
	}
}
