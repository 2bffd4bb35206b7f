package workflow_test

import (
	"strings"
	"testing"

	"dpslab/workflow"
)

// What a screen needs beside the calls: names of the target, the authority of a
// CA, differences, and where else the same can be seen.
func TestServiceBrowse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v, ctx := b.side(workflow.ServiceOptions{}), t.Context()
	b.device("d", chainInGroup)
	b.mustRun("d")
	if v.Target() != "lab" || !v.InLab() || v.APIM().Service != b.lab.APIMName {
		t.Errorf("%s, %v, %+v", v.Target(), v.InLab(), v.APIM())
	}
	held, err := v.SigningCertificates(ctx)
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	if files, found := v.AuthorityOf(held[0]); !found || files.ByIntermediate {
		t.Errorf("%+v, %v", files, found)
	}
	if _, found := v.AuthorityOf(workflow.SigningCertificate{Thumbprint: strings.Repeat("0", 40)}); found {
		t.Error("an authority is found for a thumbprint that none has")
	}
	if c, err := workflow.DescribeCertificate(held[0].DER); err != nil || c.SHA1 != held[0].Thumbprint || !strings.Contains(c.Text, "Version: 3") {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := workflow.DescribeCertificate([]byte("none")); err == nil {
		t.Error("no certificate is described")
	}
	base, err := workflow.ParseEnrollment(true, []byte(keyGroup))
	if err != nil {
		t.Fatal(err)
	}
	if got := workflow.EnrollmentChanges(base, base); len(got) != 0 {
		t.Errorf("the same differs: %v", got)
	}
	if got := workflow.EnrollmentChanges(nil, base); len(got) == 0 {
		t.Error("a new one has no members")
	}
	for l := range workflow.Listings {
		if m := v.Elsewhere(l, "line 3"); m.Portal == "" || !strings.HasPrefix(m.Command, "az ") {
			t.Errorf("list %d: %+v", l, m)
		}
	}
	if m := v.Elsewhere(workflow.ListRegistrations, "line 3"); !strings.Contains(m.Command, "'line 3'") {
		t.Errorf("not quoted: %s", m.Command)
	}
}
