package tui

import (
	"errors"
	"slices"
	"time"

	"dpslab/profiles"
	"dpslab/tui/screen"
	"dpslab/workflow"
)

// workScenes are states of a device at work beside those of a plain run.
func workScenes() []scene {
	stream := func(s workflow.Stream) func(*story) {
		return func(st *story) {
			st.certificates()
			st.enrollment()
			st.registered()
			st.telemetry(7)
			st.add(time.Millisecond, workflow.Event{Kind: workflow.StreamChanged, Step: workflow.StepTelemetry, Stream: &s})
		}
	}
	return []scene{
		{"bench-paused", bench(stream(workflow.Stream{Paused: true, IntervalMS: 2000}), 100*time.Millisecond)},
		{"bench-fast", bench(stream(workflow.Stream{IntervalMS: 50}), 100*time.Millisecond)},
		{"bench-late", bench(func(s *story) {
			running(s)
			s.register(assigning())
			for n := range 12 {
				s.wait(n + 1)
				s.poll(assigning())
			}
			s.wait(13)
		}, 40*time.Second)},
		{"bench-unreachable", bench(func(s *story) {
			running(s)
			p := &workflow.Problem{
				Kind: workflow.Unreachable, Op: "register my-x509-device", Summary: "no answer from global.azure-devices-provisioning.net: connection refused", Rule: "N03",
				Why: "Nobody answers at that address and port, or a firewall is in between.", Fix: "Check the network; set HTTPS_PROXY if this network needs a proxy.",
			}
			s.register(workflow.Exchange{Error: "dial tcp 127.0.0.1:443: connect: connection refused"})
			s.add(time.Millisecond, workflow.Event{Kind: workflow.StepFinished, Outcome: workflow.Failed, Problem: p})
			s.end(workflow.Failed, p)
		}, 0)},
		{"bench-redo", func(a *app) {
			bench(func(s *story) { s.certificates(); s.enrollment(); s.registered(); s.end(workflow.Done, nil) }, 0)(a)
			press(a, slices.Repeat([]string{"up"}, 5)...)
			press(a, "R")
		}},
		{"bench-undo", func(a *app) {
			bench(func(s *story) { s.certificates(); s.enrollment(); s.registered(); s.end(workflow.Done, nil) }, 0)(a)
			a.update(undoPlanMsg{step: workflow.StepEnrollment, items: undoItems})
		}},
		{"bench-undo-typed", func(a *app) {
			bench(func(s *story) { s.certificates(); s.enrollment(); s.registered(); s.end(workflow.Done, nil) }, 0)(a)
			dev := devices()[2]
			dev.Profile = profile("azure", "self-signed", "individual", "")
			a.bench.SetDevice(dev)
			a.update(undoPlanMsg{step: workflow.StepEnrollment, items: undoItems})
			a.grace.on = false
			press(a, "m", "y", "enter")
		}},
		{"bench-received", func(a *app) {
			bench(func(s *story) { s.certificates(); s.enrollment(); s.registered(); s.end(workflow.Done, nil) }, 0)(a)
			a.update(receivedMsg{device: "my-x509-device", message: &workflow.CloudMessage{
				Body: "{\"interval\": 5, \"name\": \"温度センサー\x1b[2J\"}", Sequence: 42, Deliveries: 1, MessageID: "m-1",
				Enqueued: noon, Properties: map[string]string{"kind": "settings"},
			}})
		}},
		{"bench-looked-up", func(a *app) {
			bench(func(s *story) { s.certificates(); s.enrollment(); s.registered(); s.end(workflow.Done, nil) }, 0)(a)
			a.update(standingMsg{device: "my-x509-device", standing: &screen.LookedUp{
				At: noon, Registration: &workflow.Registration{
					RegistrationID: "my-x509-device", Status: "failed", ETag: "IjEyMDA4NmYyLTAwMDAtMDMwMC0wMDAwLTYzMGE1YTBmMDAwMCI=",
					ErrorCode: 400209, ErrorMessage: "The hub\x1b[2J refused DPS", Updated: "2026-03-01T11:59:58.1234567Z",
				},
				Known: &profiles.State{Registration: profiles.Registration{Status: "assigned", AssignedHub: "lab-hub.azure-devices.net", DeviceID: "my-x509-device"}},
			}})
		}},
		{"bench-message", func(a *app) {
			bench(func(s *story) { s.certificates(); s.enrollment(); s.registered(); s.end(workflow.Done, nil) }, 0)(a)
			a.update(composedMsg{saved: true, wrong: errors.New("the body begins like JSON and is none, line 2 of it: invalid character '}' looking for beginning of object key string")})
		}},
	}
}

var undoItems = []workflow.RetireItem{
	{Step: workflow.StepEnrollment, What: "individual enrollment my-x509-device at contoso-dps.azure-devices-provisioning.net"},
	{Step: workflow.StepEnrollment, What: "enrollment group line-3 at contoso-dps.azure-devices-provisioning.net", Shared: []string{"device-01", "press-3"}},
}
