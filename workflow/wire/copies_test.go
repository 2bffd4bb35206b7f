package wire

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dpslab/pki"
)

// copied are requests that must be the same from every copy.
var copied = []struct {
	name        string
	q           Request
	certificate bool
	built       bool // also as a Go program
}{
	{"register", Request{
		Method: "PUT", URL: "/0ne001/registrations/a%3Ab/register?api-version=2021-06-01",
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Accept": {"application/json"}}, Body: []byte(`{"registrationId":"a:b"}`),
	}, true, false},
	{"token", Request{Method: "GET", URL: "/enrollments/d?api-version=1&b=2", Header: http.Header{"Authorization": {"SharedAccessSignature sr=a&sig=b%3D&se=1"}}}, false, true},
	{"telemetry", Request{
		Method: "POST", URL: "/e", Header: http.Header{"iothub-app-Line": {"it's 3 %s \\n"}, "Content-Type": {"text/plain"}},
		Body: []byte("@21.5\n\"ü\" $HOME `id` \\ ! %d\n\n"),
	}, true, true},
	{"delete", Request{Method: "DELETE", URL: "/enrollments/d", Header: http.Header{"If-Match": {`"13-00"`}}}, false, false},
}

// Copies arrive as the request itself did.
func TestCopiesSendTheSameRequest(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"openssl", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("this test needs %s: make test installs it", tool)
		}
	}
	arrived := make(chan string, 1)
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { arrived <- arrival(r) })
	me := newIdentity(t, "device-01")
	me.pair.Certificate = append(me.pair.Certificate, s.ca.issuer.Certificate.Raw) // as in a chain
	if err := pki.WriteCertificates(me.certFile+"s", me.leaf, s.ca.issuer.Certificate); err != nil {
		t.Fatal(err)
	}
	me.certFile += "s"
	caFile := s.ca.file(t)
	for _, tt := range copied {
		// Not parallel: the requests of one go must not meet those of another.
		t.Run(tt.name, func(t *testing.T) {
			var m memory
			o := s.options()
			o.CAFile, o.Observe = caFile, m.observe
			if tt.certificate {
				o.Certificate, o.CertificateFile, o.KeyFile = me.pair, me.certFile, me.keyFile
			}
			q := tt.q
			q.URL = "https://" + testHost + q.URL
			if _, err := s.client(t, o).Do(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			want := <-arrived
			x := m.only(t)
			env := append(os.Environ(), "AUTHORIZATION="+tt.q.Header.Get("Authorization"))
			for name, start := range map[string]func(*testing.T, *Exchange) *exec.Cmd{"openssl": opensslCopy, "go": goCopy} {
				if name == "go" && !tt.built {
					continue // to build takes seconds
				}
				cmd := start(t, &x)
				cmd.Env = append(cmd.Env, env...)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%s: %v: %s", name, err, out)
				}
				if got := withoutConnection(<-arrived); got != want {
					t.Errorf("%s arrived as\n%s\nwant\n%s", name, got, want)
				}
				if !strings.Contains(string(out), "200 OK") {
					t.Errorf("%s shows no answer: %s", name, out)
				}
			}
		})
	}
}

func withoutConnection(arrival string) string {
	lines := strings.SplitAfter(arrival, "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "Connection: close\n" || l == "Accept-Encoding: gzip\n" })
	return strings.Join(lines, "")
}

func opensslCopy(t *testing.T, x *Exchange) *exec.Cmd {
	t.Helper()
	text, why := OpenSSL(x)
	if why != "" {
		t.Fatal(why)
	}
	return exec.CommandContext(t.Context(), "sh", "-c", text)
}

func goCopy(t *testing.T, x *Exchange) *exec.Cmd {
	t.Helper()
	text, why := GoSource(x)
	if why != "" {
		t.Fatal(why)
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v: %s", text, err, out)
	}
	return exec.CommandContext(t.Context(), "go", "run", file)
}

func TestAz(t *testing.T) {
	t.Parallel()
	const (
		dps = "https://contoso-dps.azure-devices-provisioning.net"
		hub = "https://contoso-hub.azure-devices.net"
		arm = "https://management.azure.com/subscriptions/s/resourceGroups/rg/providers/Microsoft.Devices/provisioningServices/contoso-dps"
	)
	tag := http.Header{"If-Match": {`"13 0"`}, "Content-Type": {"application/json"}, "Authorization": {"Bearer " + Masked}}
	for _, tt := range []struct {
		x         Exchange
		want, why string
	}{
		{Exchange{Method: "GET", URL: dps + "/enrollments/device-01?api-version=1"}, "az iot dps enrollment show --dps-name contoso-dps --enrollment-id device-01", ""},
		{Exchange{Method: "DELETE", URL: dps + "/enrollments/d%3Ax?api-version=1", RequestHeader: tag}, `az iot dps enrollment delete --dps-name contoso-dps --enrollment-id d:x --etag '"13 0"'`, ""},
		{Exchange{Method: "POST", URL: dps + "/enrollments/query?api-version=1", RequestBody: "{}"}, "az iot dps enrollment list --dps-name contoso-dps", ""},
		{Exchange{Method: "POST", URL: dps + "/enrollments/d/attestationmechanism?api-version=1"}, "az iot dps enrollment show --dps-name contoso-dps --enrollment-id d --show-keys true", ""},
		{Exchange{Method: "GET", URL: dps + "/enrollmentGroups/line-3?api-version=1"}, "az iot dps enrollment-group show --dps-name contoso-dps --enrollment-id line-3", ""},
		{Exchange{Method: "DELETE", URL: dps + "/enrollmentGroups/line-3?api-version=1"}, "az iot dps enrollment-group delete --dps-name contoso-dps --enrollment-id line-3", ""},
		{Exchange{Method: "POST", URL: dps + "/enrollmentGroups/query?api-version=1", ConnectTo: "127.0.0.1:1"}, azureOnly + "az iot dps enrollment-group list --dps-name contoso-dps", ""},
		{Exchange{Method: "POST", URL: dps + "/registrations/line-3/query?api-version=1"}, "az iot dps enrollment-group registration list --dps-name contoso-dps --enrollment-id line-3", ""},
		{
			Exchange{Method: "PUT", URL: dps + "/enrollmentGroups/line-3?api-version=1", RequestHeader: tag, RequestBody: `{"a":"it's"}`},
			`az rest --method put --url 'https://contoso-dps.azure-devices-provisioning.net/enrollmentGroups/line-3?api-version=1' --resource https://azure-devices-provisioning.net` +
				` --headers Content-Type=application/json 'If-Match="13 0"' --body '{"a":"it'\''s"}'`, "",
		},
		{
			Exchange{Method: "GET", URL: dps + "/registrations/d?api-version=1"},
			"az rest --method get --url 'https://contoso-dps.azure-devices-provisioning.net/registrations/d?api-version=1' --resource https://azure-devices-provisioning.net", "",
		},
		{Exchange{Method: "GET", URL: hub + "/devices/d?api-version=1"}, "az iot hub device-identity show --hub-name contoso-hub --device-id d", ""},
		{Exchange{Method: "DELETE", URL: hub + "/devices/d?api-version=1", RequestHeader: http.Header{"If-Match": {"*"}}}, "az iot hub device-identity delete --hub-name contoso-hub --device-id d --etag '*'", ""},
		{Exchange{Method: "GET", URL: hub + "/twins/d?api-version=1"}, "az iot hub device-twin show --hub-name contoso-hub --device-id d", ""},
		{
			Exchange{Method: "GET", URL: "https://h.azure-devices.cn/statistics/devices"},
			"az rest --method get --url https://h.azure-devices.cn/statistics/devices --resource https://iothubs.azure.cn", "",
		},
		{Exchange{Method: "GET", URL: "https://management.azure.com/subscriptions?api-version=1"}, "az account list", ""},
		{Exchange{Method: "GET", URL: arm[:strings.LastIndex(arm, "/")]}, "az iot dps list --subscription s --resource-group rg", ""},
		{Exchange{Method: "GET", URL: arm}, "az iot dps show --subscription s --resource-group rg --name contoso-dps", ""},
		{Exchange{Method: "GET", URL: arm + "/certificates/my-root"}, "az iot dps certificate show --subscription s --resource-group rg --dps-name contoso-dps --certificate-name my-root", ""},
		{
			Exchange{Method: "POST", URL: arm + "/certificates/my-root/generateVerificationCode", RequestHeader: http.Header{"If-Match": {"AAA="}}},
			"az iot dps certificate generate-verification-code --subscription s --resource-group rg --dps-name contoso-dps --certificate-name my-root --etag AAA=", "",
		},
		{Exchange{Method: "POST", URL: arm + "/certificates/my-root/verify", RequestBody: "{}"}, "az rest --method post --url " + arm + "/certificates/my-root/verify --body '{}'", ""},
		{Exchange{Method: "PUT", URL: "https://global.azure-devices-provisioning.net/0ne/registrations/d/register"}, "", whyAzDevice},
		{Exchange{Method: "PUT", URL: dps + "/0ne00111111/registrations/d/register"}, "", whyAzDevice},
		{Exchange{Method: "POST", URL: hub + "/devices/d/messages/events"}, "", whyAzDevice},
		{Exchange{Method: "GET", URL: "https://login.example/"}, "", whyAzOther},
		{
			Exchange{Method: "PUT", URL: dps + "/enrollments/d", RequestBody: `{"primaryKey":"` + Masked + `"}`},
			"# secrets are not kept; set these variables first:\n#   read -rs PRIMARY_KEY   # as JSON spells it: \\\" for \", \\\\ for \\\n" +
				": \"${PRIMARY_KEY:?}\" &&\nprintf %s '{\"primaryKey\":\"' \"$PRIMARY_KEY\" '\"}' |\n" +
				"az rest --method put --url " + dps + "/enrollments/d --resource https://azure-devices-provisioning.net --body @-", "",
		},
		{Exchange{Method: "PUT", URL: dps + "/enrollments/d", RequestBody: `{"text":"SharedAccessKey=` + Masked + `"}`}, "", whySecretBody},
		{Exchange{Method: "PUT", URL: dps + "/enrollments/d", RequestBody: strings.Repeat(" ", keptBody)}, "", whyTruncated},
		{Exchange{Method: "GET", URL: "://"}, "", whyAddress},
	} {
		if got, why := Az(&tt.x); got != tt.want || why != tt.why {
			t.Errorf("%s %s\ngot  %s (%s)\nwant %s (%s)", tt.x.Method, tt.x.URL, got, why, tt.want, tt.why)
		}
	}
}

func TestNoCopyOfWhatIsNotKept(t *testing.T) {
	t.Parallel()
	for why, x := range map[string]Exchange{
		whySecretBody: {Method: "PUT", URL: "https://a.example/", RequestBody: `{"password":"` + Masked + `"}`},
		whyTruncated:  {Method: "PUT", URL: "https://a.example/", RequestBody: strings.Repeat("x", keptBody), Truncated: true},
		whyAddress:    {Method: "PUT", URL: "://"},
	} {
		if text, got := OpenSSL(&x); text != "" || got != why {
			t.Errorf("openssl: %q, %q", text, got)
		}
		if text, got := GoSource(&x); text != "" || got != why {
			t.Errorf("go: %q, %q", text, got)
		}
	}
}

func FuzzAz(f *testing.F) {
	f.Add("GET", "https://a.azure-devices-provisioning.net/enrollments/d", "*", "")
	f.Add("POST", "https://management.azure.com/subscriptions/s/resourceGroups/rg/providers/Microsoft.Devices/provisioningServices/d/certificates/c/generateVerificationCode", "AAA=", "{}")
	f.Add("DELETE", "https://h.azure-devices.net/devices/$(id)", "", "'")
	f.Fuzz(func(t *testing.T, method, address, tag, body string) {
		x := Exchange{Method: method, URL: address, RequestHeader: http.Header{"If-Match": {tag}}, RequestBody: body}
		az, why := Az(&x)
		if (az == "") == (why == "") {
			t.Errorf("%q and %q", az, why)
		}
		if az != "" && !strings.HasPrefix(az, "az ") {
			t.Errorf("%q", az)
		}
		if source, why := GoSource(&x); (source == "") == (why == "") {
			t.Errorf("go: %q and %q", source, why)
		}
	})
}
