package workflow

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"dpslab/profiles"
)

func TestWizardWalk(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		answers Answers
		asked   map[Page][]string
		steps   string // words that the plan must hold
	}{
		{
			"lab, self-signed",
			Answers{keyRegistrationID: "my-x509-device"},
			map[Page][]string{
				PageWhere: {keyTarget}, PageIdentity: {keyRegistrationID, keyName, keyAttestation},
				PageCertificates: {keySource, keyAlgorithm, keyValidDays, keyPassphraseEnv, keyPassphraseCommand, keyMoreCertificates},
				PageEnrollment:   {keyDeviceID, keyAllocation, keyMoreEnrollment},
				PageTelemetry:    {keyCount, keyBatch, keyInterval, keyBody, keyContentType, keyAPIMService},
			},
			"individual enrollment my-x509-device",
		},
		{
			"lab, chain",
			Answers{keyRegistrationID: "device-01", keySource: profiles.SourceChain},
			map[Page][]string{
				PageCertificates: {keySource, keyAlgorithm, keyValidDays, keyAuthority, keyPassphraseEnv, keyPassphraseCommand, keyMoreCertificates},
				PageEnrollment:   {keyEnrollment, keyEnrollmentID, keyAllocation, keyMoreEnrollment},
			},
			"enrollment group dpslab-group",
		},
		{
			"lab, files",
			Answers{keyRegistrationID: "device-01", keySource: profiles.SourceFiles, keyCertificate: "/c.pem"},
			map[Page][]string{
				PageCertificates: {keySource, keyCertificate, keyKeyFile, keyPassphraseEnv, keyPassphraseCommand, keyMoreCertificates},
				PageEnrollment:   {keyEnrollment, keyDeviceID, keyAllocation, keyMoreEnrollment},
			},
			"import /c.pem",
		},
		{
			"Azure by connection string",
			Answers{
				keyRegistrationID: "d", keyTarget: profiles.TargetAzure, "target.id_scope": "0ne00111111",
				"target.service_endpoint": "contoso.azure-devices-provisioning.net", keyCredential: profiles.CredentialConnectionString,
			},
			map[Page][]string{PageWhere: {keyTarget, "target.id_scope", "target.service_endpoint", keyCredential, "target.connection_string_env"}},
			"at contoso.azure-devices-provisioning.net",
		},
		{
			"symmetric key",
			Answers{keyRegistrationID: "d", keyAttestation: profiles.AttestationSymmetricKey},
			map[Page][]string{
				PageIdentity:   {keyRegistrationID, keyName, keyAttestation, keySymmetricKeyEnv},
				PageEnrollment: {keyEnrollment, keyDeviceID, keyAllocation, keyMoreEnrollment},
				PageTelemetry:  {keyCount, keyBatch, keyInterval, keyBody, keyContentType},
			},
			"token signed by the device's key",
		},
		{
			"symmetric key of a group, with everything",
			Answers{
				keyRegistrationID: "d", keyAttestation: profiles.AttestationSymmetricKey, keyEnrollment: "group", keySymmetricKeyEnv: "GROUP_KEY",
				keyMoreEnrollment: yes, keyDerivedKey: yes, keyAllocation: "custom", keyWebhook: "https://contoso.example/allocate", keyReprovision: "reset",
				keyEdge: yes, keyTwin: `{"tags": {"line": 3}}`, keyPayload: `{"a":1}`,
			},
			map[Page][]string{PageEnrollment: {
				keyEnrollment, keyEnrollmentID, keyAllocation, keyHubs, keyWebhook, keyWebhookVersion, keyMoreEnrollment,
				keyDerivedKey, keyReprovision, keyEdge, keyTwin, keyPayload,
			}},
			"enrollment group dpslab-group",
		},
		{
			"TPM",
			Answers{keyRegistrationID: "d", keyAttestation: profiles.AttestationTPM},
			map[Page][]string{
				PageIdentity:   {keyRegistrationID, keyName, keyAttestation, keyTPMDevice},
				PageEnrollment: {keyDeviceID, keyAllocation, keyMoreEnrollment},
			},
			"the TPM at /dev/tpmrm0",
		},
		{
			"chain with everything",
			Answers{
				keyRegistrationID: "d", keySource: profiles.SourceChain, keyMoreCertificates: yes, keyIntermediates: "2", keySecondaryAuthority: "ca-2",
				keyPFXPasswordEnv: "PFX", keyAPIMService: "contoso-apim", keyMoreEnrollment: yes, keyCAReference: "dpslab-ca",
			},
			map[Page][]string{
				PageCertificates: {keySource, keyAlgorithm, keyValidDays, keyAuthority, keyPassphraseEnv, keyPassphraseCommand, keyMoreCertificates, keySecondaryAuthority, keyIntermediates, keyPFXPasswordEnv, keyPFXCompatible},
				PageTelemetry:    {keyCount, keyBatch, keyInterval, keyBody, keyContentType, keyAPIMService, keyAPIMCertificate},
			},
			"as d to contoso-apim",
		},
		{
			"signing request",
			Answers{keyRegistrationID: "d", keySource: profiles.SourceCSR},
			map[Page][]string{PageCertificates: {keySource, keyAlgorithm, keySignedFile, keyPassphraseEnv, keyPassphraseCommand, keyMoreCertificates}},
			"wait for the signed certificate",
		},
		{
			"static",
			Answers{keyRegistrationID: "d", keyAllocation: "static"},
			map[Page][]string{PageEnrollment: {keyDeviceID, keyAllocation, keyHubs, keyMoreEnrollment}},
			"enrollment",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := NewWizard(tt.answers)
			for _, page := range Pages() {
				if w.Empty(page) {
					continue
				}
				if w.Page != page {
					t.Fatalf("on page %s, want %s", w.Page.Title(), page.Title())
				}
				var got []string
				for _, f := range w.Fields() {
					got = append(got, f.Key)
				}
				if want, ok := tt.asked[page]; ok && !slices.Equal(got, want) {
					t.Errorf("page %s asks %v, want %v", page.Title(), got, want)
				}
				next, wrong := w.Submit()
				if len(wrong) > 0 {
					t.Fatalf("page %s: %v", page.Title(), wrong)
				}
				w = next
			}
			if wrong := CheckProfile(w.Profile()); len(wrong) > 0 {
				t.Errorf("the profile is refused: %v", wrong)
			}
			if plan := strings.Join(w.Plan(), "\n"); !strings.Contains(plan, tt.steps) || len(w.Plan()) < len(Steps()) {
				t.Errorf("the plan is\n%s", plan)
			}
			doc, err := profiles.Parse("x.toml", []byte(w.TOML()))
			if err != nil {
				t.Fatal(err)
			}
			again, err := profiles.Encode(withDefaults(doc.Profile))
			if err != nil || string(again) != w.TOML() {
				t.Errorf("read back, the profile is\n%s\nwas\n%s (%v)", again, w.TOML(), err)
			}
		})
	}
}

var (
	chainAnswers = Answers{keySource: profiles.SourceChain}
	more         = Answers{keyMoreEnrollment: yes}
)

func TestWizardGoesBackWithoutLoss(t *testing.T) {
	t.Parallel()
	w := NewWizard(nil)
	w, _ = w.Submit()
	w = w.Set(keyRegistrationID, "half a na")
	if _, wrong := w.Submit(); len(wrong) == 0 {
		t.Fatal("a bad answer was let through")
	}
	w, ok := w.Back()
	if !ok || w.Page != PageWhere || w.Value(keyRegistrationID) != "half a na" {
		t.Errorf("back: page %s, answer %q", w.Page.Title(), w.Value(keyRegistrationID))
	}
	if _, err := w.Jump(PageReview); err == nil {
		t.Error("jumped to a page that was never reached")
	}
	if w, err := w.Jump(PageIdentity); err != nil || w.Page != PageIdentity {
		t.Errorf("jump to a reached page: %v", err)
	}
	if _, ok := w.Back(); ok {
		t.Error("there is nothing before the first page")
	}
}

// Whatever is pressed, the wizard is never stuck, never past a bad page, and
// never forgets an answer.
func TestWizardRandomWalk(t *testing.T) {
	t.Parallel()
	for seed := range int64(200) {
		r := rand.New(rand.NewSource(seed))
		w := NewWizard(nil)
		given := Answers{}
		for range 60 {
			switch r.Intn(4) {
			case 0:
				f := Fields()[r.Intn(len(Fields()))]
				v := []string{"", "x", "good-1", "bad.", "chain", "azure", "group", "30"}[r.Intn(8)]
				w = w.Set(f.Key, v)
				given[f.Key] = v
			case 1:
				w, _ = w.Back()
			case 2:
				w, _ = w.Submit()
			case 3:
				w, _ = w.Jump(Page(r.Intn(8) - 1))
			}
			if w.Page < PageWhere || w.Page > PageReview {
				t.Fatalf("seed %d: page %d", seed, w.Page)
			}
			for k, v := range given {
				if w.Answers[k] != v {
					t.Fatalf("seed %d: answer %s is %q, was %q", seed, k, w.Answers[k], v)
				}
			}
			_, _, _ = w.TOML(), w.Plan(), w.Errors()
		}
	}
}

func TestFieldsAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range Fields() {
		if seen[f.Key] {
			t.Errorf("%s stands twice", f.Key)
		}
		seen[f.Key] = true
		if f.Label == "" || f.Help == "" || len(f.Options) == 0 && f.Example == "" {
			t.Errorf("%s lacks label, help or example", f.Key)
		}
		for _, o := range f.Options {
			if o.Value == "" || o.Label == "" || o.Help == "" {
				t.Errorf("option %q of %s is not explained", o.Value, f.Key)
			}
		}
	}
	if len(seen) != 51 {
		t.Errorf("%d fields, want 51", len(seen))
	}
}

func TestCheckProfileUnasked(t *testing.T) {
	t.Parallel()
	good := func() *profiles.Profile { return ProfileOf(Answers{keyRegistrationID: "d"}) }
	tests := []struct {
		name   string
		change func(*profiles.Profile)
		key    string
	}{
		{"as the wizard makes it", func(*profiles.Profile) {}, ""},
		{"attestation", func(p *profiles.Profile) { p.Identity.Attestation = "magic" }, "identity.attestation"},
		{"two pass phrases", func(p *profiles.Profile) { p.Identity.PassphraseEnv, p.Identity.PassphraseCommand = "A", "b" }, "identity.passphrase_command"},
		{"device endpoint", func(p *profiles.Profile) { p.Target.DeviceEndpoint = "https://x" }, "target.device_endpoint"},
		{"initial twin", func(p *profiles.Profile) { p.Enrollment.InitialTwin = map[string]any{"tag": 1} }, "enrollment.initial_twin"},
		{"property", func(p *profiles.Profile) { p.Telemetry.Properties = map[string]string{"a": "é"} }, "telemetry.properties"},
		{"property name", func(p *profiles.Profile) { p.Telemetry.Properties = map[string]string{"a b": "c"} }, "telemetry.properties"},
		{"group of a self-signed", func(p *profiles.Profile) { p.Enrollment.Kind = "group" }, "enrollment.kind"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := good()
			tt.change(p)
			var keys []string
			for _, w := range CheckProfile(p) {
				keys = append(keys, w.Key)
			}
			if tt.key == "" && len(keys) > 0 || tt.key != "" && !slices.Equal(keys, []string{tt.key}) {
				t.Errorf("complains of %v, want %q", keys, tt.key)
			}
		})
	}
}

func FuzzBody(f *testing.F) {
	for _, s := range []string{DefaultBody, "{{ n }}", "{{", "{{ wave 1 2 }}", `{{ wave 0 1e308 "1ns" }}`, "{{ range n }}x{{ end }}", "", "plain"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := checkBody(text, nil); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}

func FuzzFirstNumber(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a":{"b":[2]}}`, `[1]`, `{"a":"1"}`, `{`, ``} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if name, _, ok := firstNumber(body); ok && !strings.Contains(body, "{") {
			t.Errorf("found %q in %q", name, body)
		}
	})
}

func TestFirstNumber(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body, name string
		value      float64
		ok         bool
	}{
		{`{"at":"now","temperature":21.5}`, "temperature", 21.5, true},
		{`{"a":{"deep":-3}}`, "deep", -3, true},
		{`{"list":[7,8]}`, "list", 7, true},
		{`{"a":"1"}`, "", 0, false},
		{`21`, "", 0, false},
		{`not json`, "", 0, false},
	}
	for _, tt := range tests {
		name, value, ok := firstNumber(tt.body)
		if ok != tt.ok || value != tt.value || ok && name != tt.name {
			t.Errorf("%s: %q %v %v", tt.body, name, value, ok)
		}
	}
}

func ExampleLine() {
	fmt.Println(Line(Event{Kind: PollScheduled, Poll: &Poll{Attempt: 2, RetryAfter: new(int)}}))
	fmt.Println(Line(Event{Kind: StatusChanged, Registration: &Registration{Status: "assigned", AssignedHub: "h", DeviceID: "d"}}))
	// Output:
	// poll 2 in 0 ms (Retry-After)
	// status assigned: h as d
}
