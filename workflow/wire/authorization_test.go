package wire

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// A copy says where its credential comes from: which variable of the lab, or
// which command of az.
func TestCopiesSayWhereTheCredentialComesFrom(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ url, lab, azure string }{
		{"https://contoso.azure-devices-provisioning.net/registrations/d", "$DPSLAB_SERVICE_AUTHORIZATION", "--resource https://azure-devices-provisioning.net "},
		{"https://contoso.azure-devices-provisioning.cn/enrollments/d", "$DPSLAB_SERVICE_AUTHORIZATION", "--resource https://azure-devices-provisioning.cn "},
		{"https://hub.azure-devices.net/devices/d", "$DPSLAB_HUB_AUTHORIZATION", "--resource https://iothubs.azure.net "},
		{"https://management.azure.com/subscriptions", "$DPSLAB_MANAGEMENT_AUTHORIZATION", "get-access-token --query"},
		{"https://global.azure-devices-provisioning.net/0ne/registrations/d/register", "the device's SAS token", "the device's SAS token"},
		{"https://hub.azure-devices.net/devices/d/messages/events", "the device's SAS token", "the device's SAS token"},
		{"https://a.example/", "not kept\n", "not kept\n"},
	} {
		x := Exchange{Method: "GET", URL: tt.url, RequestHeader: http.Header{"Authorization": {"SharedAccessSignature " + Masked}}}
		for address, want := range map[string]string{"": tt.azure, "127.0.0.1:8443": tt.lab} {
			x.ConnectTo = address
			script, _ := OpenSSL(&x)
			for _, text := range []string{Curl(&x), script} {
				comment, _, _ := strings.Cut(text, "\ncurl ")
				comment, _, _ = strings.Cut(comment, "{ printf")
				if !strings.Contains(comment+"\n", want) {
					t.Errorf("%s by %q says\n%s\nnot %s", tt.url, address, comment, want)
				}
				if out, err := exec.CommandContext(t.Context(), "sh", "-n", "-c", text).CombinedOutput(); err != nil {
					t.Errorf("%s\n%v: %s", text, err, out)
				}
			}
		}
	}
}

// What stands in a name is no command, and no variable of the shell's own is
// asked for.
func TestNamesInCopiesRunNothing(t *testing.T) {
	t.Parallel()
	x := Exchange{
		Method: "PUT", URL: "https://a.example/", RequestHeader: http.Header{"iothub-app-`touch x`$(id)": {"Bearer " + Masked}},
		RequestBody: `{"path":"` + Masked + `","1":"` + Masked + `","authorization":"` + Masked + `"}`,
	}
	text := Curl(&x)
	for _, want := range []string{"'iothub-app-`touch x`$(id): '\"$AUTHORIZATION\"", `"$SECRET_PATH"`, `"$SECRET_1"`, `"$SECRET_AUTHORIZATION"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nis without %s", text, want)
		}
	}
}
