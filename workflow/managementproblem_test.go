package workflow

import (
	"fmt"
	"strings"
	"testing"

	"dpslab/workflow/azure"
	"dpslab/workflow/wire"
)

func TestManagementProblems(t *testing.T) {
	t.Parallel()
	right := azure.LeastRights()[1]
	access := &azure.AccessError{Err: &wire.ServiceError{Operation: right.Operation, Status: 403, Code: "AuthorizationFailed", TrackingID: "t1"}, Right: right}
	for _, tt := range []struct {
		err  error
		kind ProblemKind
		rule string
		fix  string
	}{
		{&azure.ValueError{What: "DPS name", Rule: "a name"}, Usage, "", ""},
		{&azure.NameTakenError{Name: "root"}, Refused, "F14", "Choose another name, or delete the certificate at DPS."},
		{azure.ErrWrongSigner, LocalFile, "F01", "Name the private key that belongs to the CA certificate."},
		{azure.ErrPFXPassword, LocalFile, "F03", "Give the password with which the PFX was made."},
		{&azure.ForeignLinkError{Host: "evil"}, Refused, "", "Look at the answer in the transcript."},
		{access, Refused, "", access.Fix()},
		{&azure.SignInError{Kind: azure.CredentialCLI, Err: fmt.Errorf("no az")}, Refused, "", (&azure.SignInError{Kind: azure.CredentialCLI}).Fix()},
	} {
		p := problemOf("op", fmt.Errorf("around: %w", tt.err))
		if p.Kind != tt.kind || p.Fix != tt.fix || tt.rule != "" && p.Rule != tt.rule || p.Summary == "" {
			t.Errorf("%v: %+v", tt.err, p)
		}
	}
	limit := problemOf("op", &wire.ServiceError{Status: 403, Code: "403000", Message: "The limit of 25 certificates is reached"})
	if limit.Kind != Refused || !strings.Contains(limit.Why, "limit") || !strings.Contains(limit.Fix, "dpslab ca list") {
		t.Errorf("%+v", limit)
	}
	if p := problemOf("op", access); p.Status != 403 || p.Code != "AuthorizationFailed" || p.TrackingID != "t1" {
		t.Errorf("the refusal is lost: %+v", p)
	}
}

// TestAbsentIsOfTheServiceItself: that the DPS instance or its resource group is
// not there, or that something else answered, is no "absent".
func TestAbsentIsOfTheServiceItself(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		code   string
		want   bool
	}{
		{404, "404201", true},
		{404, "404001", true},
		{404, "ResourceNotFound", false},
		{404, "ResourceGroupNotFound", false},
		{404, "SubscriptionNotFound", false},
		{404, "", false},
		{412, "412000", false},
	} {
		err := fmt.Errorf("deleting: %w", &Problem{Status: tt.status, Code: tt.code})
		if _, absent := Absent(err); absent != tt.want {
			t.Errorf("%d %s: %t", tt.status, tt.code, absent)
		}
	}
	if _, absent := Absent(nil); absent {
		t.Error("no error is absent")
	}
}
