package wire

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// places are where secrets are known to stand; each puts one there.
var places = []struct {
	name string
	put  func(secret string) string
}{
	{"primaryKey", member("primaryKey")},
	{"secondaryKey", member("secondaryKey")},
	{"PrimaryKey in capitals", member("PRIMARYKEY")},
	{"password", member("password")},
	{"passphrase", member("passphrase")},
	{"sasToken", member("sasToken")},
	{"authenticationKey", member("authenticationKey")},
	{"connectionString", member("connectionString")},
	{"access_token", member("access_token")},
	{"accessToken", member("accessToken")},
	{"refresh_token", member("refresh_token")},
	{"client_secret", member("client_secret")},
	{"sharedAccessKey", member("sharedAccessKey")},
	{"PFX", func(s string) string { return `{"properties":{"data":"MII` + s + `"}}` }},
	{"blanks around the colon", func(s string) string { return "{\"password\" \n:\t\"" + s + `"}` }},
	{"cut inside a member", func(s string) string { return `{"primaryKey":"` + s }},
	{"cut after a backslash", func(s string) string { return `{"primaryKey":"` + s + `\` }},
	{"JSON in JSON", func(s string) string { return `{"Message":"{\"primaryKey\":\"` + s + `\",\"x\":1}"}` }},
	{"connection string", func(s string) string {
		return "HostName=x.azure-devices-provisioning.net;SharedAccessKeyName=owner;SharedAccessKey=" + s + ";x=y"
	}},
	{"connection string with blanks", func(s string) string { return "SharedAccessKey = " + s }},
	{"shared access signature", func(s string) string { return "SharedAccessSignature sr=a%2Fb&sig=" + s + "&se=1" }},
	{"signature in a URL", func(s string) string { return "GET https://x.example/a?sv=1&sig=" + s + "&se=2 failed" }},
	{"signature in a URL in JSON", func(s string) string { return `{"url":"https://x.example/a?sv=1\u0026sig=` + s + `\u0026se=2"}` }},
	{"bearer token", func(s string) string { return "Authorization: Bearer " + s }},
	{"private key", func(s string) string { return "-----BEGIN PRIVATE KEY-----\n" + s + "\n-----END PRIVATE KEY-----\n" }},
	{"RSA private key", func(s string) string {
		return "x -----BEGIN RSA PRIVATE KEY-----\n" + s + "\n-----END RSA PRIVATE KEY----- y"
	}},
	{"private key, cut", func(s string) string { return "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + s }},
	{"private key in JSON", func(s string) string {
		return `{"k":"-----BEGIN EC PRIVATE KEY-----\n` + s + `\n-----END EC PRIVATE KEY-----"}`
	}},
}

func member(name string) func(string) string {
	return func(s string) string { return `{"a":1,"` + name + `":"` + s + `","b":"kept"}` }
}

const planted = "dG9wc2VjcmV0dG9wc2VjcmV0dG9wc2VjcmV0+/=="

func TestRedactText(t *testing.T) {
	t.Parallel()
	for _, p := range places {
		got := RedactText(p.put(planted))
		if strings.Contains(got, planted[:36]) || !strings.Contains(got, Masked) {
			t.Errorf("%s: %q", p.name, got)
		}
		if again := RedactText(got); again != got {
			t.Errorf("%s: not stable: %q, then %q", p.name, got, again)
		}
	}
	for _, text := range []string{
		"", `{"registrationId":"device-01"}`, `{"data":"hello"}`, `{"temperature":21.5}`,
		"HostName=x;SharedAccessKeyName=owner", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
		`{"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":null}}}`,
	} {
		if got := RedactText(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := RedactText(member("password")("x")); got != `{"a":1,"password":"`+Masked+`","b":"kept"}` || !json.Valid([]byte(got)) {
		t.Errorf("the rest is not kept: %s", got)
	}
}

// A body is cut before it is shown: the cut must not free a secret.
func TestRedactTextAtEveryCut(t *testing.T) {
	t.Parallel()
	for _, p := range places {
		whole := p.put(planted)
		for n := range len(whole) {
			if got := RedactText(whole[:n]); strings.Contains(got, planted[:8]) {
				t.Fatalf("%s, cut after %d: %q", p.name, n, got)
			}
		}
	}
}

func FuzzRedactText(f *testing.F) {
	f.Add(uint(0), "before ", " after", planted)
	f.Add(uint(18), `{"x":"`, `"}`, "MIIabcdefgh")
	f.Add(uint(24), "\"", "\\", "c2VjcmV0c2VjcmV0")
	f.Add(uint(27), "Bearer ", "-----BEGIN", "00000000")
	f.Fuzz(func(t *testing.T, place uint, before, after, secret string) {
		RedactText(before + secret + after) // any text at all
		// What may stand in a key, a token or a signature. A place that the text
		// before it pulls into another string is another place.
		if len(secret) < 8 || strings.Trim(secret, base64Alphabet) != "" || strings.ContainsAny(before, `"\-`) {
			return
		}
		p := places[place%uint(len(places))]
		if got := RedactText(before + " " + p.put("~"+secret) + after); strings.Contains(got, "~"+secret) {
			t.Errorf("%s: %q", p.name, got)
		}
	})
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="

func TestRedactHeader(t *testing.T) {
	t.Parallel()
	h := http.Header{
		"Authorization":             {"Bearer " + planted, "SharedAccessSignature sr=x&sig=" + planted},
		"authorization":             {planted},
		"Proxy-Authorization":       {"Basic " + planted},
		"Cookie":                    {"a=" + planted},
		"Set-Cookie":                {"a=" + planted + "; Path=/"},
		"Ocp-Apim-Subscription-Key": {planted},
		"Location":                  {"https://x.example/?a=1&sig=" + planted},
		"Content-Type":              {"application/json"},
	}
	got := redactHeader(h)
	for name, values := range got {
		for _, v := range values {
			if strings.Contains(v, planted) {
				t.Errorf("%s: %s", name, v)
			}
		}
	}
	if got.Get("Authorization") != "Bearer "+Masked || got.Get("Proxy-Authorization") != "Basic "+Masked || got.Get("Content-Type") != "application/json" {
		t.Errorf("got %v", got)
	}
	if h.Get("Ocp-Apim-Subscription-Key") != planted {
		t.Error("the request's own header was changed")
	}
	if redactHeader(nil) != nil {
		t.Error("no header became one")
	}
}

func TestRedactURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://x.example/a?api-version=1":        "https://x.example/a?api-version=1",
		"https://user:topsecret@x.example/a":       "https://x.example/a",
		"https://x.example/f?code=topsecret":       "https://x.example/f?code=" + Masked,
		"https://x.example/f?a=1&SIG=topsecret&b":  "https://x.example/f?a=1&SIG=" + Masked + "&b",
		"https://x.example/f?%73ig=topsecret":      "https://x.example/f?%73ig=" + Masked,
		"https://x.example/f?sig=top=secret&code":  "https://x.example/f?sig=" + Masked + "&code",
		"https://x.example/f?access_token=topsecr": "https://x.example/f?access_token=" + Masked,
	} {
		u := mustURL(t, in)
		if got := redactURL(u); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
		if u.String() != in {
			t.Errorf("the URL itself was changed to %s", u)
		}
	}
}

func FuzzRedactURL(f *testing.F) {
	f.Add("https://x.example/a?api-version=1&sig=abc")
	f.Add("https://u:p@x.example/?CODE=1;sig=2&%63ode=3#sig=4")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		shown, err := url.Parse(redactURL(u))
		if err != nil {
			return // odd before already: what url.Parse accepts it does not always accept again
		}
		if shown.User != nil {
			t.Errorf("%q shows the user", text)
		}
		for name, values := range shown.Query() {
			for _, v := range values {
				if (strings.EqualFold(name, "sig") || strings.EqualFold(name, "code")) && v != "" && v != Masked {
					t.Errorf("%q shows %s=%s", text, name, v)
				}
			}
		}
	})
}
