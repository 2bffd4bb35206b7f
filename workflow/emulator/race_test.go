package emulator

import (
	"testing"

	"dpslab/workflow/dps"
)

// The race is lost by whoever asks for the state that was read, wherever there
// are entity tags, and in the words of each service; who asks for none goes on,
// and is not counted.
func TestTheRaceIsLostByThoseWhoAskForTheState(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	hub := func(tag string) answer { return s.hubService(t, "hub-a", "DELETE", "/devices/d1", "", "If-Match", tag) }
	s.fault(t, Fault{Scenario: "etag-race", Operation: operationRegistry, Count: 1})
	var d deviceBody
	s.hubService(t, "hub-a", "GET", "/devices/d1", "").into(t, &d)
	wantHub(t, hub(`"`+d.ETag+`"`), 412, "PreconditionFailed")
	if a := hub(`"` + d.ETag + `"`); a.status != 204 {
		t.Errorf("once the count is used up: %d %s", a.status, a.body)
	}

	s.fault(t, Fault{Scenario: "etag-race"})
	var r dps.DeviceRegistrationState
	s.service(t, "GET", "/registrations/d1", "").into(t, &r)
	wantRefusal(t, s.service(t, "DELETE", "/registrations/d1", "", "If-Match", r.ETag), 412000, "")
	if a := s.service(t, "DELETE", "/registrations/d1", "", "If-Match", "*"); a.status != 204 {
		t.Errorf("any state will do: %d %s", a.status, a.body)
	}
	client, group := s.apim(t), s.ready.ResourceGroup
	if _, err := client.CreateOrUpdate(t.Context(), group, apimName, "c", inline(pfx(t, s.device, "1234"), "1234"), nil); err != nil {
		t.Fatal(err)
	}
	tag, err := client.GetEntityTag(t.Context(), group, apimName, "c", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Delete(t.Context(), group, apimName, "c", *tag.ETag, nil)
	wantAzure(t, err, 412, "PreconditionFailed")
	for _, f := range s.faults.list() {
		if f.Hits != 2 {
			t.Errorf("it counts %d of two hits", f.Hits)
		}
	}
}
