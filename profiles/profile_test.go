package profiles

import (
	"reflect"
	"strings"
	"testing"
)

// full is the design's own example, every key used.
const full = `version = 1

[target]
kind = "azure"
id_scope = "0ne00111111"
device_endpoint = "global.azure-devices-provisioning.net"
service_endpoint = "contoso-dps.azure-devices-provisioning.net"
credential = "entra"
connection_string_env = "DPS_CONNECTION_STRING"
subscription_id = "11111111-2222-3333-4444-555555555555"
resource_group = "rg-iot"
dps_name = "contoso-dps"
ca_file = "/etc/ssl/company.pem"

[identity]
attestation = "x509"
registration_id = "device-01"
source = "chain"
algorithm = "ec-p256"
valid_days = 30
authority = "line-3"
passphrase_env = "DEVICE_01_PASSPHRASE"
passphrase_command = "pass show dps/device-01"

[enrollment]
kind = "group"
id = "line-3"
device_id = "press-3"
allocation_policy = "hashed"
iot_hubs = ["contoso-hub.azure-devices.net", "fabrikam-hub.azure-devices.net"]
reprovision = { update_hub_assignment = true, migrate_device_data = false }
iot_edge = true
initial_twin = { properties = { desired = { interval = 60, ratio = 0.5 } }, tags = { line = 3, names = ["a", { b = true }] } }

[telemetry]
body = '{"temperature": {{ wave 20 30 "60s" }}, "at": "{{ now }}"}'
content_type = "application/json"
count = 10
interval = "1s"
properties = { "a b" = "it's", source = "dpslab" }
`

func parsed(t *testing.T, text string) *Profile {
	t.Helper()
	d, err := Parse("p.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d.Profile
}

func TestEncodeIsTheDesignsStyle(t *testing.T) {
	t.Parallel()
	p := parsed(t, full)
	got, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != full {
		t.Errorf("encoded:\n%s\nwant:\n%s", got, full)
	}
}

func TestRoundTripOfHardValues(t *testing.T) {
	t.Parallel()
	p := &Profile{Version: 1, Target: Target{Kind: TargetLab}}
	p.Telemetry.Body = "two\nlines\twith \"quotes\", 'single', back\\slash, \x01 and é"
	p.Telemetry.Properties = map[string]string{"": "empty name", "dotted.name": "", "ü": "x", "quote\"": `C:\dir`}
	p.Enrollment.InitialTwin = map[string]any{
		"tags": map[string]any{"big": int64(1) << 60, "float": 3.0, "tiny": 1e-9, "huge": 1e21, "off": false, "none": []any{}, "deep": map[string]any{}},
	}
	data, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	if back := parsed(t, string(data)); !reflect.DeepEqual(back, p) {
		t.Errorf("came back as %#v\nfrom\n%s", back, data)
	}
}

func TestEncodeRefusesWhatTOMLCannotHold(t *testing.T) {
	t.Parallel()
	cycle := map[string]any{}
	cycle["tags"] = cycle
	for want, twin := range map[string]map[string]any{
		"enrollment.initial_twin: tags: TOML has no null": {"tags": nil},
		"TOML has no chan int":                            {"tags": make(chan int)},
		"nested more than":                                cycle,
	} {
		_, err := Encode(&Profile{Version: 1, Enrollment: Enrollment{InitialTwin: twin}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
