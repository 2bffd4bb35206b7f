package doctor

import (
	"strings"
	"testing"
)

func TestSearch(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"401002": "R01 R03 R02 R04",
		"HTTP 401 401002: CA certificate not found": "R01",
		`{"errorCode":401002,"trackingId":"x","message":"Invalid certificate.","timestampUtc":"2026-01-01T00:00:00Z"}`: "R02",
		`DPS said {"message":"CA certificate\u0020not found"}`:                                                         "R01",
		"R04":                    "R04",
		"r12":                    "R12",
		"n04":                    "N04",
		"status failed 400208":   "R10",
		"the status is disabled": "R12",
		"429":                    "R15",
		"IH400053":               "M02",
		"404201":                 "R09",
		"Thumbprint does not match configuration":                                    "H01",
		"curl: (60) SSL certificate problem: unable to get local issuer certificate": "N04",
		"dial tcp: lookup x: no such host":                                           "N02",
		"DeviceNotFound":                                                             "H02",
		"getaddrinfo ENOTFOUND x.azure-devices.net":                                  "N02",
		"IotHubQuotaExceeded":                                                        "H03",
		"IotHubUnauthorizedAccess":                                                   "H01",
		"HTTP 412 DeviceMessageLockLost":                                             "",
		"ResourceGroupNotFound":                                                      "",
		"notimedoutatall":                                                            "",
		"503":                                                                        "R21",
		"nothing of this is known":                                                   "",
		"4":                                                                          "",
		"":                                                                           "",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			var ids []string
			for _, f := range Search(text) {
				ids = append(ids, f.Rule)
				if f.Why == "" || f.Fix == "" || f.Sign == "" {
					t.Errorf("%+v is no advice", f)
				}
			}
			if got := strings.Join(ids, " "); got != want {
				t.Errorf("found %q, want %q", got, want)
			}
		})
	}
}

// TestEveryRuleIsFound: each rule can be looked up by its ID.
func TestEveryRuleIsFound(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		if r.id != "" && len(Search(r.id)) == 0 {
			t.Errorf("rule %s is not found", r.id)
		}
	}
}

func FuzzSearch(f *testing.F) {
	f.Add(`{"errorCode":401002,"message":"CA certificate not found"}`)
	f.Add("IH412001 {")
	f.Add("599 disabled no such host")
	f.Fuzz(func(t *testing.T, text string) {
		for _, found := range Search(text) {
			if found.Why == "" || found.Sign == "" {
				t.Errorf("%+v is no advice", found)
			}
		}
	})
}
