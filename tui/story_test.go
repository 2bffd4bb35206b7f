package tui

import (
	"encoding/json"
	"net/http"
	"time"

	"dpslab/workflow"
)

// story tells a run, event by event.
type story struct {
	events []workflow.Event
	at     time.Time
	step   workflow.StepID
	id     int
}

func (s *story) add(after time.Duration, e workflow.Event) {
	s.at = s.at.Add(after)
	e.Run, e.Seq, e.At, e.Device = "r1", len(s.events)+1, s.at, "my-x509-device"
	if e.Step == "" && e.Kind != workflow.RunStarted && e.Kind != workflow.RunFinished {
		e.Step = s.step
	}
	s.events = append(s.events, e)
}

func newStory() *story {
	s := &story{at: noon.Add(-20 * time.Second)}
	var plan []workflow.StepID
	for _, i := range workflow.Steps() {
		plan = append(plan, i.ID)
	}
	s.add(0, workflow.Event{Kind: workflow.RunStarted, Plan: plan})
	return s
}

func (s *story) begin(id workflow.StepID) {
	s.step = id
	s.add(10*time.Millisecond, workflow.Event{Kind: workflow.StepStarted})
}

func (s *story) done(text string) {
	s.add(5*time.Millisecond, workflow.Event{Kind: workflow.StepFinished, Outcome: workflow.Done, Text: text})
}

func (s *story) exchange(took time.Duration, x workflow.Exchange) {
	s.id++
	x.ID, x.Started = s.id, s.at
	x.Timing.Total = float64(took.Microseconds()) / 1000
	x.Timing.Wait = x.Timing.Total * 0.7
	asked := x
	asked.Status, asked.ResponseHeader, asked.ResponseBody, asked.TLS = 0, nil, "", nil
	s.add(time.Millisecond, workflow.Event{Kind: workflow.ExchangeStarted, Exchange: &asked})
	if x.Status >= 0 {
		s.add(took, workflow.Event{Kind: workflow.ExchangeFinished, Exchange: &x})
	}
}

func (s *story) certificates() {
	s.begin(workflow.StepCertificates)
	dir := "/home/ada/.local/share/dpslab/devices/my-x509-device/"
	s.add(8*time.Millisecond, workflow.Event{Kind: workflow.FilesWritten, Files: []workflow.File{
		{Path: dir + "private/my-x509-device.key.pem", What: "device private key", New: true},
		{Path: dir + "certs/my-x509-device.cert.pem", What: "device certificate", New: true},
	}})
	s.add(0, workflow.Event{Kind: workflow.Noted, Text: "EC P-256, CN my-x509-device, valid until 31 Mar 2026"})
	s.add(0, workflow.Event{Kind: workflow.Noted, Text: "SHA-1 thumbprint 0F6B3A1C55D2E8F9A7B4C3D2E1F0A9B8C7D6E5F4"})
	s.done("a self-signed certificate for my-x509-device, good for 30 days")
	s.step = workflow.StepSigningCA
	s.add(time.Millisecond, workflow.Event{Kind: workflow.StepSkipped, Text: "a self-signed certificate needs no CA"})
}

func (s *story) enrollment() {
	s.begin(workflow.StepEnrollment)
	s.exchange(14*time.Millisecond, workflow.Exchange{Service: "DPS", Operation: "get enrollment", Method: "GET", URL: "https://lab-dps.azure-devices-provisioning.net/enrollments/my-x509-device?api-version=2021-10-01", Status: 404, Reason: "Not Found"})
	s.exchange(9*time.Millisecond, workflow.Exchange{Service: "DPS", Operation: "put enrollment", Method: "PUT", URL: "https://lab-dps.azure-devices-provisioning.net/enrollments/my-x509-device?api-version=2021-10-01", Status: 200, Reason: "OK", ResponseBody: `{"registrationId":"my-x509-device"}`})
	s.done("individual enrollment my-x509-device is written")
}

func (s *story) register(x workflow.Exchange) {
	x.Service, x.Operation, x.Method = "DPS", "register", "PUT"
	x.URL = "https://global.azure-devices-provisioning.net/0ne00LAB001/registrations/my-x509-device/register?api-version=2021-06-01"
	x.RequestHeader = http.Header{"Content-Type": {"application/json"}, "User-Agent": {"dpslab"}}
	x.RequestBody = `{"registrationId":"my-x509-device"}`
	s.exchange(41*time.Millisecond, x)
}

const operation = "5.5066f3c2a9d4e1b7.1f0e7c2a-9a51-4c1e-8d1c-2b7b6a0d9e11"

func assigning() workflow.Exchange {
	x := workflow.Exchange{Status: 202, Reason: "Accepted", Proto: "HTTP/1.1"}
	x.ResponseHeader = http.Header{"Retry-After": {"3"}, "Content-Type": {"application/json; charset=utf-8"}, "X-Ms-Request-Id": {"a86b4a2d-3a6e-4c1b-9d2e-0c8e1b7a6f55"}}
	x.ResponseBody = `{"operationId":"` + operation + `","status":"assigning"}`
	return x
}

// wait begins a wait of three seconds.
func (s *story) wait(attempt int) {
	three := 3
	s.add(time.Millisecond, workflow.Event{Kind: workflow.PollScheduled, Poll: &workflow.Poll{
		Attempt: attempt, Since: s.at, Due: s.at.Add(3 * time.Second), OperationID: operation, RetryAfter: &three,
	}})
}

func (s *story) poll(x workflow.Exchange) {
	x.Service, x.Operation, x.Method = "DPS", "operation status", "GET"
	x.URL = "https://global.azure-devices-provisioning.net/0ne00LAB001/registrations/my-x509-device/operations/" + operation + "?api-version=2021-06-01"
	s.at = s.at.Add(3 * time.Second)
	s.exchange(12*time.Millisecond, x)
}

func (s *story) registered() {
	s.begin(workflow.StepRegistration)
	s.register(assigning())
	s.wait(1)
	s.poll(assigning())
	s.wait(2)
	s.poll(workflow.Exchange{Status: 200, Reason: "OK", ResponseBody: `{"operationId":"` + operation + `","status":"assigned"}`})
	s.add(time.Millisecond, workflow.Event{Kind: workflow.StatusChanged, Registration: &workflow.Registration{
		RegistrationID: "my-x509-device", Status: "assigned", Substatus: "initialAssignment", AssignedHub: "lab-hub.azure-devices.net", DeviceID: "my-x509-device",
	}})
	s.done("assigned to lab-hub.azure-devices.net as my-x509-device")
}

func (s *story) telemetry(n int) {
	s.begin(workflow.StepTelemetry)
	s.add(0, workflow.Event{Kind: workflow.StreamChanged, Stream: &workflow.Stream{IntervalMS: 1000}})
	for i := 1; i <= n; i++ {
		v := 25 + 5*float64((i*i*7)%11-5)/5
		body := `{"temperature": 24.5, "at": "2026-03-01T11:59:50Z"}`
		s.exchange(time.Duration(8+i%4)*time.Millisecond, workflow.Exchange{Service: "IoT Hub", Operation: "send event", Method: "POST", URL: "https://lab-hub.azure-devices.net/devices/my-x509-device/messages/events?api-version=2020-03-13", RequestBody: body, Status: 204, Reason: "No Content"})
		s.add(0, workflow.Event{Kind: workflow.MessageSent, Message: &workflow.Message{N: i, Of: 10, Body: body, Value: &v, ValueName: "temperature", LatencyMS: float64(8 + i%4), Hub: "lab-hub.azure-devices.net"}})
		s.add(0, workflow.Event{Kind: workflow.MessageReceived, Received: &workflow.Received{Hub: "lab-hub.azure-devices.net", Sequence: uint64(i), Body: body}})
		s.at = s.at.Add(time.Second)
	}
}

func (s *story) end(o workflow.Outcome, p *workflow.Problem) {
	s.add(time.Millisecond, workflow.Event{Kind: workflow.RunFinished, Outcome: o, Problem: p})
}

// withTLS adds what a handshake agreed on, as it stands in a journal.
func withTLS(x *workflow.Exchange) {
	const facts = `{"tls": {"version": "TLS 1.3", "cipher_suite": "TLS_AES_128_GCM_SHA256", "server_name": "global.azure-devices-provisioning.net", "client_certificate_requested": true,
		"server": [{"subject": "CN=global.azure-devices-provisioning.net", "issuer": "CN=dpslab lab root", "not_after": "2026-03-31T12:00:00Z",
			"sha1": "6C0F4B7A9D1E2F3A4B5C6D7E8F90A1B2C3D4E5F6", "sha256": "9A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7E8F9"}],
		"client": [{"subject": "CN=my-x509-device", "issuer": "CN=my-x509-device", "not_after": "2026-03-31T12:00:00Z",
			"sha1": "0F6B3A1C55D2E8F9A7B4C3D2E1F0A9B8C7D6E5F4", "sha256": "1F2E3D4C5B6A79880F1E2D3C4B5A69780F1E2D3C4B5A69780F1E2D3C4B5A6978"}]}}`
	if err := json.Unmarshal([]byte(facts), x); err != nil {
		panic(err)
	}
}

func refusal() *workflow.Problem {
	return &workflow.Problem{
		Kind: workflow.Refused, Op: "register my-x509-device", Summary: "DPS refuses the device: 401 Unauthorized",
		Why:    "the certificate the device sent is not the one in the enrollment: its thumbprint differs",
		Fix:    "run the steps \"certificates\" and \"enrollment\" again: they make a certificate and write its thumbprint",
		Status: 401, Code: "401002", TrackingID: "a86b4a2d-3a6e-4c1b-9d2e-0c8e1b7a6f55", Rule: "R02",
	}
}
