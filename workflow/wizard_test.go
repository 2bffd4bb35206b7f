package workflow

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"dpslab/profiles"
)

func TestWizardWalk(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		answers Answers
		asked   map[Page][]string
		steps   string // words that the plan must hold
	}{
		{
			"lab, self-signed",
			Answers{keyRegistrationID: "my-x509-device"},
			map[Page][]string{
				PageWhere: {keyTarget}, PageIdentity: {keyRegistrationID, keyName, keyAttestation},
				PageCertificates: {keySource, keyAlgorithm, keyValidDays, keyPassphraseEnv, keyPassphraseCommand, keyMoreCertificates},
				PageEnrollment:   {keyDeviceID, keyAllocation, keyMoreEnrollment},
				PageTelemetry:    {keyCount, keyBatch, keyInterval, keyBody, keyContentType, keyAPIMService},
			},
			"individual enrollment my-x509-device",
		},
		{
			"lab, chain",
			Answers{keyRegistrationID: "device-01", keySource: profiles.SourceChain},
			map[Page][]string{
				PageCertificates: {keySource, keyAlgorithm, keyValidDays, keyAuthority, keyPassphraseEnv, keyPassphraseCommand, keyMoreCertificates},
				PageEnrollment:   {keyEnrollment, keyEnrollmentID, keyAllocation, keyMoreEnrollment},
			},
			"enrollment group dpslab-group",
		},
		{
			"lab, files",
			Answers{keyRegistrationID: "device-01", keySource: profiles.SourceFiles, keyCertificate: "/c.pem"},
			map[Page][]string{
				PageCertificates: {keySource, keyCertificate, keyKeyFile, keyPassphraseEnv, keyPassphraseCommand, keyMoreCertificates},
				PageEnrollment:   {keyEnrollment, keyDeviceID, keyAllocation, keyMoreEnrollment},
			},
			"import /c.pem",
		},
		{
			"Azure by connection string",
			Answers{
				keyRegistrationID: "d", keyTarget: profiles.TargetAzure, "target.id_scope": "0ne00111111",
				"target.service_endpoint": "contoso.azure-devices-provisioning.net", keyCredential: profiles.CredentialConnectionString,
			},
			map[Page][]string{PageWhere: {keyTarget, "target.id_scope", "target.service_endpoint", keyCredential, "target.connection_string_env"}},
			"at contoso.azure-devices-provisioning.net",
		},
		{
			"symmetric key",
			Answers{keyRegistrationID: "d", keyAttestation: profiles.AttestationSymmetricKey},
			map[Page][]string{
				PageIdentity:   {keyRegistrationID, keyName, keyAttestation, keySymmetricKeyEnv},
				PageEnrollment: {keyEnrollment, keyDeviceID, keyAllocation, keyMoreEnrollment},
				PageTelemetry:  {keyCount, keyBatch, keyInterval, keyBody, keyContentType},
			},
			"token signed by the device's key",
		},
		{
			"symmetric key of a group, with everything",
			Answers{
				keyRegistrationID: "d", keyAttestation: profiles.AttestationSymmetricKey, keyEnrollment: "group", keySymmetricKeyEnv: "GROUP_KEY",
				keyMoreEnrollment: yes, keyDerivedKey: yes, keyAllocation: "custom", keyWebhook: "https://contoso.example/allocate", keyReprovision: "reset",
				keyEdge: yes, keyTwin: `{"tags": {"line": 3}}`, keyPayload: `{"a":1}`,
			},
			map[Page][]string{PageEnrollment: {
				keyEnrollment, keyEnrollmentID, keyAllocation, keyHubs, keyWebhook, keyWebhookVersion, keyMoreEnrollment,
				keyDerivedKey, keyReprovision, keyEdge, keyTwin, keyPayload,
			}},
			"enrollment group dpslab-group",
		},
		{
			"TPM",
			Answers{keyRegistrationID: "d", keyAttestation: profiles.AttestationTPM},
			map[Page][]string{
				PageIdentity:   {keyRegistrationID, keyName, keyAttestation, keyTPMDevice},
				PageEnrollment: {keyDeviceID, keyAllocation, keyMoreEnrollment},
			},
			"the TPM at /dev/tpmrm0",
		},
		{
			"chain with everything",
			Answers{
				keyRegistrationID: "d", keySource: profiles.SourceChain, keyMoreCertificates: yes, keyIntermediates: "2", keySecondaryAuthority: "ca-2",
				keyPFXPasswordEnv: "PFX", keyAPIMService: "contoso-apim", keyMoreEnrollment: yes, keyCAReference: "dpslab-ca",
			},
			map[Page][]string{
				PageCertificates: {keySource, keyAlgorithm, keyValidDays, keyAuthority, keyPassphraseEnv, keyPassphraseCommand, keyMoreCertificates, keySecondaryAuthority, keyIntermediates, keyPFXPasswordEnv, keyPFXCompatible},
				PageTelemetry:    {keyCount, keyBatch, keyInterval, keyBody, keyContentType, keyAPIMService, keyAPIMCertificate},
			},
			"as d to contoso-apim",
		},
		{
			"signing request",
			Answers{keyRegistrationID: "d", keySource: profiles.SourceCSR},
			map[Page][]string{PageCertificates: {keySource, keyAlgorithm, keySignedFile, keyPassphraseEnv, keyPassphraseCommand, keyMoreCertificates}},
			"wait for the signed certificate",
		},
		{
			"static",
			Answers{keyRegistrationID: "d", keyAllocation: "static"},
			map[Page][]string{PageEnrollment: {keyDeviceID, keyAllocation, keyHubs, keyMoreEnrollment}},
			"enrollment",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := NewWizard(tt.answers)
			for _, page := range Pages() {
				if w.Empty(page) {
					continue
				}
				if w.Page != page {
					t.Fatalf("on page %s, want %s", w.Page.Title(), page.Title())
				}
				var got []string
				for _, f := range w.Fields() {
					got = append(got, f.Key)
				}
				if want, ok := tt.asked[page]; ok && !slices.Equal(got, want) {
					t.Errorf("page %s asks %v, want %v", page.Title(), got, want)
				}
				next, wrong := w.Submit()
				if len(wrong) > 0 {
					t.Fatalf("page %s: %v", page.Title(), wrong)
				}
				w = next
			}
			if wrong := CheckProfile(w.Profile()); len(wrong) > 0 {
				t.Errorf("the profile is refused: %v", wrong)
			}
			if plan := strings.Join(w.Plan(), "\n"); !strings.Contains(plan, tt.steps) || len(w.Plan()) < len(Steps()) {
				t.Errorf("the plan is\n%s", plan)
			}
			doc, err := profiles.Parse("x.toml", []byte(w.TOML()))
			if err != nil {
				t.Fatal(err)
			}
			again, err := profiles.Encode(withDefaults(doc.Profile))
			if err != nil || string(again) != w.TOML() {
				t.Errorf("read back, the profile is\n%s\nwas\n%s (%v)", again, w.TOML(), err)
			}
		})
	}
}

func TestFieldErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 65)
	azure := Answers{keyTarget: profiles.TargetAzure}
	tests := []struct {
		key, value string
		base       Answers
		want       string // "" for a good value
	}{
		{keyRegistrationID, "my-x509-device", nil, ""},
		{keyRegistrationID, "press:3-", nil, ""},
		{keyRegistrationID, "", nil, "is empty"},
		{keyRegistrationID, "press.", nil, "ends in '.', must end in a letter, digit or '-'"},
		{keyRegistrationID, "press 3", nil, "blank"},
		{keyRegistrationID, "pré", nil, "'é'"},
		{keyRegistrationID, long, nil, "64"},
		{keyName, "a/b", nil, "'/'"},
		{keyName, "taken", nil, "choose another"},
		{"target.id_scope", "0ne00111111", azure, ""},
		{"target.id_scope", "", azure, "is empty"},
		{"target.id_scope", "contoso", azure, "does not look like an ID scope"},
		{"target.service_endpoint", "https://contoso.azure-devices-provisioning.net", azure, "without https://"},
		{"target.service_endpoint", "contoso", azure, "is not a host name"},
		{"target.subscription_id", "", azure, ""},
		{"target.subscription_id", "x", azure, "is not a subscription ID"},
		{keyTarget, "gcp", nil, "must be one of lab, azure"},
		{keyValidDays, "0", nil, "from 1 to 3650"},
		{keyValidDays, "ten", nil, "from 1 to 3650"},
		{keyPassphraseEnv, "", nil, ""},
		{keyPassphraseEnv, "my secret", nil, "the secret itself does not belong here"},
		{keyPassphraseCommand, "", nil, ""},
		{keyPassphraseCommand, "pass show dps/device-01", nil, ""},
		{keyPassphraseCommand, "first\nsecond", nil, "must be one line"},
		{keyDeviceID, "a b", nil, "must be 1 to 128"},
		{keyEnrollmentID, "line_", chainAnswers, "ends in '_'"},
		{keyHubs, "a.net, b.net", Answers{keyAllocation: "static"}, "exactly one hub"},
		{keyCount, "-1", nil, "from 1 to"},
		{keyInterval, "500ms", nil, ""},
		{keyInterval, "5", nil, "must be a duration"},
		{keyInterval, "-1s", nil, "must be a duration"},
		{keyBody, "plain text", Answers{keyContentType: "text/plain"}, ""},
		{keyBody, "{{ nope }}", nil, "is not a template of now, n and wave"},
		{keyBody, `{{ wave 1 2 "x" }}`, nil, "cannot be filled in"},
		{keyBody, `{{ printf "%0999999999d" 1 }}`, nil, "only now, n and wave"},
		{keyBody, "{{ range 1000000000 }}{{ end }}", nil, "only now, n and wave"},
		{keyBody, "{{ if n }}{{ template \"body\" }}{{ end }}", nil, "only now, n and wave"},
		{keyBody, "{{ if n }}{{ n }}{{ else }}{{ now }}{{ end }}", nil, ""},
		{keyBody, strings.Repeat("x", 256<<10+1), nil, "bytes long"},
		{keyContentType, "", nil, "media type"},
		{keyRegistrationID, long, Answers{keyAttestation: "symmetric-key"}, ""},
		{keySymmetricKeyEnv, "", Answers{keyAttestation: "symmetric-key"}, ""},
		{keySymmetricKeyEnv, "", Answers{keyAttestation: "symmetric-key", keyTarget: "azure", keyCredential: "none"}, "name the variable"},
		{keySymmetricKeyEnv, "c2VjcmV0IHNlY3JldA==", Answers{keyAttestation: "symmetric-key"}, "the secret itself does not belong here"},
		{keySymmetricKeyEnv, long, Answers{keyAttestation: "symmetric-key"}, "the secret itself does not belong here"},
		{keyTPMDevice, "", Answers{keyAttestation: "tpm"}, "is empty"},
		{keyBatch, "0", nil, "from 1 to 500"},
		{keyIntermediates, "4", with(chainAnswers, keyMoreCertificates, yes), "from 1 to 3"},
		{keySecondaryAuthority, "dpslab-ca", with(chainAnswers, keyMoreCertificates, yes), "is the authority itself"},
		{keyWebhook, "contoso", Answers{keyAllocation: "custom"}, "is not a URL"},
		{keyWebhook, "http://contoso.example", Answers{keyAllocation: "custom", keyTarget: "azure"}, "https://"},
		{keyWebhook, "https://contoso.example/a?code=abc", Answers{keyAllocation: "custom"}, "holds a secret"},
		{keyWebhookVersion, "2017-01-01", Answers{keyAllocation: "custom"}, "2018-09-01-preview or later"},
		{keyCAReference, "a b", with(chainAnswers, keyMoreEnrollment, yes), "is not the name of an uploaded CA"},
		{keyTwin, "{", more, "is not a JSON object"},
		{keyTwin, `{"tags": 1}`, more, "are no table"},
		{keyTwin, `{"properties": {"reported": {}}}`, more, "properties.desired"},
		{keyTwin, `{"tags": {"a": null}}`, more, "null"},
		{keyTwin, `{"tags": {}} {}`, more, "more text"},
		{keyTwin, `{"tags": {"line": 3}, "properties": {"desired": {"a": [1.5, true]}}}`, more, ""},
		{keyDeviceInfo, "[]", more, "is not a JSON object"},
		{keyPayload, "x", more, "is not JSON"},
		{keyAPIMService, "9x", nil, "API Management service"},
		{keyAPIMCertificate, "a:b", Answers{keyAPIMService: "apim"}, "':'"},
		{keyAPIMCertificate, strings.Repeat("a", 81), Answers{keyAPIMService: "apim"}, "may have 80"},
		{keyContentType, "a\r\nb", nil, "media type"},
	}
	for _, tt := range tests {
		t.Run(tt.key+"="+tt.value[:min(len(tt.value), 20)], func(t *testing.T) {
			t.Parallel()
			w := NewWizard(tt.base).Set(tt.key, tt.value)
			w.Taken = func(name string) bool { return name == "taken" }
			err := w.Error(tt.key)
			if (err == nil) != (tt.want == "") {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("says %q, want %q", err, tt.want)
			}
		})
	}
}

var (
	chainAnswers = Answers{keySource: profiles.SourceChain}
	more         = Answers{keyMoreEnrollment: yes}
)

func with(a Answers, key, v string) Answers {
	return NewWizard(a).Set(key, v).Answers
}

// What a profile holds survives being turned into answers and back.
func TestAnswersRoundTrip(t *testing.T) {
	t.Parallel()
	const text = `version = 1

[target]
kind = "azure"
id_scope = "0ne00111111"
service_endpoint = "contoso.azure-devices-provisioning.net"
credential = "entra"
subscription_id = "11111111-2222-3333-4444-555555555555"
resource_group = "rg"
dps_name = "contoso"
device_api_version = "2021-06-01"
hub_connection_string_env = "HUB"

[identity]
attestation = "x509"
registration_id = "d"
source = "chain"
algorithm = "ec-p521"
valid_days = 90
authority = "ca"
secondary_authority = "ca-2"
intermediates = 2
pfx_password_env = "PFX"
passphrase_env = "PASS"
payload = '{"a": 1}'

[enrollment]
kind = "group"
id = "line-3"
allocation_policy = "custom"
iot_hubs = ["a.azure-devices.net", "b.azure-devices.net"]
webhook_url = "https://contoso.example/allocate"
webhook_api_version = "2021-10-01"
ca_reference = "ca"
secondary_ca_reference = "ca-2"
reprovision = { update_hub_assignment = true, migrate_device_data = false }
iot_edge = true
initial_twin = { properties = { desired = { ratio = 1.0, since = 2024-01-02T03:04:05Z } }, tags = { line = 3 } }

[telemetry]
body = "x"
content_type = "text/plain"
count = 7
interval = "2s"
batch = 4
properties = { a = "b" }

[api_management]
service = "apim"
resource_group = "rg-2"
certificate_id = "cert"
`
	doc, err := profiles.Parse("x.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if wrong := checkDocument(doc); len(wrong) > 0 {
		t.Fatalf("%v", wrong)
	}
	for _, p := range []*profiles.Profile{withDefaults(doc.Profile), EditWizard("d", doc.Profile).Profile()} {
		again, err := profiles.Encode(p)
		if err != nil || string(again) != text {
			t.Errorf("read back, the profile is\n%s\nwas\n%s (%v)", again, text, err)
		}
	}
}

func TestWizardGoesBackWithoutLoss(t *testing.T) {
	t.Parallel()
	w := NewWizard(nil)
	w, _ = w.Submit()
	w = w.Set(keyRegistrationID, "half a na")
	if _, wrong := w.Submit(); len(wrong) == 0 {
		t.Fatal("a bad answer was let through")
	}
	w, ok := w.Back()
	if !ok || w.Page != PageWhere || w.Value(keyRegistrationID) != "half a na" {
		t.Errorf("back: page %s, answer %q", w.Page.Title(), w.Value(keyRegistrationID))
	}
	if _, err := w.Jump(PageReview); err == nil {
		t.Error("jumped to a page that was never reached")
	}
	if w, err := w.Jump(PageIdentity); err != nil || w.Page != PageIdentity {
		t.Errorf("jump to a reached page: %v", err)
	}
	if _, ok := w.Back(); ok {
		t.Error("there is nothing before the first page")
	}
}

// Whatever is pressed, the wizard is never stuck, never past a bad page, and
// never forgets an answer.
func TestWizardRandomWalk(t *testing.T) {
	t.Parallel()
	for seed := range int64(200) {
		r := rand.New(rand.NewSource(seed))
		w := NewWizard(nil)
		given := Answers{}
		for range 60 {
			switch r.Intn(4) {
			case 0:
				f := Fields()[r.Intn(len(Fields()))]
				v := []string{"", "x", "good-1", "bad.", "chain", "azure", "group", "30"}[r.Intn(8)]
				w = w.Set(f.Key, v)
				given[f.Key] = v
			case 1:
				w, _ = w.Back()
			case 2:
				w, _ = w.Submit()
			case 3:
				w, _ = w.Jump(Page(r.Intn(8) - 1))
			}
			if w.Page < PageWhere || w.Page > PageReview {
				t.Fatalf("seed %d: page %d", seed, w.Page)
			}
			for k, v := range given {
				if w.Answers[k] != v {
					t.Fatalf("seed %d: answer %s is %q, was %q", seed, k, w.Answers[k], v)
				}
			}
			_, _, _ = w.TOML(), w.Plan(), w.Errors()
		}
	}
}

func TestFieldsAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range Fields() {
		if seen[f.Key] {
			t.Errorf("%s stands twice", f.Key)
		}
		seen[f.Key] = true
		if f.Label == "" || f.Help == "" || len(f.Options) == 0 && f.Example == "" {
			t.Errorf("%s lacks label, help or example", f.Key)
		}
		for _, o := range f.Options {
			if o.Value == "" || o.Label == "" || o.Help == "" {
				t.Errorf("option %q of %s is not explained", o.Value, f.Key)
			}
		}
	}
	if len(seen) != 51 {
		t.Errorf("%d fields, want 51", len(seen))
	}
}

func TestCheckProfileUnasked(t *testing.T) {
	t.Parallel()
	good := func() *profiles.Profile { return ProfileOf(Answers{keyRegistrationID: "d"}) }
	tests := []struct {
		name   string
		change func(*profiles.Profile)
		key    string
	}{
		{"as the wizard makes it", func(*profiles.Profile) {}, ""},
		{"attestation", func(p *profiles.Profile) { p.Identity.Attestation = "magic" }, "identity.attestation"},
		{"two pass phrases", func(p *profiles.Profile) { p.Identity.PassphraseEnv, p.Identity.PassphraseCommand = "A", "b" }, "identity.passphrase_command"},
		{"device endpoint", func(p *profiles.Profile) { p.Target.DeviceEndpoint = "https://x" }, "target.device_endpoint"},
		{"initial twin", func(p *profiles.Profile) { p.Enrollment.InitialTwin = map[string]any{"tag": 1} }, "enrollment.initial_twin"},
		{"property", func(p *profiles.Profile) { p.Telemetry.Properties = map[string]string{"a": "é"} }, "telemetry.properties"},
		{"property name", func(p *profiles.Profile) { p.Telemetry.Properties = map[string]string{"a b": "c"} }, "telemetry.properties"},
		{"group of a self-signed", func(p *profiles.Profile) { p.Enrollment.Kind = "group" }, "enrollment.kind"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := good()
			tt.change(p)
			var keys []string
			for _, w := range CheckProfile(p) {
				keys = append(keys, w.Key)
			}
			if tt.key == "" && len(keys) > 0 || tt.key != "" && !slices.Equal(keys, []string{tt.key}) {
				t.Errorf("complains of %v, want %q", keys, tt.key)
			}
		})
	}
}

func FuzzBody(f *testing.F) {
	for _, s := range []string{DefaultBody, "{{ n }}", "{{", "{{ wave 1 2 }}", `{{ wave 0 1e308 "1ns" }}`, "{{ range n }}x{{ end }}", "", "plain"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := checkBody(text, nil); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}

func FuzzFirstNumber(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a":{"b":[2]}}`, `[1]`, `{"a":"1"}`, `{`, ``} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if name, _, ok := firstNumber(body); ok && !strings.Contains(body, "{") {
			t.Errorf("found %q in %q", name, body)
		}
	})
}

func TestFirstNumber(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body, name string
		value      float64
		ok         bool
	}{
		{`{"at":"now","temperature":21.5}`, "temperature", 21.5, true},
		{`{"a":{"deep":-3}}`, "deep", -3, true},
		{`{"list":[7,8]}`, "list", 7, true},
		{`{"a":"1"}`, "", 0, false},
		{`21`, "", 0, false},
		{`not json`, "", 0, false},
	}
	for _, tt := range tests {
		name, value, ok := firstNumber(tt.body)
		if ok != tt.ok || value != tt.value || ok && name != tt.name {
			t.Errorf("%s: %q %v %v", tt.body, name, value, ok)
		}
	}
}

func ExampleLine() {
	fmt.Println(Line(Event{Kind: PollScheduled, Poll: &Poll{Attempt: 2, RetryAfter: new(int)}}))
	fmt.Println(Line(Event{Kind: StatusChanged, Registration: &Registration{Status: "assigned", AssignedHub: "h", DeviceID: "d"}}))
	// Output:
	// poll 2 in 0 ms (Retry-After)
	// status assigned: h as d
}
