package emulator

import (
	"strings"
	"testing"
)

// TestEveryVersion asks each API in every api-version that its clients send, of a
// strict lab, and in others, which are refused in the API's own words. A lenient
// lab accepts what is shaped like one.
func TestEveryVersion(t *testing.T) {
	t.Parallel()
	id := selfSigned(t, "d1")
	l, lenient := start(t, func(o *Options) { o.Strict = true }), start(t)
	for _, lab := range []*Lab{l, lenient} {
		lab.enroll(t, "d1", id.chain[0])
		lab.as(t, id).provision(t, "d1")
	}
	device, _, _ := strings.Cut(l.registerURL("d1"), "?")
	instance := "https://" + managementHost + l.instanceID()
	const unknown = "2031-01-01"
	for _, test := range []struct {
		name, method string
		url          func(*Lab) string
		versions     []string
		missing      string
		unsupported  string
	}{
		{
			"device API", "PUT", func(lab *Lab) string { return strings.Replace(device, l.ready.IDScope, lab.ready.IDScope, 1) },
			[]string{"2021-06-01", "2019-03-31", "2018-11-01", "2018-09-01-preview", "2021-10-01", "2025-07-01-preview"},
			`"errorCode":400000`, "Unsupported API version",
		},
		{
			"service API", "GET", func(lab *Lab) string { return "https://" + lab.ready.ServiceHost + "/enrollments/d1" },
			[]string{"2021-10-01", "2019-03-31", "2018-04-01", "2018-11-01", "2025-07-01-preview"},
			`"errorCode":400000`, "Unsupported API version",
		},
		{
			"Resource Manager", "GET", func(lab *Lab) string {
				return strings.Replace(instance, l.instanceID(), lab.instanceID(), 1) + "/certificates"
			},
			[]string{"2022-02-05", "2018-01-22", "2017-11-15", "2020-01-01", "2020-03-01", "2021-10-15", "2022-12-12", "2023-03-01-preview", "2025-02-01-preview"},
			"MissingApiVersionParameter", "InvalidApiVersionParameter",
		},
		{
			"API Management", "GET", func(lab *Lab) string { return "https://" + managementHost + lab.apimServiceID() + "/certificates" },
			[]string{"2024-05-01"},
			"MissingApiVersionParameter", "InvalidApiVersionParameter",
		},
		{
			"IoT Hub, device", "POST", func(lab *Lab) string { return "https://" + lab.ready.HubHosts[0] + "/devices/d1/messages/events" },
			[]string{"2020-03-13", "2021-04-12", "2016-11-14", "2019-10-01", "2020-09-30"},
			"ErrorCode:ArgumentInvalid;Unknown api version; uri: /devices/d1/messages/events", "ErrorCode:ArgumentInvalid;Unknown api version; uri: /devices/d1/messages/events",
		},
		{
			"IoT Hub, service", "GET", func(lab *Lab) string { return "https://" + lab.ready.HubHosts[0] + "/twins/d1" },
			[]string{"2021-04-12", "2020-09-30", "2024-03-31"},
			"Unknown api version", "Unknown api version",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ask := func(lab *Lab, version string) answer {
				body, headers := "", []string{"Authorization", "Bearer " + lab.ready.ManagementToken}
				if test.method != "GET" { // a device's own
					body, headers = `{"registrationId":"d1"}`, nil
				}
				return lab.as(t, id).do(t, test.method, test.url(lab)+version, body, headers...)
			}
			for _, version := range test.versions {
				if a := ask(l, "?api-version="+version); a.status > 204 {
					t.Errorf("%s: %d %s", version, a.status, a.body)
				}
			}
			for query, words := range map[string]string{
				"": test.missing, "?api-version=": test.missing, "?api-version=1": test.unsupported, "?api-version=latest": test.unsupported, "?api-version=" + unknown: test.unsupported,
			} {
				for _, lab := range []*Lab{l, lenient} {
					a := ask(lab, query)
					if lab == lenient && strings.HasSuffix(query, unknown) {
						if a.status > 204 {
							t.Errorf("lenient, %s: %d %s", query, a.status, a.body)
						}
					} else if a.status != 400 || !strings.Contains(string(a.body), words) {
						t.Errorf("%s: %d %s, want 400 with %s", query, a.status, a.body, words)
					}
				}
			}
		})
	}
}
