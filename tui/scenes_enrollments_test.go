package tui

import (
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"dpslab/tui/screen"
	"dpslab/workflow"
)

// heldCA is a CA certificate, made once: golden screens want the same one.
const heldCA = `-----BEGIN CERTIFICATE-----
MIIBgTCCASegAwIBAgIUNqmt/lzVg/oRmauS2fPZLG6naL8wCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLbGluZS0zLXJvb3QwHhcNMjYxMTIyMTUyNjQ2WhcNMzYxMTE5
MTUyNjQ2WjAWMRQwEgYDVQQDDAtsaW5lLTMtcm9vdDBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABBqtpl8aEiQKz8t5XVnZ7qa9i/N+n2dRC3pgYNY1TzAk0pJTocWN
VESUc5PHCNpnaCReBcZ5yJFNNy4TBfVDVxCjUzBRMB0GA1UdDgQWBBTttYKQw0cj
KHHVqeVOXDDQq+Fv1DAfBgNVHSMEGDAWgBTttYKQw0cjKHHVqeVOXDDQq+Fv1DAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCuXqPxtGOGQpeFV88s
7N0pWTkvuTaTCbKYyniaof5NVwIga+Raqnf8UDH37uIAaZ9WcRUv9ocB3h64vUrH
0bFPDy0=
-----END CERTIFICATE-----
`

func caDER() []byte {
	block, _ := pem.Decode([]byte(heldCA))
	if block == nil {
		return nil
	}
	return block.Bytes
}

const groupJSON = `{
  "enrollmentGroupId": "line-3",
  "attestation": {
    "type": "x509",
    "x509": {
      "caReferences": {
        "primary": "line-3-root"
      }
    }
  },
  "allocationPolicy": "hashed",
  "etag": "\"3a00d5e1-0000-0d00-0000-69a42c400000\"",
  "initialTwin": {
    "tags": {
      "line": 3,
      "plant": "東京"
    }
  },
  "provisioningStatus": "enabled",
  "reprovisionPolicy": {
    "migrateDeviceData": true,
    "updateHubAssignment": true
  }
}
`

func heldGroups() []screen.Held {
	group := func(id, attestation, policy string, on bool) screen.Held {
		return screen.Held{Enrollment: &workflow.Enrollment{
			ID: id, Group: true, Attestation: attestation, Allocation: policy, Enabled: on, ETag: `"3a00d5e1-0000-0d00-0000-69a42c400000"`,
			Hubs: []string{"contoso-hub.azure-devices.net"}, Created: "2026-02-01T09:00:00Z", Updated: "2026-02-27T16:30:00Z",
			JSON: strings.Replace(groupJSON, "line-3", id, 1),
		}}
	}
	return []screen.Held{
		group("line-3", "x509 by CA line-3-root", "hashed", true),
		group("line-4", "x509 by signing certificate", "geoLatency", false),
		group("presses", "symmetricKey", "static", true),
	}
}

func heldIndividuals(n int) []screen.Held {
	var all []screen.Held
	for i := range n {
		e := &workflow.Enrollment{
			ID: fmt.Sprintf("device-%03d", i+1), Attestation: "x509 by client certificate", Allocation: "hashed", Enabled: i%7 != 3,
			ETag: `"3a00d5e1"`, JSON: fmt.Sprintf("{\n  \"registrationId\": \"device-%03d\"\n}\n", i+1),
		}
		if i%3 == 0 {
			e.Status, e.AssignedHub = "assigned", "contoso-hub.azure-devices.net"
		}
		all = append(all, screen.Held{Enrollment: e})
	}
	return all
}

func heldRecords() []screen.Held {
	record := func(id, status string, code int) screen.Held {
		r := &workflow.RegistrationRecord{Created: "2026-02-27T16:30:00Z", Updated: "2026-02-28T08:00:00Z"}
		r.RegistrationID, r.Status, r.ErrorCode, r.ETag = id, status, code, `"0100"`
		if status == "assigned" {
			r.AssignedHub, r.DeviceID, r.Substatus = "contoso-hub.azure-devices.net", id, "initialAssignment"
		}
		if code != 0 {
			r.ErrorMessage = "IotHub not found"
		}
		return screen.Held{Registration: r}
	}
	return []screen.Held{record("press-1", "assigned", 0), record("press-2", "assigning", 0), record("press-3", "failed", 404104), record("press-4", "disabled", 0)}
}

func heldCAs() []screen.Held {
	ca := func(name string, verified bool, days int) screen.Held {
		return screen.Held{CA: &workflow.SigningCertificate{
			Name: name, Verified: verified, Thumbprint: "A1B2C3D4E5F60718293A4B5C6D7E8F9001122334", Subject: "CN=" + name, ETag: `"AAAAAAGkXy8="`,
			Expires: noon.Add(time.Duration(days) * 24 * time.Hour), Created: noon.Add(-48 * time.Hour), Updated: noon.Add(-time.Hour), DER: caDER(),
		}}
	}
	return []screen.Held{ca("line-3-root", true, 360), ca("line-4-root", false, 20), ca("old-root", true, -3)}
}

func heldAPIM() []screen.Held {
	return []screen.Held{
		{APIM: &workflow.APIMCertificate{ID: "press-3", Subject: "CN=press-3", Thumbprint: "A1B2C3D4E5F60718293A4B5C6D7E8F9001122334", Expires: noon.Add(20 * 24 * time.Hour)}},
		{APIM: &workflow.APIMCertificate{
			ID: "gateway", Subject: "CN=gateway.contoso.com", Thumbprint: "00112233445566778899AABBCCDDEEFF00112233", Expires: noon.Add(300 * 24 * time.Hour), ETag: `"AAAAAAAAEBM="`,
			ResourceID: "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-iot/providers/Microsoft.ApiManagement/service/contoso-apim/certificates/gateway",
			Vault:      &workflow.VaultReference{SecretID: "https://contoso.vault.azure.net/secrets/gateway", Status: "Failed", Message: "Forbidden: the identity may not read secrets", CheckedAt: noon},
		}},
	}
}

// held opens the screen of enrollments on the target of a device at Azure and
// answers what it wants to read.
func held(answer func(p screen.HeldPage) pageMsg, keys ...string) func(*app) {
	return func(a *app) {
		setDevices(a)
		a.home.Select("press-3")
		press(a, "e", "1") // press-3 is in a group: the screen begins with those
		a.update(sideMsg{id: a.side.id, facts: sideFacts{target: "contoso-dps", host: "contoso-dps.azure-devices-provisioning.net", apim: workflow.APIM{Service: "contoso-apim"}}})
		serve(a, answer)
		for _, k := range keys {
			press(a, k)
			serve(a, answer)
		}
	}
}

// serve answers what the screen wants, until it wants nothing.
func serve(a *app, answer func(p screen.HeldPage) pageMsg) {
	for range 10 {
		if a.side == nil || answer == nil {
			return
		}
		for _, p := range a.side.screen.Wanted() {
			m := answer(p)
			m.id, m.page, m.at = a.side.id, p, noon
			a.update(m)
		}
	}
}

func holds(p screen.HeldPage) pageMsg {
	switch p.List {
	case workflow.ListIndividual:
		return pageMsg{rows: heldIndividuals(100), next: "more " + p.After}
	case workflow.ListGroups:
		return pageMsg{rows: heldGroups()}
	case workflow.ListRegistrations:
		return pageMsg{rows: heldRecords()}
	case workflow.ListCAs:
		return pageMsg{rows: heldCAs()}
	}
	return pageMsg{rows: heldAPIM()}
}

func holdsNothing(screen.HeldPage) pageMsg { return pageMsg{} }

func noCredential(p screen.HeldPage) pageMsg {
	return pageMsg{
		err: &workflow.Problem{
			Kind: workflow.Usage, Op: "list enrollments", Summary: "the profile's credential is none",
			Fix: "Choose a credential that has the rights: target.credential entra for everything, connection-string for enrollments and registrations.",
		},
		elsewhere: workflow.Manual{What: "Somebody with the rights sees them elsewhere:", Portal: "contoso-dps › Manage enrollments › Individual enrollments", Command: "az iot dps enrollment list --dps-name contoso-dps --resource-group rg-iot"},
	}
}

func notAuthorized(screen.HeldPage) pageMsg {
	return pageMsg{err: &workflow.Problem{
		Kind: workflow.Refused, Op: "list enrollments", Summary: "HTTP 401 401002: Unauthorized", Status: 401, Code: "401002", TrackingID: "0f8fad5b-d9cb-469f-a165-70867728950e",
		Why: "The account has no role at this DPS instance, or the role was given minutes ago.", Fix: "Give it the role Device Provisioning Service Data Contributor and wait a few minutes.",
	}}
}

func hostileHeld(p screen.HeldPage) pageMsg {
	e := &workflow.Enrollment{ID: "温度\x1b[2J\x9b" + strings.Repeat("長", 90), Attestation: "\x1b]0;x\x07", ETag: "\u202e", JSON: "{\n  \"" + strings.Repeat("é", 5000) + "\x1b[31m\"\n}\n"}
	return pageMsg{rows: []screen.Held{{Enrollment: e}}}
}

// edited is what a person made of the group line-3.
func edited(wrong error, text string) heldEditedMsg {
	base, err := workflow.ParseEnrollment(true, []byte(groupJSON))
	if err != nil {
		panic(err)
	}
	m := heldEditedMsg{heldDraft: heldDraft{id: 1, group: true, name: "line-3", path: "/home/ada/.local/state/dpslab/edit.json", base: base}, saved: true, text: text, wrong: wrong}
	if wrong == nil {
		if m.want, err = workflow.ParseEnrollment(true, []byte(text)); err != nil {
			panic(err)
		}
	}
	return m
}

var editedGroup = strings.NewReplacer(`"hashed"`, `"geoLatency"`, `"line": 3,`, `"line": 4, "shift": "night",`).Replace(groupJSON)

func enrollmentScenes() []scene {
	then := func(set func(*app), more func(*app)) func(*app) { return func(a *app) { set(a); more(a) } }
	return []scene{
		{"enrollments-opening", func(a *app) { setDevices(a); press(a, "e") }},
		{"enrollments-loading", held(nil)},
		{"enrollments-sign-in", then(held(nil), func(a *app) {
			a.events([]workflow.Event{{At: noon, Kind: workflow.HandNeeded, Device: "press-3", Text: "Sign in to Azure: open https://microsoft.com/devicelogin in any browser and type the code ABCD1234"}})
		})},
		{"enrollments-individual", held(holds, "down", "down")},
		{"enrollments-empty", held(holdsNothing)},
		{"enrollments-groups", held(holds, "tab")},
		{"enrollments-disabled", held(holds, "2", "down")},
		{"enrollments-inspect", held(holds, "2", "enter")},
		{"enrollments-inspect-end", held(holds, "2", "enter", "end")},
		{"enrollments-records", held(holds, "2", "down", "r", "down", "down")},
		{"enrollments-cas", held(holds, "4", "down")},
		{"enrollments-ca-inspect", held(holds, "4", "enter")},
		{"enrollments-apim", held(holds, "5", "down")},
		{"enrollments-apim-none", then(held(holds, "5"), func(a *app) { a.side.screen.SetService("") })},
		{"enrollments-filter", held(holds, "/", "0", "2")},
		{"enrollments-filter-none", held(func(p screen.HeldPage) pageMsg { m := holds(p); m.next = ""; return m }, "/", "q", "q", "enter")},
		{"enrollments-no-credential", held(noCredential)},
		{"enrollments-refused", held(notAuthorized)},
		{"enrollments-unusable", then(held(nil), func(a *app) {
			a.side.screen.Ready("", "", "", &workflow.Problem{
				Kind: workflow.Usage, Op: "read the connection string", Summary: "environment variable DPS_CONNECTION_STRING is not set",
				Fix: "Set it before dpslab starts: export DPS_CONNECTION_STRING='HostName=…;SharedAccessKeyName=…;SharedAccessKey=…'",
			})
		})},
		{"enrollments-next-page-fails", func(a *app) {
			first := true
			held(func(p screen.HeldPage) pageMsg {
				if !first {
					return pageMsg{err: errors.New("list enrollments: HTTP 429: too many requests")}
				}
				first = false
				return holds(p)
			}, "end")(a)
		}},
		{"enrollments-hostile", held(hostileHeld)},
		{"enrollments-help", held(holds, "2", "?")},
		{"enrollments-read-only", func(a *app) { a.readOnly = true; held(holds, "2", "s")(a) }},
		{"enrollments-disable", held(holds, "2", "s")},
		{"enrollments-writing", then(held(holds, "2"), func(a *app) { a.side.screen.SetWorking("disabling line-3") })},
		{"enrollments-delete", held(holds, "2", "x", "l", "i", "n", "enter")},
		{"enrollments-derive", held(holds, "2", "down", "down", "d", "P", "r", "e", "s", "s", "-", "7")},
		{"enrollments-derive-wrong", held(holds, "2", "down", "down", "d", "p", ".", "enter")},
		{"enrollments-derived", then(held(holds, "2", "down", "down"), func(a *app) {
			a.update(derivedMsg{id: 1, key: &workflow.DerivedKey{
				RegistrationID: "press-7", Group: "presses", File: "/home/ada/.local/share/dpslab/keys/presses/press-7.key",
				Next: "export DEVICE_KEY=\"$(cat /home/ada/.local/share/dpslab/keys/presses/press-7.key)\"\ndpslab new press-7 --attestation symmetric-key --enrollment group --enrollment-id presses --symmetric-key-env DEVICE_KEY --derived-key yes --yes\ndpslab register press-7",
			}})
		})},
		{"enrollments-prove", then(held(holds, "4", "down"), func(a *app) { a.update(keyFilesMsg{id: 1, ca: *heldCAs()[1].CA}); a.grace.on = false })},
		{"enrollments-service", held(holds, "5", "a")},
		{"enrollments-wrong", then(held(holds, "2"), func(a *app) {
			a.update(edited(&workflow.Problem{Kind: workflow.Usage, Op: "read the JSON of the enrollment group", Summary: "line 14: invalid character '}' looking for beginning of object key string", Fix: "Correct it there or in the line above: names and texts stand in double quotes, a comma stands between members and none behind the last one."}, ""))
		})},
		{"enrollments-diff", then(held(holds, "2"), func(a *app) { a.update(edited(nil, editedGroup)) })},
		{"enrollments-meanwhile", then(held(holds, "2"), func(a *app) {
			m := edited(nil, editedGroup)
			now, _ := workflow.ParseEnrollment(true, []byte(strings.Replace(groupJSON, `"enabled"`, `"disabled"`, 1)))
			a.update(heldPutMsg{heldDraft: m.heldDraft, edited: m, changed: true, now: now, meanwhile: workflow.EnrollmentChanges(m.base, now)})
		})},
		{"enrollments-deleted-meanwhile", then(held(holds, "2"), func(a *app) {
			m := edited(nil, editedGroup)
			a.update(heldPutMsg{heldDraft: m.heldDraft, edited: m, changed: true, meanwhile: []workflow.Change{}})
		})},
		{"enrollments-not-deleted", then(held(holds, "2"), func(a *app) {
			a.update(heldMsg{id: 1, list: workflow.ListGroups, name: "line-3", what: "Not deleted: line-3", err: &workflow.Problem{
				Kind: workflow.Refused, Op: "delete enrollment group line-3", Summary: "HTTP 412 412002: PreconditionFailed", Status: 412, Code: "412002", TrackingID: "0f8fad5b-d9cb-469f-a165-70867728950e",
			}})
		})},
		{"enrollments-transcript", then(held(holds, "2"), func(a *app) {
			x := &workflow.Exchange{Service: "DPS service API", Operation: "query enrollments", Method: "POST", URL: "https://contoso-dps.azure-devices-provisioning.net/enrollments/query?api-version=2021-10-01", Status: 200, Reason: "OK", Started: noon, ResponseBody: "[]"}
			a.events([]workflow.Event{{At: noon, Kind: workflow.ExchangeFinished, Device: "press-3", Exchange: x}})
			press(a, "t")
		})},
	}
}
