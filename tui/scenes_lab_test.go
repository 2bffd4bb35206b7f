package tui

import (
	"fmt"
	"strings"
	"time"

	"dpslab/workflow"
)

func labHolds() workflow.LabView {
	v := workflow.LabView{
		Facts:   workflow.LabFacts{Address: "127.0.0.1:8443", IDScope: "0ne00LAB001", CAFile: "/home/ada/.local/state/dpslab/lab/root.cert.pem"},
		DPSName: "dpslab-dps", ResourceGroup: "dpslab", SubscriptionID: "00000000-0000-0000-0000-000000000001", ManagementHost: "management.azure.com",
		DeviceHost: "global.azure-devices-provisioning.net", ServiceHost: "dpslab-dps.azure-devices-provisioning.net", Hubs: []string{"lab-hub.azure-devices.net"},
		Enrollments: []workflow.LabEnrollment{
			{ID: "line-3", Group: true, Attestation: "x509", Allocation: "hashed", Enabled: true, Devices: 1},
			{ID: "my-x509-device", Attestation: "x509", Allocation: "hashed", Enabled: true, Devices: 1},
			{ID: "truck-7", Attestation: "tpm", Allocation: "geoLatency"},
		},
		Registrations: []workflow.LabRegistration{
			{ID: "device-01", Enrollment: "line-3", Group: true, Status: "failed", ErrorCode: 400208, Updated: noon},
			{ID: "my-x509-device", Enrollment: "my-x509-device", Status: "assigned", Substatus: "initialAssignment", Hub: "lab-hub.azure-devices.net", DeviceID: "my-x509-device", Updated: noon.Add(-time.Minute)},
		},
		Faults: []workflow.LabFault{
			{Name: "silent", Title: "connections are accepted and never answered"},
			{Name: "expired-server-certificate", Title: "the server's certificate is expired, or the client's clock is ahead"},
			{Name: "throttled", Title: "429 with Retry-After", Operations: []string{"register", "poll", "lookup", "send"}, Value: "5", On: true, Hits: 3},
			{Name: "endless-assigning", Title: "assigning does not end"},
		},
	}
	for i := 12; i > 0; i-- {
		v.Inbox = append(v.Inbox, workflow.Received{
			Hub: "lab-hub.azure-devices.net", DeviceID: "my-x509-device", Sequence: uint64(i), EnqueuedAt: noon.Add(time.Duration(i) * time.Second),
			Body: fmt.Sprintf(`{"temperature": %d.5, "at": "2026-03-01T12:00:%02dZ"}`, 20+i, i), Properties: map[string]string{"source": "dpslab"},
			System: map[string]string{"content-type": "application/json", "iothub-connection-device-id": "my-x509-device"},
		})
	}
	return v
}

func labOf(v workflow.LabView, err error, keys ...string) func(*app) {
	return func(a *app) {
		setDevices(a)
		press(a, "l")
		a.update(labMsg{look: a.looks, view: v, err: err})
		press(a, keys...)
	}
}

func labScenes() []scene {
	empty := labHolds()
	empty.Enrollments, empty.Registrations, empty.Inbox = nil, nil, nil
	hostile := labHolds()
	hostile.Inbox[0].Body = "温度\x1b[2J\x9b" + strings.Repeat("長", 4000)
	hostile.Inbox[0].Properties = map[string]string{"\x1b]0;x\x07": "\u202e"}
	narrowed := labHolds()
	narrowed.Faults[2].Device, narrowed.Faults[2].Operation, narrowed.Faults[2].Rate, narrowed.Faults[2].Count = "my-x509-device", "register", 0.5, 3
	return []scene{
		{"lab-opening", func(a *app) { setDevices(a); press(a, "l") }},
		{"lab-empty", labOf(empty, nil)},
		{"lab-enrollments", labOf(labHolds(), nil, "down", "down")},
		{"lab-registrations", labOf(labHolds(), nil, "tab")},
		{"lab-inbox", labOf(labHolds(), nil, "tab", "tab", "down")},
		{"lab-scenarios", labOf(labHolds(), nil, "left", "left", "down", "down")},
		{"lab-instances", labOf(labHolds(), nil, "left", "down")},
		{"lab-parameters", labOf(labHolds(), nil, "left", "left", "down", "down", "p")},
		{"lab-parameters-wrong", labOf(labHolds(), nil, "left", "left", "down", "down", "p", "d", "-", "0", "tab", "tab", "2", "enter")},
		{"lab-narrowed", labOf(narrowed, nil, "left", "left", "down", "down")},
		{"lab-error", labOf(workflow.LabView{}, &workflow.Problem{
			Kind: workflow.LocalFile, Op: "open the lab",
			Summary: "the lab in /home/ada/.local/state/dpslab/lab is served by process 4711 on 127.0.0.1:8443, and does not answer there",
			Why:     "One process at a time keeps a lab, and others join it. Process 4711 hangs or is stopped.",
			Fix:     "If it is suspended in another window, bring it back with fg; else end it: kill 4711. Or use another lab: dpslab --home DIR keeps everything in a folder of its own.",
		})},
		{"lab-lost", func(a *app) {
			labOf(labHolds(), nil)(a)
			a.update(labMsg{look: a.looks, err: &workflow.Problem{
				Kind: workflow.Internal, Op: "look at the lab", Summary: "asking the lab: connection refused",
				Fix: "It is asked again by itself, and a lab whose process has ended is opened anew. If it stays like this, end that process and open the lab again.",
			}})
		}},
		{"lab-hostile", labOf(hostile, nil, "tab", "tab")},
		{"lab-detail", labOf(hostile, nil, "tab", "tab", "d")},
	}
}
