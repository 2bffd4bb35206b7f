package dps_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

// The group key and the registration ID of the public documentation, and what
// is computed from them with an independent program.
const (
	groupKey  = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="
	vectorID  = "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
	deviceKey = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="
	ownerKey  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

var vectorExpiry = time.Unix(1700000000, 0)

func TestDeriveDeviceKey(t *testing.T) {
	t.Parallel()
	got, err := dps.DeriveDeviceKey(groupKey, vectorID)
	if err != nil || got != deviceKey {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", "topsecret!", "topsecre"[:7]} {
		if _, err := dps.DeriveDeviceKey(bad, vectorID); err == nil {
			t.Errorf("key %q was taken", bad)
		} else if bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the key is in the error: %v", err)
		}
	}
}

var vectors = []struct {
	name, resource, keyName, key string
	sr, sig                      string // as they stand in the header
}{
	{"device", "0ne00000000/registrations/" + vectorID, "registration", deviceKey, "0ne00000000%2Fregistrations%2F" + vectorID, "UcaBdA4L3Se7NlFQZcBFRndkqyymINWtRUmVT5QYWng%3D"},
	{"service", "myfirstdps.azure-devices-provisioning.net", "provisioningserviceowner", ownerKey, "myfirstdps.azure-devices-provisioning.net", "EttLjh137o741I3ovletrHEqcI%2BTEoRbH4ykLRe1XVU%3D"},
	{"hub device", "myexamplehub.azure-devices.net/devices/" + vectorID, "", deviceKey, "myexamplehub.azure-devices.net%2Fdevices%2F" + vectorID, "JrTCtbYq8iy4bD%2FOAqZyVu7BIPpMjqfKoJcltUDyZe0%3D"},
}

func TestTokenVectors(t *testing.T) {
	t.Parallel()
	for _, tt := range vectors {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token, err := dps.Token(tt.resource, tt.keyName, dps.NewSecret(tt.key), vectorExpiry)
			if err != nil {
				t.Fatal(err)
			}
			want := "SharedAccessSignature sr=" + tt.sr + "&sig=" + tt.sig + "&se=1700000000"
			if tt.keyName != "" {
				want += "&skn=" + tt.keyName
			}
			if token.Reveal() != want {
				t.Errorf("got %s\nwant %s", token.Reveal(), want)
			}
			s, err := dps.ParseSharedAccessSignature(token.Reveal())
			if err != nil {
				t.Fatal(err)
			}
			if s.Resource != tt.resource || s.KeyName != tt.keyName || !s.Expiry.Equal(vectorExpiry) || !s.SignedBy(tt.key) {
				t.Errorf("read back as %+v, signed %v", s, s.SignedBy(tt.key))
			}
			if s.SignedBy(groupKey) || s.SignedBy("") || s.SignedBy("?") {
				t.Error("any key signs it")
			}
		})
	}
	if _, err := dps.Token("x", "", dps.NewSecret("topsecret!"), vectorExpiry); err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("a key that is not base64: %v", err)
	}
}

// Clients write the same token in many ways.
func TestParseSharedAccessSignatureDialects(t *testing.T) {
	t.Parallel()
	d, service := vectors[0], vectors[1]
	plainSR := "0ne00000000/registrations/" + vectorID
	plainSig := "kqpeQhO0jmnInQ8yMVJhA0agrZRghf9FF1XsJORNZr4%3D" // over the text with bare slashes
	for _, tt := range []struct {
		name, header, key, resource string
		signed                      bool
	}{
		{"az: sr, sig, se, skn", "SharedAccessSignature sr=" + d.sr + "&sig=" + d.sig + "&se=1700000000&skn=registration", deviceKey, d.resource, true},
		{"Node: sr, sig, skn, se", "SharedAccessSignature sr=" + d.sr + "&sig=" + d.sig + "&skn=registration&se=1700000000", deviceKey, d.resource, true},
		{"any order", "SharedAccessSignature se=1700000000&skn=registration&sig=" + d.sig + "&sr=" + d.sr, deviceKey, d.resource, true},
		{"sr with bare slashes", "SharedAccessSignature sr=" + plainSR + "&sig=" + plainSig + "&se=1700000000&skn=registration", deviceKey, d.resource, true},
		{"sr with bare slashes, signed encoded", "SharedAccessSignature sr=" + plainSR + "&sig=" + d.sig + "&se=1700000000", deviceKey, d.resource, false},
		{"scheme in lower case", "sharedaccesssignature  sr=" + d.sr + "&sig=" + d.sig + "&se=1700000000 ", deviceKey, d.resource, true},
		{"bare plus sign in sig", "SharedAccessSignature sr=" + service.sr + "&sig=EttLjh137o741I3ovletrHEqcI+TEoRbH4ykLRe1XVU=&se=1700000000", ownerKey, service.resource, true},
		{"another expiry", "SharedAccessSignature sr=" + d.sr + "&sig=" + d.sig + "&se=1700000001", deviceKey, d.resource, false},
		{"another resource", "SharedAccessSignature sr=0ne00000001&sig=" + d.sig + "&se=1700000000", deviceKey, "0ne00000001", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := dps.ParseSharedAccessSignature(tt.header)
			if err != nil {
				t.Fatal(err)
			}
			if s.Resource != tt.resource || s.SignedBy(tt.key) != tt.signed {
				t.Errorf("resource %q, signed %v", s.Resource, s.SignedBy(tt.key))
			}
		})
	}
}

var badSignatures = []string{
	"", "SharedAccessSignature", "Bearer topsecret", "SharedAccessSignature topsecret",
	"SharedAccessSignature sr=a&sig=topsecret", "SharedAccessSignature sr=a&sig=topsecret&se=soon",
	"SharedAccessSignature sr=a&se=1", "SharedAccessSignature sig=topsecret&se=1", "SharedAccessSignature sr=%zz&sig=topsecret&se=1",
	"SharedAccessSignature sr=a&sig=topsecret&se=99999999999999999999",
}

func TestParseSharedAccessSignatureRefuses(t *testing.T) {
	t.Parallel()
	for _, header := range badSignatures {
		if _, err := dps.ParseSharedAccessSignature(header); err == nil || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%q: %v", header, err)
		}
	}
}

func TestParseConnectionString(t *testing.T) {
	t.Parallel()
	const whole = "HostName=x.azure-devices-provisioning.net;SharedAccessKeyName=owner;SharedAccessKey=" + ownerKey
	for _, tt := range []struct {
		name, text, host string
		err              string // part of it; empty: none
	}{
		{"of a DPS instance", whole, "x.azure-devices-provisioning.net", ""},
		{"of a hub", "HostName=h.azure-devices.net;SharedAccessKeyName=owner;SharedAccessKey=" + ownerKey, "h.azure-devices.net", ""},
		{"another order and case", "sharedaccesskey=" + ownerKey + ";SHAREDACCESSKEYNAME=owner;hostname=x.azure-devices-provisioning.net", "x.azure-devices-provisioning.net", ""},
		{"blanks and a line feed", " HostName = x.azure-devices-provisioning.net ; SharedAccessKeyName= owner; SharedAccessKey = " + ownerKey + "\n", "x.azure-devices-provisioning.net", ""},
		{"quotes of JSON", `"` + whole + `"` + "\n", "x.azure-devices-provisioning.net", ""},
		{"quotes of a shell", "'" + whole + "'", "x.azure-devices-provisioning.net", ""},
		{"semicolon at the end", whole + ";", "x.azure-devices-provisioning.net", ""},
		{"more fields", whole + ";GatewayHostName=g", "x.azure-devices-provisioning.net", ""},
		{"empty", "", "", "HostName"},
		{"a word", "topsecret", "", "HostName"},
		{"one quote", `"`, "", "HostName"},
		{"no host name", "SharedAccessKeyName=owner;SharedAccessKey=" + ownerKey, "", "HostName"},
		{"of a device", "HostName=h.azure-devices.net;DeviceId=d;SharedAccessKey=" + ownerKey, "", "SharedAccessKeyName"},
		{"no key", "HostName=x;SharedAccessKeyName=owner", "", "no SharedAccessKey"},
		{"key cut", "HostName=x;SharedAccessKeyName=owner;SharedAccessKey=" + ownerKey[:41], "", "not base64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := dps.ParseConnectionString(tt.text)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), ownerKey[:20]) || strings.Contains(err.Error(), "topsecret") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.HostName != tt.host || c.KeyName != "owner" || c.Key.Reveal() != ownerKey {
				t.Errorf("got %q %q %q", c.HostName, c.KeyName, c.Key.Reveal())
			}
		})
	}
}

func TestConnectionStringAuthorizes(t *testing.T) {
	t.Parallel()
	c, err := dps.ParseConnectionString("HostName=x.azure-devices-provisioning.net;SharedAccessKeyName=owner;SharedAccessKey=" + ownerKey)
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.Authorizer()(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := dps.ParseSharedAccessSignature(token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if s.Resource != c.HostName || s.KeyName != "owner" || !s.SignedBy(ownerKey) || !s.Expiry.After(time.Now()) {
		t.Errorf("got %+v", s)
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	secret := dps.NewSecret("topsecret")
	type holder struct {
		Public dps.Secret
		hidden dps.Secret
		any    any
	}
	h := holder{secret, secret, secret}
	connection := dps.ConnectionString{HostName: "h", KeyName: "n", Key: secret}
	for _, v := range []any{secret, &secret, h, &h, connection, []dps.Secret{secret}, map[string]dps.Secret{"a": secret}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%08b", "%c", "%t"} {
			got := fmt.Sprintf(verb, v)
			if strings.Contains(got, "topsecret") || strings.Contains(strings.ToLower(got), fmt.Sprintf("%x", "topsecret")) {
				t.Errorf("%s of %T shows it: %s", verb, v, got)
			}
		}
		raw, err := json.Marshal(v)
		if err != nil || strings.Contains(string(raw), "topsecret") {
			t.Errorf("JSON of %T: %s, %v", v, raw, err)
		}
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", secret, "holder", h)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", secret, "holder", h)
	if strings.Contains(log.String(), "topsecret") || !strings.Contains(log.String(), "[secret]") {
		t.Errorf("logged: %s", &log)
	}
	var none dps.Secret
	if secret.Reveal() != "topsecret" || secret.Empty() || !none.Empty() || none.Reveal() != "" || !dps.NewSecret("").Empty() {
		t.Error("the text itself got lost")
	}
}

func FuzzParseSharedAccessSignature(f *testing.F) {
	for _, v := range vectors {
		f.Add("SharedAccessSignature sr=" + v.sr + "&sig=" + v.sig + "&se=1700000000")
	}
	for _, header := range badSignatures {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		s, err := dps.ParseSharedAccessSignature(header)
		if err != nil {
			if len(header) > 40 && strings.Contains(err.Error(), header[20:]) {
				t.Errorf("the header is in the error: %v", err)
			}
			return
		}
		if s.SignedBy("") {
			t.Error("no key at all signs it")
		}
		// A signature made over its own resource and expiry is good.
		token, err := dps.Token(s.Resource, s.KeyName, dps.NewSecret(ownerKey), s.Expiry)
		if err != nil {
			t.Fatal(err)
		}
		again, err := dps.ParseSharedAccessSignature(token.Reveal())
		if s.Resource == "" {
			return // which Token does not refuse and the reader does
		}
		if err != nil || !again.SignedBy(ownerKey) || again.Resource != s.Resource || again.KeyName != s.KeyName || !again.Expiry.Equal(s.Expiry) {
			t.Errorf("%q: read back as %+v, %v", token.Reveal(), again, err)
		}
	})
}

func FuzzParseConnectionString(f *testing.F) {
	f.Add("HostName=x;SharedAccessKeyName=owner;SharedAccessKey=" + ownerKey)
	f.Add("\"HostName=x;SharedAccessKey=AAA;SharedAccessKeyName=\"")
	f.Add(";;==;HostName=;SharedAccessKey=;")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := dps.ParseConnectionString(text)
		if err != nil {
			if key := c.Key.Reveal(); len(key) > 20 && strings.Contains(err.Error(), key) {
				t.Errorf("the key is in the error: %v", err)
			}
			return
		}
		if _, err := base64.StdEncoding.DecodeString(c.Key.Reveal()); err != nil || c.HostName == "" || c.KeyName == "" {
			t.Errorf("%q was taken: %q %q %v", text, c.HostName, c.KeyName, err)
		}
		token, err := c.Authorizer()(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dps.ParseSharedAccessSignature(token.Reveal()); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func TestCheckIDScope(t *testing.T) {
	t.Parallel()
	for scope, good := range map[string]bool{
		"0ne00111111": true, "0neFFFFFFFF": true, "0ne00LAB001": false, "": false, "0ne": false, "one00111111": false, " 0ne00111111": false, "0ne00111111/": false,
	} {
		if err := dps.CheckIDScope(scope); (err == nil) != good {
			t.Errorf("%q: %v", scope, err)
		}
	}
}
