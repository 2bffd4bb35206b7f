package dps_test

import (
	"fmt"
	"testing"

	"dpslab/workflow/dps"
)

// A query goes from page to page and stops at the limit.
func TestQueryPages(t *testing.T) {
	t.Parallel()
	service := startLab(t).service(t)
	const there = 105 // more than one page
	for i := range there {
		e := &dps.IndividualEnrollment{RegistrationID: fmt.Sprintf("d%d", i)}
		e.Attestation = dps.AttestationMechanism{Type: dps.AttestationSymmetricKey, SymmetricKey: &dps.SymmetricKeyAttestation{}}
		if _, err := service.PutEnrollment(t.Context(), e, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		max, want int
		more      bool
	}{{1, 1, true}, {100, 100, true}, {104, 104, true}, {there, there, false}, {500, there, false}} {
		all, more, err := service.Enrollments(t.Context(), c.max)
		if err != nil || len(all) != c.want || more != c.more {
			t.Errorf("at most %d: %d enrollments, more %v, %v; want %d, %v", c.max, len(all), more, err, c.want, c.more)
		}
	}
	if groups, more, err := service.Groups(t.Context(), 10); err != nil || len(groups) > 0 || more {
		t.Errorf("%d groups, more %v, %v", len(groups), more, err)
	}
}
