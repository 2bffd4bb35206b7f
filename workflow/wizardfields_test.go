package workflow

import (
	"strings"
	"testing"

	"dpslab/profiles"
)

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

// What only Azure Resource Manager can do stays in a profile whose credential
// does not reach it: somebody else is told what to do, and where.
func TestWhatSomebodyElseDoesIsKept(t *testing.T) {
	t.Parallel()
	for _, credential := range []string{"none", "connection-string"} {
		p := NewWizard(Answers{keyRegistrationID: "d"}).Profile()
		p.Target = profiles.Target{
			Kind: profiles.TargetAzure, IDScope: "0ne00111111", ServiceEndpoint: "contoso.azure-devices-provisioning.net", Credential: credential,
			SubscriptionID: "11111111-2222-3333-4444-555555555555", ResourceGroup: "rg", DPSName: "contoso",
		}
		if credential == "connection-string" {
			p.Target.ConnectionStringEnv = "DPS_CONNECTION_STRING"
		}
		p.APIManagement = profiles.APIManagement{Service: "apim", ResourceGroup: "rg-2", CertificateID: "cert"}
		if wrong := CheckProfile(p); len(wrong) > 0 {
			t.Fatalf("%s: %v", credential, wrong)
		}
		for _, q := range []*profiles.Profile{withDefaults(p), EditWizard("d", p).Profile()} {
			if q.APIManagement != p.APIManagement || q.Target != p.Target {
				t.Errorf("%s: %+v, %+v", credential, q.APIManagement, q.Target)
			}
		}
		keyed := *p
		keyed.Identity = profiles.Identity{Attestation: profiles.AttestationSymmetricKey, RegistrationID: "d"}
		if q := EditWizard("d", &keyed).Profile(); q.APIManagement.Service != "" {
			t.Errorf("%s: a device without a certificate keeps %+v", credential, q.APIManagement)
		}
	}
}
