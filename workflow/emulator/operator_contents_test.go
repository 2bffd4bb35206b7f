package emulator

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

// What a lab holds is the same told to its own process and to another, and to
// nobody else. Looking meets no scenario.
func TestContents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := start(t, func(o *Options) { o.InMemory, o.Dir, o.RetryAfter = false, dir, -1 })
	_, joined, err := Join(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(joined.Close)
	if c, err := joined.Contents(t.Context()); err != nil || len(c.Enrollments)+len(c.Registrations)+len(c.Devices) > 0 || c.More {
		t.Fatalf("a new lab holds %+v, %v", c, err)
	}
	leaveContents(t, l)
	if err := l.Operator().SetFault(t.Context(), Fault{Scenario: "server-error"}); err != nil {
		t.Fatal(err)
	}
	own, err := l.Operator().Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other, err := joined.Contents(t.Context())
	if err != nil || !reflect.DeepEqual(own, other) {
		t.Errorf("told to another process: %+v, %v; to its own: %+v", other, err, own)
	}
	wantContents(t, own)
	if all, err := joined.Faults(t.Context()); err != nil || all[0].Hits > 0 {
		t.Errorf("looking counted as a hit: %+v, %v", all, err)
	}
	wantRefusal(t, l.as(t, selfSigned(t, "somebody")).do(t, "GET", "https://localhost/_emu/contents", ""), 401000, "Unauthorized")
}

// leaveContents leaves a group with a member, an individual enrollment,
// and messages of two devices.
func leaveContents(t *testing.T, l *Lab) {
	t.Helper()
	f := newFamily(t, "contents")
	l.upload(t, "ca", f.root.Certificate, true)
	l.enrollGroup(t, "Line-3", f.intermediate.Certificate)
	for i, who := range []ident{f.device(t, "member"), selfSigned(t, "alone")} {
		if i == 1 {
			l.enroll(t, "alone", who.chain[0])
		}
		c := l.as(t, who)
		done := c.provision(t, []string{"member", "alone"}[i])
		for range 2 {
			url := "https://" + done.RegistrationState.AssignedHub + "/devices/" + done.RegistrationState.DeviceID + "/messages/events?api-version=2020-03-13"
			if a := c.do(t, "POST", url, "{}"); a.status != 204 {
				t.Fatalf("send: %d %s", a.status, a.body)
			}
		}
	}
}

func wantContents(t *testing.T, c Contents) {
	t.Helper()
	var entries, registrations, devices []string
	for _, e := range c.Enrollments {
		entries = append(entries, fmt.Sprintf("%s group=%v %s enabled=%v", e.ID, e.Group, e.Attestation, e.Enabled))
	}
	for _, r := range c.Registrations {
		registrations = append(registrations, fmt.Sprintf("%s %s by %s group=%v", r.RegistrationID, r.Status, r.Enrollment, r.Group))
		if _, err := time.Parse(time.RFC3339, r.LastUpdatedDateTimeUTC); err != nil {
			t.Error(err)
		}
	}
	for _, d := range c.Devices {
		devices = append(devices, fmt.Sprintf("%s at %s up to %d", d.ID, d.Hub, d.Last))
	}
	for _, list := range [][2][]string{
		{entries, {"Line-3 group=true x509 enabled=true", "alone group=false x509 enabled=true"}},
		{registrations, {"alone assigned by alone group=false", "member assigned by Line-3 group=true"}},
		{devices, {"alone at lab-hub.azure-devices.net up to 2", "member at lab-hub.azure-devices.net up to 2"}},
	} {
		if !reflect.DeepEqual(list[0], list[1]) {
			t.Errorf("%q, want %q", list[0], list[1])
		}
	}
}

// More than a screen can show is said, not shown.
func TestContentsAreBounded(t *testing.T) {
	t.Parallel()
	l := start(t)
	err := l.store.update(func(tx *tx) error {
		for i := range ContentsMax + 1 {
			e := &entry{entryRef: entryRef{individual, fmt.Sprintf("d%04d", i)}}
			if err := put(tx, bucketEnrollments, e.key(), e); err != nil {
				return err
			}
			m := Event{Hub: "h", DeviceID: e.ID, Sequence: 1}
			if err := put(tx, bucketEvents, eventKey("h", e.ID, 1), &m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Operator().Contents(t.Context())
	if err != nil || len(c.Enrollments) != ContentsMax || len(c.Devices) != ContentsMax || !c.More {
		t.Errorf("%d enrollments, %d devices, more %v, %v", len(c.Enrollments), len(c.Devices), c.More, err)
	}
}
