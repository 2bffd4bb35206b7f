package emulator

import (
	"strings"
	"testing"

	"dpslab/workflow/dps"
)

// TestStrict does the same to a lenient lab and to a strict one.
func TestStrict(t *testing.T) {
	t.Parallel()
	root := newFamily(t, "strict").root.Certificate
	id := selfSigned(t, "d1")
	group := dps.EnrollmentGroup{EnrollmentGroupID: "g"}
	group.Attestation = dps.AttestationMechanism{Type: "x509", X509: &dps.X509Attestation{SigningCertificates: &dps.X509Certificates{
		Primary: &dps.X509CertificateWithInfo{Certificate: pemText(selfSigned(t, "no-ca").chain[0])},
	}}}
	tests := map[string]func(*testing.T, *Lab) answer{
		"api-version": func(t *testing.T, l *Lab) answer {
			url := strings.Replace(l.registerURL("d1"), "2021-06-01", "2031-01-01", 1)
			return l.as(t, id).do(t, "PUT", url, `{"registrationId":"d1"}`)
		},
		"signing certificate that is no CA": func(t *testing.T, l *Lab) answer {
			return l.service(t, "PUT", "/enrollmentGroups/g", jsonText(t, group))
		},
		"flat body in a wrapped version": func(t *testing.T, l *Lab) answer {
			return l.manageCall(t, "2022-02-05", "PUT", "/certificates/a", jsonText(t, map[string]any{"certificate": root.Raw}))
		},
		"wrapped body in a flat version": func(t *testing.T, l *Lab) answer {
			return l.manageCall(t, "2018-01-22", "PUT", "/certificates/a", jsonText(t, map[string]any{"properties": map[string]any{"certificate": root.Raw}}))
		},
		"query": func(t *testing.T, l *Lab) answer {
			return l.service(t, "POST", "/enrollments/query", `{"query":"everything"}`)
		},
		"registration ID missing": func(t *testing.T, l *Lab) answer {
			return l.as(t, id).do(t, "PUT", l.registerURL("d1"), `{}`)
		},
	}
	rows := 0
	for _, g := range Guesses() {
		if g.Strict != "" {
			rows++
		}
	}
	if rows != len(tests)-1 { // the two shapes of a body are one row
		t.Errorf("%d rows have a strict side, %d are tried", rows, len(tests)-1)
	}
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, strict := range []bool{false, true} {
				l := start(t, func(o *Options) { o.Strict = strict })
				l.enroll(t, "d1", id.chain[0])
				if a := do(t, l); (a.status == 400) != strict || !strict && a.status > 202 {
					t.Errorf("strict %v: %d %s", strict, a.status, a.body)
				}
			}
		})
	}
}

// TestStrictAcceptsWhatIsRight does what every version of the contract allows.
func TestStrictAcceptsWhatIsRight(t *testing.T) {
	t.Parallel()
	root := newFamily(t, "strict").root.Certificate
	id := selfSigned(t, "d1")
	l := start(t, func(o *Options) { o.Strict = true })
	l.enroll(t, "d1", id.chain[0])
	if op := l.as(t, id).provision(t, "d1"); op.Status != dps.StatusAssigned {
		t.Errorf("%+v", op)
	}
	l.upload(t, "root", root, true)
	l.enrollGroup(t, "g", root)
	if a := l.service(t, "POST", "/enrollments/query", `{"query":"SELECT * FROM enrollments"}`); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
