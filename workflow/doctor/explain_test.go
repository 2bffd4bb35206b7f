package doctor

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"dpslab/workflow/wire"
)

// known are the diagnostic rules: files, network, registration, management, hub.
var known = map[string]int{"F": 18, "N": 9, "R": 23, "M": 12, "H": 5}

var ruleID = regexp.MustCompile(`^([FNRMH])([0-9]{2})$`)

func checkAdvice(t *testing.T, where string, a Advice) {
	t.Helper()
	if m := ruleID.FindStringSubmatch(a.Rule); a.Rule != "" {
		if m == nil {
			t.Errorf("%s: rule %q has no such shape", where, a.Rule)
		} else if n, err := strconv.Atoi(m[2]); err != nil || n < 1 || n > known[m[1]] {
			t.Errorf("%s: there is no rule %s", where, a.Rule)
		}
	}
	for _, text := range []string{a.Why, a.Fix} {
		if !strings.HasSuffix(text, ".") || strings.TrimSpace(text) != text || strings.Contains(text, "  ") {
			t.Errorf("%s: %q is no sentence", where, text)
		}
	}
}

// answers reach every rule; the operation says which service refused.
var answers = []struct {
	operation string
	status    int
	code      string
	message   string
	rule      string
	why       string // part of it, where a rule ID stands for several causes
}{
	{"register", 401, "401002", "CA certificate not found", "R01", ""},
	{"register", 401, "401002", "Signing certificate info did not match chain elements", "R03", ""},
	{"register", 401, "401002", "Invalid certificate", "R02", ""},
	{"operation status", 401, "401000", "Unauthorized", "R06", ""},
	{"register", 401, "401002", "Unauthorized", "R04", ""},
	{"register", 400, "400004", "Invalid RegistrationId", "R07", ""},
	{"register", 400, "400000", "The ID in the body does not match the ID in the path", "R07", ""},
	{"operation status", 404, "404203", "Operation not found", "R09", "operation"},
	{"registration status", 404, "404201", "Registration not found", "R09", "no enrollment"},
	{"registration status", 404, "404202", "not found", "R09", "no registration"},
	{"register", 404, "404000", "IdScope not found", "R08", ""},
	{"register", 429, "429001", "Too many requests", "R15", ""},
	{"send event", 429, "ThrottlingException", "", "R15", ""},
	{"put enrollment", 401, "401002", "Unauthorized", "M08", "connection string"},
	{"get enrollment group", 401, "401002", "Unauthorized", "M08", "connection string"},
	{"put enrollment group", 412, "412000", "ETag is invalid", "M09", ""},
	{"verify signing certificate", 412, "412001", "Invalid ETag supplied.", "M01", ""},
	{"verify signing certificate", 400, "400053", "Failed to verify the proof of possession of the certificate. errorcode: IH400053.", "M02", ""},
	{"delete signing certificate", 404, "404001", "The certificate was not found. errorcode: IH404001.", "", "no signing certificate"},
	{"get signing certificate", 401, "InvalidAuthenticationToken", "no", "M08", "Resource Manager"},
	{"put API Management certificate", 404, "ResourceNotFound", "The Resource 'Microsoft.ApiManagement/service/x' was not found.", "", "no API Management service"},
	{"get DPS instance", 404, "ResourceNotFound", "The Resource was not found.", "", "Resource Manager has no resource"},
	{"put signing certificate", 404, "ResourceGroupNotFound", "Resource group 'rg' could not be found.", "", "no resource group"},
	{"get signing certificate", 404, "SubscriptionNotFound", "The subscription could not be found.", "", "no such subscription"},
	{"send event", 401, "IotHubUnauthorizedAccess", "Unauthorized", "H01", ""},
	{"send event", 404, "DeviceNotFound", "", "H02", ""},
	{"send event", 403, "DeviceDisabled", "", "H03", ""},
	{"send event", 413, "MessageTooLarge", "", "", "256 KB"},
	{"receive message", 401, "IotHubUnauthorizedAccess", "Unauthorized", "H01", ""},
	{"send batch", 413, "MessageTooLarge", "", "", "256 KB"},
	{"complete message", 412, "DeviceMessageLockLost", "", "", "lock"},
	{"get group attestation", 401, "401002", "Unauthorized", "M08", "connection string"},
	{"get registration", 404, "404201", "Registration not found", "", "No device is registered"},
	{"delete registration", 404, "404201", "Registration not found", "", "deleted already"},
	{"get enrollment group", 404, "404201", "Enrollment not found", "", "no such enrollment"},
	{"delete registration", 412, "412000", "ETag is invalid", "", "registered again"},
	{"query registrations", 401, "401002", "Unauthorized", "M08", "connection string"},
	{"get twin", 401, "IotHubUnauthorizedAccess", "Unauthorized", "M08", "hub did not accept"},
	{"get device", 404, "DeviceNotFound", "", "H02", "no device"},
	{"delete device", 412, "PreconditionFailed", "", "", "device at the hub changed"},
	{"put API Management certificate", 412, "PreconditionFailed", "", "", "changed since its etag was read, or there is none"},
	{"delete API Management certificate", 401, "InvalidAuthenticationToken", "", "M08", "API Management"},
	{"register", 500, "500000", "", "R21", ""},
	{"put enrollment", 503, "", "", "R21", ""},
}

func TestEveryRuleIsReached(t *testing.T) {
	t.Parallel()
	reached := make([]bool, len(rules))
	for _, tt := range answers {
		err := fmt.Errorf("step: %w", &wire.ServiceError{Operation: tt.operation, Status: tt.status, Code: tt.code, Message: tt.message})
		got := Explain(err)
		if got.Rule != tt.rule || got.Why == "" || !strings.Contains(got.Why, tt.why) {
			t.Errorf("%s %d %s %q: %+v, want %s", tt.operation, tt.status, tt.code, tt.message, got, tt.rule)
		}
		if i := slices.IndexFunc(rules, func(r rule) bool { return r.why == got.Why }); i >= 0 {
			reached[i] = true
		}
	}
	for i, r := range rules {
		if !reached[i] {
			t.Errorf("no answer reaches rule %d, %s: %s", i, r.id, r.why)
		}
	}
}

func TestRulesAreWellWritten(t *testing.T) {
	t.Parallel()
	whys := map[string]bool{}
	for i, r := range rules {
		where := fmt.Sprintf("rule %d, %s", i, r.id)
		checkAdvice(t, where, Advice{Rule: r.id, Why: r.why, Fix: r.fix})
		if r.message == "" && r.code == "" && r.status == 0 {
			t.Errorf("%s matches everything", where)
		}
		if r.message != strings.ToLower(r.message) {
			t.Errorf("%s: message %q is compared in lower case", where, r.message)
		}
		if whys[r.why] {
			t.Errorf("%s: %q stands twice", where, r.why)
		}
		whys[r.why] = true
	}
}

func TestEveryConnectReasonHasAdvice(t *testing.T) {
	t.Parallel()
	reasons := map[wire.ConnectReason]string{
		wire.ReasonName: "N02", wire.ReasonRefused: "N03", wire.ReasonTimeout: "N03", wire.ReasonTrust: "N04",
		wire.ReasonTLS: "N06", wire.ReasonTooLarge: "", wire.ReasonBroken: "R21", wire.ReasonProxy: "N03",
	}
	for reason, rule := range reasons {
		got := Explain(fmt.Errorf("step: %w", &wire.ConnectError{Reason: reason, Err: errors.New("x")}))
		if got.Rule != rule {
			t.Errorf("%s: rule %q, want %q", reason, got.Rule, rule)
		}
		checkAdvice(t, string(reason), got)
	}
	if len(connectAdvice) != len(reasons) {
		t.Errorf("%d pieces of advice for %d reasons", len(connectAdvice), len(reasons))
	}
}

// A proxy that nobody reaches is not a service that nobody reaches.
func TestProxyIsNotTheService(t *testing.T) {
	t.Parallel()
	refused := func(op string) Advice {
		return Explain(wire.NewConnectError(t.Context(), "register", "host", &net.OpError{Op: op, Err: syscall.ECONNREFUSED}))
	}
	if a, b := refused("proxyconnect"), refused("dial"); !strings.Contains(a.Why, "proxy") || a == b {
		t.Errorf("%+v, %+v", a, b)
	}
	checkAdvice(t, "proxyconnect", refused("proxyconnect"))
}

func TestExplainRegistration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status string
		code   int
		rule   string
	}{
		{"disabled", 0, "R12"},
		{"failed", 400207, "R17"},
		{"failed", 400208, "R10"},
		{"failed", 400209, "R11"},
	} {
		got := ExplainRegistration(tt.status, tt.code)
		if got.Rule != tt.rule {
			t.Errorf("%s %d: %+v, want %s", tt.status, tt.code, got, tt.rule)
		}
		checkAdvice(t, tt.rule, got)
	}
}

// What is not known is not guessed.
func TestSilence(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		nil, errors.New("disk full"),
		&wire.ServiceError{Operation: "put enrollment", Status: http.StatusTeapot},
		&wire.ServiceError{Operation: "send event", Status: http.StatusConflict, Message: "Invalid certificate"},
		&wire.ServiceError{Operation: "get signing certificate", Status: http.StatusNotFound},
		&wire.ConnectError{Reason: "unheard of", Err: errors.New("x")},
	} {
		if got := Explain(err); got != (Advice{}) {
			t.Errorf("%v: %+v", err, got)
		}
	}
	if got := ExplainRegistration("failed", 401002); got != (Advice{}) {
		t.Errorf("failed 401002: %+v", got)
	}
	if got := ExplainRegistration("assigned", 0); got != (Advice{}) {
		t.Errorf("assigned: %+v", got)
	}
}
