package dps_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"dpslab/pki"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator/labtest"
)

func readEnrollment(t testing.TB, text string) *dps.IndividualEnrollment {
	t.Helper()
	e := new(dps.IndividualEnrollment)
	if err := json.Unmarshal([]byte(text), e); err != nil {
		t.Fatal(err)
	}
	return e
}

// What is not known here is sent back as it came, at every depth.
func TestUnknownMembersSurvive(t *testing.T) {
	t.Parallel()
	const came = `{"registrationId":"d","credentialPolicyName":"p","big":12345678901234567890,
		"attestation":{"type":"x509","novel":[1],"x509":{"clientCertificates":{"primary":{"info":{"subjectName":"CN=d","extra":true},"certificate":null}}}},
		"initialTwin":{"tags":{"n":9007199254740993},"properties":{"desired":{},"later":{"a":null}}},"provisioningStatus":"enabled","ETag":"\"1\"","iotHubs":["a"]}`
	for _, tt := range []struct {
		name   string
		change func(*dps.IndividualEnrollment)
		want   string
	}{
		{"nothing", func(*dps.IndividualEnrollment) {}, came},
		{"one member", func(e *dps.IndividualEnrollment) { e.ProvisioningStatus = "disabled" }, strings.Replace(came, `"enabled"`, `"disabled"`, 1)},
		{"a member goes", func(e *dps.IndividualEnrollment) { e.IoTHubs = nil }, strings.Replace(came, `,"iotHubs":["a"]`, "", 1)},
		{"a list", func(e *dps.IndividualEnrollment) { e.IoTHubs = append(e.IoTHubs, "b") }, strings.Replace(came, `["a"]`, `["a","b"]`, 1)},
		{"a member that was null", func(e *dps.IndividualEnrollment) {
			e.Attestation.X509.ClientCertificates.Primary.Certificate = "MIIB"
		}, strings.Replace(came, `"certificate":null`, `"certificate":"MIIB"`, 1)},
		{"another spelling", func(e *dps.IndividualEnrollment) { e.ETag = `"2"` }, strings.Replace(came, `"ETag":"\"1\""`, `"etag":"\"2\""`, 1)},
		{"an object with unknown members goes", func(e *dps.IndividualEnrollment) {
			e.Attestation.X509, e.Attestation.Type = nil, "symmetricKey"
		}, strings.Replace(strings.Replace(came, `"type":"x509"`, `"type":"symmetricKey"`, 1),
			`,"x509":{"clientCertificates":{"primary":{"info":{"subjectName":"CN=d","extra":true},"certificate":null}}}`, "", 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := readEnrollment(t, came)
			copied := *e // a copy is of the same origin
			tt.change(&copied)
			raw, err := json.Marshal(&copied)
			if err != nil {
				t.Fatal(err)
			}
			// A name may take its usual spelling.
			usual := strings.NewReplacer(`"ETag"`, `"etag"`)
			if got, want := numbersKept(t, usual.Replace(string(raw))), numbersKept(t, usual.Replace(tt.want)); !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%s\nwant\n%s", raw, tt.want)
			}
		})
	}
	g := new(dps.EnrollmentGroup)
	if err := json.Unmarshal([]byte(`{"enrollmentGroupId":"g","attestation":{"type":"x509"},"novel":1}`), g); err != nil {
		t.Fatal(err)
	}
	g.ProvisioningStatus = "disabled"
	if raw, err := json.Marshal(g); err != nil || !strings.Contains(string(raw), `"novel":1`) {
		t.Errorf("%s, %v", raw, err)
	}
}

func numbersKept(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDiff(t *testing.T) {
	t.Parallel()
	leaf := labtest.SelfSigned(t, "d").Leaf
	sum := pki.Thumbprint256(leaf)
	text, err := json.Marshal(string(pki.EncodeCertificates(leaf)))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, old, updated string
		want               []string
	}{
		{"equal", `{"registrationId":"d"}`, `{"registrationId":"d"}`, nil},
		{"what the service writes", `{"registrationId":"d","etag":"1","createdDateTimeUtc":"a","lastUpdatedDateTimeUtc":"b","registrationState":{"status":"assigned"}}`, `{"registrationId":"d"}`, nil},
		{"null and empty", `{"registrationId":"d","initialTwin":null,"iotHubs":[]}`, `{"registrationId":"d","initialTwin":{"tags":{}},"capabilities":null}`, nil},
		{
			"members", `{"registrationId":"d","provisioningStatus":"enabled","iotHubs":["a"],"novel":1}`, `{"registrationId":"d","provisioningStatus":"disabled","deviceId":"x","novel":{"a":2}}`,
			[]string{`deviceId: none → "x"`, `iotHubs: ["a"] → none`, `novel: 1 → {"a":2}`, `provisioningStatus: "enabled" → "disabled"`},
		},
		{
			"inside", `{"registrationId":"d","initialTwin":{"tags":{"n":9007199254740993}}}`, `{"registrationId":"d","initialTwin":{"tags":{"n":9007199254740992}}}`,
			[]string{"initialTwin.tags.n: 9007199254740993 → 9007199254740992"},
		},
		{
			"keys", `{"registrationId":"d","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"topsecret1","secondaryKey":"topsecret2"}}}`,
			`{"registrationId":"d","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"topsecret3","secondaryKey":"topsecret2"}}}`,
			[]string{"attestation.symmetricKey.primaryKey: [secret] → another [secret]"},
		},
		{"keys that are left out", `{"registrationId":"d","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"topsecret1"}}}`, `{"registrationId":"d","attestation":{"type":"symmetricKey"}}`, nil},
		{
			"a certificate and what the service says of it",
			`{"registrationId":"d","attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"info":{"sha256Thumbprint":"` + strings.ToLower(sum) + `"}}}}}}`,
			`{"registrationId":"d","attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"certificate":` + string(text) + `}}}}}`, nil,
		},
		{
			"a secondary certificate", `{"registrationId":"d","attestation":{"type":"x509","x509":{}}}`,
			`{"registrationId":"d","attestation":{"type":"x509","x509":{"clientCertificates":{"secondary":{"certificate":` + string(text) + `}}}}}`,
			[]string{"attestation.x509.clientCertificates.secondary: none → SHA-256 " + sum},
		},
		{
			"CA references", `{"registrationId":"d","attestation":{"type":"x509","x509":{"caReferences":{"primary":"a"}}}}`, `{"registrationId":"d","attestation":{"type":"x509","x509":{"caReferences":{"primary":"b"}}}}`,
			[]string{`attestation.x509.caReferences.primary: "a" → "b"`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, c := range dps.Diff(readEnrollment(t, tt.old), readEnrollment(t, tt.updated)) {
				got = append(got, c.String())
			}
			// A member without omitempty is there on both sides or on none.
			got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "attestation.type") })
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
	if changes := dps.Diff(nil, keyGroup("line-3")); len(changes) != 2 || changes[1].Field != "enrollmentGroupId" {
		t.Errorf("a new one: %v", changes)
	}
}

func TestCertificateOf(t *testing.T) {
	t.Parallel()
	leaf := labtest.SelfSigned(t, "d").Leaf
	encoded := pki.EncodeCertificates(leaf)
	for name, text := range map[string]string{
		"PEM": string(encoded), "base64 of PEM": base64.StdEncoding.EncodeToString(encoded), "base64 of DER": base64.StdEncoding.EncodeToString(leaf.Raw),
		"in lines": strings.Join(strings.SplitAfter(base64.StdEncoding.EncodeToString(leaf.Raw), "A"), "\n"),
	} {
		if c := dps.CertificateOf(text); c == nil || !bytes.Equal(c.Raw, leaf.Raw) {
			t.Errorf("%s is not read", name)
		}
	}
	for _, text := range []string{"", "MIIB", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "!", base64.StdEncoding.EncodeToString(leaf.Raw[:40])} {
		if dps.CertificateOf(text) != nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestPrintedRecordsHideKeys(t *testing.T) {
	t.Parallel()
	e := readEnrollment(t, strings.ReplaceAll(individualByKey, "AAECAwQFBgcICQoLDA0ODw==", "topsecret"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		got := fmt.Sprintf(verb, e) + fmt.Sprintf(verb, *e) + fmt.Sprintf(verb, e.Attestation.SymmetricKey)
		if strings.Contains(got, "topsecret") || strings.Contains(got, fmt.Sprintf("%x", "topsecret")) || strings.Contains(got, "116 111 112 115") {
			t.Errorf("%s shows the key: %s", verb, got)
		}
	}
}

// Reading and writing again keeps everything; a change of one member changes
// that member alone.
func FuzzRecord(f *testing.F) {
	for _, text := range []string{individual, individualByKey, individualByTPM, `{"registrationId":"d","x":{"y":[1e400]},"ETag":"1","etag":"2"}`, `{"a":"\ud800"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e := new(dps.IndividualEnrollment)
		if json.Unmarshal(raw, e) != nil {
			return
		}
		same, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			t.Fatal(err)
		}
		if again := new(dps.IndividualEnrollment); json.Unmarshal(same, again) != nil || len(dps.Diff(e, again)) > 0 {
			t.Errorf("%s became %s", raw, same)
		}
		e.ProvisioningStatus += "x"
		changed, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		back := new(dps.IndividualEnrollment)
		if err := json.Unmarshal(changed, back); err != nil {
			t.Fatalf("%s: %v", changed, err)
		}
	})
}
