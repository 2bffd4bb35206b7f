package dps_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"dpslab/workflow/dps"
	"dpslab/workflow/emulator/labtest"
	"dpslab/workflow/wire"
)

func keyEnrollment(id string) *dps.IndividualEnrollment {
	return &dps.IndividualEnrollment{RegistrationID: id, EnrollmentRecord: dps.EnrollmentRecord{Attestation: *keyed()}}
}

func keyGroup(id string) *dps.EnrollmentGroup {
	return &dps.EnrollmentGroup{EnrollmentGroupID: id, EnrollmentRecord: dps.EnrollmentRecord{Attestation: *keyed()}}
}

func TestBulkAndQueryInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	ctx, c := t.Context(), l.Service(t)
	var all []*dps.IndividualEnrollment
	var groups []*dps.EnrollmentGroup
	for i := range 23 {
		all = append(all, keyEnrollment(fmt.Sprintf("press-%02d", i)))
	}
	for i := range 3 {
		groups = append(groups, keyGroup(fmt.Sprintf("line-%d", i)))
	}
	if r, done, err := c.BulkEnrollments(ctx, dps.BulkCreate, all); err != nil || !r.IsSuccessful || done != 23 || len(r.Errors) > 0 {
		t.Fatalf("%+v, %d, %v", r, done, err)
	}
	if r, done, err := c.BulkGroups(ctx, dps.BulkCreate, groups); err != nil || !r.IsSuccessful || done != 3 {
		t.Fatalf("%+v, %d, %v", r, done, err)
	}

	// Made again, each by itself is refused; another one is made all the same.
	r, done, err := c.BulkEnrollments(ctx, dps.BulkCreate, []*dps.IndividualEnrollment{all[0], keyEnrollment("press-99"), all[1]})
	if err != nil || done != 3 || r.IsSuccessful || len(r.Errors) != 2 || r.Errors[1].ID() != "press-01" || r.Errors[0].ErrorCode/1000 != http.StatusConflict || r.Errors[0].ErrorStatus == "" {
		t.Errorf("%+v, %v", r, err)
	}
	stale := keyEnrollment("press-00")
	stale.ETag = `"stale"`
	if r, _, err := c.BulkEnrollments(ctx, dps.BulkUpdateIfMatchETag, []*dps.IndividualEnrollment{stale}); err != nil || r.IsSuccessful || r.Errors[0].ErrorCode/1000 != http.StatusPreconditionFailed {
		t.Errorf("%+v, %v", r, err)
	}
	if r, _, err := c.BulkEnrollments(ctx, dps.BulkDelete, []*dps.IndividualEnrollment{{RegistrationID: "press-99"}}); err != nil || !r.IsSuccessful {
		t.Errorf("%+v, %v", r, err)
	}
	if r, _, err := c.BulkGroups(ctx, "turn", groups); err == nil || r.IsSuccessful {
		t.Errorf("a mode that is none: %+v", r)
	}

	for _, size := range []int{0, 1, 7, 23, 100} {
		var ids []string
		for e, err := range c.Enrollments(ctx, dps.Query{PageSize: size, SQL: "SELECT * FROM enrollments"}) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, e.RegistrationID)
		}
		if len(ids) != 23 || ids[0] != "press-00" || ids[22] != "press-22" {
			t.Errorf("pages of %d: %v", size, ids)
		}
	}
	p, err := c.QueryEnrollments(ctx, dps.Query{PageSize: 20})
	if err != nil || len(p.Items) != 20 || p.Continuation == "" {
		t.Fatalf("%d, %q, %v", len(p.Items), p.Continuation, err)
	}
	if p, err = c.QueryEnrollments(ctx, dps.Query{PageSize: 20, Continuation: p.Continuation}); err != nil || len(p.Items) != 3 || p.Continuation != "" {
		t.Errorf("%d, %q, %v", len(p.Items), p.Continuation, err)
	}
	for g, err := range c.Groups(ctx, dps.Query{}) {
		if err != nil || g.EnrollmentGroupID != "line-0" {
			t.Errorf("%v, %v", g, err)
		}
		break // one may stop
	}
	for _, err := range c.Enrollments(ctx, dps.Query{Continuation: "made up"}) {
		wantRefusal(t, err, http.StatusBadRequest, "400000")
	}
}

func TestSaveInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	ctx, c := t.Context(), l.Service(t)
	first := keyGroup("line-3")
	first.AllocationPolicy = dps.AllocationHashed
	made, err := c.SaveGroup(ctx, nil, first)
	if err != nil {
		t.Fatal(err)
	}

	// Made twice.
	var changed *dps.ChangedError
	_, err = c.SaveGroup(ctx, nil, keyGroup("line-3"))
	if !errors.As(err, &changed) || changed.Gone || changed.Current.(*dps.EnrollmentGroup).ETag != made.ETag || changed.Refused.Status != http.StatusConflict {
		t.Fatalf("made twice: %v", err)
	}

	// Somebody is faster.
	theirs := *made
	theirs.ProvisioningStatus = dps.ProvisioningDisabled
	theirs.InitialTwin = &dps.InitialTwin{Tags: map[string]any{"line": 3}}
	if _, err := c.SaveGroup(ctx, made, &theirs); err != nil {
		t.Fatal(err)
	}
	mine := *made
	mine.AllocationPolicy = dps.AllocationGeoLatency
	_, err = c.SaveGroup(ctx, made, &mine)
	if !errors.As(err, &changed) || len(changed.Changes) != 2 || changed.RereadError != nil {
		t.Fatalf("late: %v", err)
	}
	want := []dps.Change{{"initialTwin.tags.line", "", "3"}, {"provisioningStatus", `"enabled"`, `"disabled"`}}
	if changed.Changes[0] != want[0] || changed.Changes[1] != want[1] {
		t.Errorf("changes %v, want %v", changed.Changes, want)
	}
	var refused *wire.ServiceError
	if !errors.As(err, &refused) || refused.Advice() != wire.AdviceReadAgain || !strings.Contains(err.Error(), "initialTwin.tags.line: none → 3 and 1 more") {
		t.Errorf("error %v", err)
	}

	// And takes it away.
	if err := c.DeleteGroup(ctx, "line-3", ""); err != nil {
		t.Fatal(err)
	}
	_, err = c.SaveGroup(ctx, made, &mine)
	if !errors.As(err, &changed) || !changed.Gone || changed.Current != nil || !strings.Contains(err.Error(), "deleted") {
		t.Errorf("gone: %v", err)
	}

	// A refusal for another reason stays what it is.
	bad := keyEnrollment("device-01")
	bad.Attestation.Type = "word of honour"
	_, err = c.SaveEnrollment(ctx, nil, bad)
	if changed = nil; errors.As(err, &changed) || !errors.As(err, &refused) || refused.Status != http.StatusBadRequest {
		t.Errorf("another reason: %v", err)
	}
}

// Every field of the contract goes to the service and comes back.
func TestEveryFieldInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	ctx, c := t.Context(), l.Service(t)
	primary, secondary := labtest.SelfSigned(t, "device-01"), labtest.SelfSigned(t, "device-01")
	e := labtest.Enrollment("device-01", primary)
	e.Attestation.X509.ClientCertificates.Secondary = labtest.Enrollment("", secondary).Attestation.X509.ClientCertificates.Primary
	e.DeviceID = "truck-7"
	e.Capabilities = &dps.DeviceCapabilities{IoTEdge: true}
	e.InitialTwin = &dps.InitialTwin{Tags: map[string]any{"site": "x"}, Properties: &dps.InitialTwinProperties{Desired: map[string]any{"period": 30}}}
	e.ProvisioningStatus = dps.ProvisioningEnabled
	e.ReprovisionPolicy = &dps.ReprovisionPolicy{UpdateHubAssignment: true}
	e.AllocationPolicy, e.IoTHubs = dps.AllocationCustom, l.HubHosts[:1]
	e.CustomAllocationDefinition = &dps.CustomAllocationDefinition{WebhookURL: "https://f.example/allocate", APIVersion: "2021-10-01"}
	e.OptionalDeviceInformation = map[string]any{"colour": "red"}
	made, err := c.SaveEnrollment(ctx, nil, e)
	if err != nil {
		t.Fatal(err)
	}
	if changes := dps.Diff(e, made); len(changes) != 0 {
		t.Errorf("it came back changed: %v", changes)
	}
	made.AllocationPolicy, made.CustomAllocationDefinition = dps.AllocationStatic, nil
	again, err := c.SaveEnrollment(ctx, made, made)
	if err != nil {
		t.Fatal(err)
	}
	if changes := dps.Diff(e, again); len(changes) != 3 || changes[0].Field != "allocationPolicy" || changes[2].Field != "customAllocationDefinition.webhookUrl" {
		t.Errorf("changes %v", changes)
	}
	// The other certificate is as good.
	if end := register(t, l.Device(t, secondary), dps.DeviceRegistration{RegistrationID: "device-01"}); end.RegistrationState.DeviceID != "truck-7" {
		t.Errorf("ended %+v", end.RegistrationState)
	}
}

// A copy of a request can be made without sending it.
func TestDryRunInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	c := l.Service(t)
	_, err := c.PutGroup(wire.WithDryRun(t.Context()), keyGroup("line-3"), `"13"`)
	var dry *wire.DryRunError
	if !errors.As(err, &dry) {
		t.Fatal(err)
	}
	x := dry.Exchange
	if x.Method != http.MethodPut || !strings.HasSuffix(x.URL, "/enrollmentGroups/line-3?api-version=2021-10-01") || !x.DryRun ||
		x.RequestHeader.Get("If-Match") != `"13"` || x.RequestHeader.Get("Authorization") != "SharedAccessSignature [secret]" || !json.Valid([]byte(x.RequestBody)) {
		t.Errorf("%+v", x)
	}
	_, err = c.Group(t.Context(), "line-3")
	var refused *wire.ServiceError
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		t.Errorf("it was sent: %v", err)
	}
}
