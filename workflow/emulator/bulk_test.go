package emulator

import (
	"fmt"
	"strings"
	"testing"

	"dpslab/workflow/dps"
)

// bulk sends a bulk operation and gives its result.
func (l *Lab) bulk(t testing.TB, path, mode string, items ...any) bulkResult {
	t.Helper()
	list := "enrollments"
	if strings.HasPrefix(strings.ToLower(path), "/enrollmentgroups") {
		list = "enrollmentGroups"
	}
	a := l.service(t, "POST", path, jsonText(t, map[string]any{list: items, "mode": mode}))
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var r bulkResult
	a.into(t, &r)
	if r.IsSuccessful != (len(r.Errors) == 0) {
		t.Errorf("%s", a.body)
	}
	return r
}

func keyed(id string) dps.IndividualEnrollment {
	return dps.IndividualEnrollment{
		RegistrationID: id, EnrollmentRecord: dps.EnrollmentRecord{Attestation: dps.AttestationMechanism{Type: "symmetricKey"}},
	}
}

func TestBulk(t *testing.T) {
	t.Parallel()
	l := start(t)
	if r := l.bulk(t, "/enrollments/", "create", keyed("a"), keyed("b")); !r.IsSuccessful {
		t.Fatalf("%+v", r)
	}
	// Each item stands for itself.
	r := l.bulk(t, "/enrollments", "create", keyed("b"), keyed("c"), keyed("no good."), dps.IndividualEnrollment{RegistrationID: "d"})
	want := []bulkError{
		{RegistrationID: "b", ErrorCode: 409000, ErrorStatus: "Resource already exists"},
		{RegistrationID: "no good.", ErrorCode: 400004},
		{RegistrationID: "d", ErrorCode: 400000},
	}
	if len(r.Errors) != len(want) {
		t.Fatalf("%+v", r)
	}
	for i, w := range want {
		if e := r.Errors[i]; e.RegistrationID != w.RegistrationID || e.ErrorCode != w.ErrorCode || w.ErrorStatus != "" && e.ErrorStatus != w.ErrorStatus {
			t.Errorf("%+v, want %+v", e, w)
		}
	}
	var c dps.IndividualEnrollment
	l.service(t, "GET", "/enrollments/c", "").into(t, &c)
	disabled := c
	disabled.ProvisioningStatus, disabled.ETag = dps.ProvisioningDisabled, `"stale"`
	for _, step := range []struct {
		mode string
		item any
		code int
	}{
		{"updateIfMatchETag", disabled, 412000},
		{"updateIfMatchETag", keyed("c"), 412000},
		{"updateIfMatchETag", keyed("x"), 404201},
		{"updateIfMatchETag", c, 0},
		{"update", disabled, 0},
		{"update", keyed("x"), 404201},
		{"delete", keyed("x"), 404201},
		{"delete", keyed("c"), 0},
	} {
		r := l.bulk(t, "/enrollments", step.mode, step.item)
		if step.code == 0 && !r.IsSuccessful || step.code != 0 && (len(r.Errors) != 1 || r.Errors[0].ErrorCode != step.code) {
			t.Errorf("%s %+v: %+v", step.mode, step.item, r)
		}
	}
	wantRefusal(t, l.service(t, "GET", "/enrollments/c", ""), 404201, "Enrollment not found")
}

func TestBulkOfGroups(t *testing.T) {
	t.Parallel()
	l := start(t)
	g := dps.EnrollmentGroup{EnrollmentGroupID: "line", EnrollmentRecord: keyed("").EnrollmentRecord}
	if r := l.bulk(t, "/enrollmentGroups", "create", g); !r.IsSuccessful {
		t.Errorf("%+v", r)
	}
	if r := l.bulk(t, "/enrollmentgroups", "create", g); len(r.Errors) != 1 || r.Errors[0].EnrollmentGroupID != "line" || r.Errors[0].RegistrationID != "" {
		t.Errorf("%+v", r)
	}
	if r := l.bulk(t, "/enrollmentGroups", "delete", g); !r.IsSuccessful {
		t.Errorf("%+v", r)
	}
}

func TestBulkIsRefused(t *testing.T) {
	t.Parallel()
	l := start(t)
	var eleven []any
	for i := range 11 {
		eleven = append(eleven, keyed(fmt.Sprint("d", i)))
	}
	for name, body := range map[string]string{
		"eleven":       jsonText(t, map[string]any{"enrollments": eleven, "mode": "create"}),
		"none":         `{"mode":"create"}`,
		"unknown mode": jsonText(t, map[string]any{"enrollments": eleven[:1], "mode": "replace"}),
		"no JSON":      `{`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, l.service(t, "POST", "/enrollments", body), 400000, "")
		})
	}
}

func TestGroupQuota(t *testing.T) {
	t.Parallel()
	l := start(t)
	var groups []any
	for i := range maxGroups {
		groups = append(groups, dps.EnrollmentGroup{EnrollmentGroupID: fmt.Sprintf("g%03d", i), EnrollmentRecord: keyed("").EnrollmentRecord})
		if len(groups) == maxBulk {
			if r := l.bulk(t, "/enrollmentGroups", "create", groups...); !r.IsSuccessful {
				t.Fatalf("%+v", r)
			}
			groups = nil
		}
	}
	body := `{"attestation":{"type":"symmetricKey"}}`
	wantRefusal(t, l.service(t, "PUT", "/enrollmentGroups/more", body), 403000, "")
	if a := l.service(t, "PUT", "/enrollmentGroups/g000", body, "If-Match", "*"); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	// The other attestation has a quota of its own.
	l.enrollGroup(t, "x509", newFamily(t, "f").root.Certificate)
}
