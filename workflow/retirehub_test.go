package workflow_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"dpslab/profiles"
	"dpslab/workflow"
	"dpslab/workflow/dps"
	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

// atHub is a client of the registry of the hub that a device was assigned to.
func (b *bench) atHub(device string) *iothub.ServiceClient {
	b.t.Helper()
	state, err := b.store.LoadState(device)
	if err != nil {
		b.t.Fatal(err)
	}
	host := state.Registration.AssignedHub
	key := b.lab.HubConnectionStrings[host]
	c, err := dps.ParseConnectionString(key.Reveal())
	if err != nil {
		b.t.Fatal(err)
	}
	w := wire.NewClient(wire.Options{Roots: b.lab.Roots, Dial: b.lab.DialContext})
	b.t.Cleanup(w.Close)
	return &iothub.ServiceClient{Wire: w, Host: host, Authorize: c.Authorizer()}
}

// putDevice writes a device as somebody else would; without a change it is
// deleted.
func putDevice(ctx context.Context, hub *iothub.ServiceClient, id string, change func(map[string]any)) error {
	if change == nil {
		return hub.DeleteDevice(ctx, id, "*")
	}
	d, err := hub.Device(ctx, id)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return err
	}
	fields := map[string]any{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return err
	}
	change(fields)
	body, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	token, err := hub.Authorize(ctx)
	if err != nil {
		return err
	}
	_, err = hub.Wire.Do(ctx, wire.Request{
		Operation: "put device", Method: http.MethodPut, URL: "https://" + hub.Host + "/devices/" + id + "?api-version=2021-04-12",
		Header: http.Header{"Authorization": {token.Reveal()}, "Content-Type": {"application/json"}, "If-Match": {"*"}}, Body: body,
	})
	return err
}

// A device that somebody changes at its hub between reading and deleting it is
// not deleted: what changed is told, all else stays as it is, and retiring again
// goes on from there.
func TestRetireMeetsAChangeUnderItsHand(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(map[string]any)
		want   []string // in the summary; none: it is gone, which is fine
		again  bool     // retiring again deletes it, although it is another one now
	}{
		"disabled": {func(d map[string]any) { d["status"], d["statusReason"] = "disabled", "stolen\x1b[2J" }, []string{
			"status: enabled → disabled", `status reason: none → stolen`, "etag: ",
		}, false},
		"a second certificate": {func(d map[string]any) {
			d["authentication"].(map[string]any)["x509Thumbprint"].(map[string]any)["secondaryThumbprint"] = strings.Repeat("AB", 32)
		}, []string{"secondary thumbprint: none → ABAB", "etag: "}, true},
		"IoT Edge": {func(d map[string]any) { d["capabilities"] = map[string]any{"iotEdge": true} }, []string{"IoT Edge: no → yes"}, true},
		"a key": {func(d map[string]any) {
			d["authentication"] = map[string]any{"type": "sas", "symmetricKey": map[string]any{"primaryKey": raceKey, "secondaryKey": raceKey}}
		}, []string{"authentication: selfSigned → sas", "its symmetric keys"}, false},
		"deleted": {nil, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.device("d", workflow.Answers{"api_management.service": b.lab.APIMName})
			b.mustRun("d")
			hub := b.atHub("d")
			once := false
			b.onEvent = func(e workflow.Event) {
				if e.Kind == workflow.ExchangeFinished && e.Exchange.Operation == "get device" && !once {
					once = true
					if err := putDevice(t.Context(), hub, "d", tt.change); err != nil {
						t.Error(err)
					}
				}
			}
			s := b.retire("d", workflow.RetireOptions{})
			if len(tt.want) == 0 {
				if s.Outcome != workflow.Done || len(b.plan("d")) != 0 {
					t.Errorf("%s, %+v, left %v", s.Outcome, s.Problem, b.plan("d"))
				}
				return
			}
			b.wantChangeTold(s, tt.want)
			again := b.retire("d", workflow.RetireOptions{})
			if tt.again != (again.Outcome == workflow.Done) {
				t.Errorf("again: %s, %+v", again.Outcome, again.Problem)
			}
			if s := b.retire("d", workflow.RetireOptions{Force: true}); s.Outcome != workflow.Done || len(b.plan("d")) != 0 || b.enrollments() != 0 {
				t.Errorf("forced: %s, %+v", s.Outcome, s.Problem)
			}
		})
	}
}

const raceKey = "cmFjZSByYWNlIHJhY2UgcmFjZSByYWNlIHJhY2UgIQ=="

// wantChangeTold expects a 412 that says what changed, with everything but the
// step before still there and still listed.
func (b *bench) wantChangeTold(s *workflow.Status, want []string) {
	b.t.Helper()
	if s.Outcome != workflow.Failed || s.Problem == nil || s.Problem.Status != http.StatusPreconditionFailed || s.Problem.TrackingID == "" {
		b.t.Fatalf("%s, %+v", s.Outcome, s.Problem)
	}
	for _, w := range want {
		if !strings.Contains(s.Problem.Summary, w) {
			b.t.Errorf("%q is not in %q", w, s.Problem.Summary)
		}
	}
	if strings.Contains(s.Problem.Summary, raceKey) || !strings.Contains(s.Problem.Fix, "--force") {
		b.t.Errorf("%+v", s.Problem)
	}
	if got := strings.Join(b.plan("d"), " "); got != "hub-device registration enrollment" || b.enrollments() != 2 {
		b.t.Errorf("left in the plan: %s; at DPS: %d", got, b.enrollments())
	}
	if _, err := b.atHub("d").Device(b.t.Context(), "d"); err != nil {
		b.t.Errorf("the device at the hub: %v", err)
	}
	state, err := b.store.LoadState("d")
	if err != nil || state.Registration.AssignedHub == "" || len(state.Created) != 3 || state.Created[0].Kind != profiles.CreatedEnrollment {
		b.t.Errorf("%+v, %v", state, err)
	}
}

// The lab's scenario of a lost race ends a retirement at each thing in turn, and
// the next one goes on where it ended.
func TestRetireLosesTheRace(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"registry", "registrations", "enrollments", "certificates", "apim"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			answers := workflow.Answers{"api_management.service": b.lab.APIMName}
			for k, v := range chainInGroup {
				answers[k] = v
			}
			b.device("d", answers)
			b.mustRun("d")
			before := len(b.plan("d"))
			if err := b.lab.PlayFault(t.Context(), workflow.LabFault{Name: "etag-race", Operation: operation, Count: 1, On: true}); err != nil {
				t.Fatal(err)
			}
			s := b.retire("d", workflow.RetireOptions{})
			if s.Outcome != workflow.Failed || s.Problem.Status != http.StatusPreconditionFailed || !strings.Contains(s.Problem.Summary, "was changed since") {
				t.Fatalf("%s, %+v", s.Outcome, s.Problem)
			}
			if left := len(b.plan("d")); left == 0 || left > before {
				t.Errorf("%d of %d things are left in the plan", left, before)
			}
			if s := b.retire("d", workflow.RetireOptions{}); s.Outcome != workflow.Done || len(b.plan("d")) != 0 || b.enrollments() != 0 {
				t.Errorf("again: %s, %+v, left %v", s.Outcome, s.Problem, b.plan("d"))
			}
		})
	}
}
