package emulator

import (
	"encoding/json"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

// TestStrayAttestation sends attestations that hold members of another type: no
// device gets in by them, and none of them is kept.
func TestStrayAttestation(t *testing.T) {
	t.Parallel()
	key := newKey()
	id := selfSigned(t, "d1")
	signer := newFamily(t, "line").intermediate.Certificate
	client := &dps.X509Attestation{ClientCertificates: &dps.X509Certificates{Primary: &dps.X509CertificateWithInfo{Certificate: pemText(id.chain[0])}}}
	signing := &dps.X509Attestation{SigningCertificates: &dps.X509Certificates{Primary: &dps.X509CertificateWithInfo{Certificate: pemText(signer)}}}
	unread := &dps.X509Attestation{ClientCertificates: &dps.X509Certificates{Primary: &dps.X509CertificateWithInfo{Certificate: "no certificate"}}}
	keys := &dps.SymmetricKeyAttestation{PrimaryKey: key, SecondaryKey: key}
	for name, test := range map[string]struct {
		path string
		sent dps.AttestationMechanism
	}{
		"keys beside a certificate":       {"/enrollments/d1", dps.AttestationMechanism{Type: "x509", X509: client, SymmetricKey: keys}},
		"keys beside a group's signer":    {"/enrollmentGroups/g", dps.AttestationMechanism{Type: "x509", X509: signing, SymmetricKey: keys}},
		"a certificate beside keys":       {"/enrollments/d1", dps.AttestationMechanism{Type: "symmetricKey", X509: unread}},
		"an endorsement key beside those": {"/enrollments/d1", dps.AttestationMechanism{Type: "symmetricKey", TPM: &dps.TPMAttestation{EndorsementKey: "none"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			a := l.service(t, "PUT", test.path, jsonText(t, map[string]any{"attestation": test.sent}))
			if a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			var got struct{ Attestation map[string]json.RawMessage }
			a.into(t, &got)
			if len(got.Attestation) != 2 { // the type and its own member
				t.Errorf("%s was kept", a.body)
			}
			signer := key
			if test.path == "/enrollmentGroups/g" {
				var err error
				if signer, err = dps.DeriveDeviceKey(key, "d1"); err != nil {
					t.Fatal(err)
				}
			}
			token, err := dps.Token(l.ready.IDScope+"/registrations/d1", "registration", dps.NewSecret(signer), time.Now().Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			a = l.as(t, ident{}).do(t, "PUT", l.registerURL("d1"), "{}", "Authorization", token.Reveal())
			wantRefusal(t, a, 401002, "Unauthorized")
		})
	}
}
