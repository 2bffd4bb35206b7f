package workflow

import (
	"strings"
	"testing"

	"dpslab/profiles"
)

func TestWrites(t *testing.T) {
	t.Parallel()
	paths := profiles.Paths{Config: "/c", State: "/s", Data: "/d"}
	for _, c := range []struct {
		name    string
		answers Answers
		want    []string
		without []string
	}{
		{"self-signed", Answers{keyRegistrationID: "t8"}, []string{"/c/profiles/t8.toml", "/d/devices/t8/device-cert.pem", "/d/devices/t8/device-key.pem", "individual enrollment t8 at the lab", "/s/t8.toml"}, []string{"authorities", "verified"}},
		{"chain", Answers{keyRegistrationID: "t8", keySource: "chain", keyAuthority: "ca-1", keyEnrollmentID: "line-3"}, []string{"/d/authorities/ca-1", "t8-full-chain.cert.pem", "enrollment group line-3 at the lab", "signing CA, verified the lab"}, nil},
		{"files in Azure", Answers{keyRegistrationID: "t8", keySource: "files", keyTarget: "azure", "target.service_endpoint": "c.azure-devices-provisioning.net", keyEnrollment: "individual"}, []string{"individual enrollment t8 at c.azure-devices-provisioning.net", "/d/devices/t8/private/t8.key.pem"}, []string{"the lab", "authorities"}},
	} {
		var text string
		for _, w := range NewWizard(c.answers).Writes(paths) {
			text += w.What + " " + w.Where + "\n"
		}
		for _, s := range c.want {
			if !strings.Contains(text, s) {
				t.Errorf("%s: no %q in\n%s", c.name, s, text)
			}
		}
		for _, s := range c.without {
			if strings.Contains(text, s) {
				t.Errorf("%s: %q in\n%s", c.name, s, text)
			}
		}
	}
}
