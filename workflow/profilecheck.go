package workflow

import (
	"fmt"
	"strconv"
	"strings"

	"dpslab/profiles"
)

// CheckProfile checks every value of a profile by the fields' own rules, and
// the few that no field asks for.
func CheckProfile(p *profiles.Profile) []FieldError {
	return append(checkAnswers(AnswersOf(p)), checkUnasked(p)...)
}

// checkDocument is CheckProfile for a profile that was read from a file: a
// value that stands there counts even when it is zero.
func checkDocument(doc *profiles.Document) []FieldError {
	a := AnswersOf(doc.Profile)
	for _, f := range fields {
		if _, given := a[f.Key]; given || !doc.Has(f.Key) {
			continue
		}
		a[f.Key] = ""
		switch f.Key {
		case keyCount, keyValidDays, keyBatch, keyIntermediates:
			a[f.Key] = "0"
		case keyDerivedKey, keySecondary, keyEdge:
			a[f.Key] = no
		}
	}
	return append(checkAnswers(a), checkUnasked(doc.Profile)...)
}

// checkAnswers checks what is asked, and what is given although it is not
// asked.
func checkAnswers(a Answers) []FieldError {
	var out []FieldError
	for _, f := range fields {
		v, given := a[f.Key]
		hidden := f.Hidden != nil && f.Hidden(a)
		if f.Key == keyName || hidden && (!given || v == "") {
			continue
		}
		if !hidden {
			v = value(a, f.Key)
		}
		if err := checkValue(f, v, a); err != nil {
			out = append(out, FieldError{f.Key, f.Label, err})
		}
	}
	return out
}

// checkUnasked checks what a profile may hold although the wizard does not ask.
func checkUnasked(p *profiles.Profile) []FieldError {
	var out []FieldError
	wrong := func(key, label, format string, args ...any) {
		out = append(out, FieldError{key, label, fmt.Errorf(format, args...)})
	}
	if p.Identity.PassphraseEnv != "" && p.Identity.PassphraseCommand != "" {
		wrong(keyPassphraseCommand, "pass phrase command", "stands beside passphrase_env: keep one of the two")
	}
	if h := p.Target.DeviceEndpoint; h != "" {
		if err := checkHost(h, nil); err != nil {
			wrong("target.device_endpoint", "device endpoint", "%w", err)
		}
	}
	if err := checkTwinTable(p.Enrollment.InitialTwin); err != nil && tableText(p.Enrollment.InitialTwin) == "" { // else a question asked
		wrong(keyTwin, "initial twin", "%w", err)
	}
	for key, version := range map[string]string{"target.device_api_version": p.Target.DeviceAPIVersion, "target.service_api_version": p.Target.ServiceAPIVersion} {
		if version != "" && !versionShape().MatchString(version) {
			wrong(key, "API version", "must be a date like 2021-06-01")
		}
	}
	if v := p.Target.HubConnectionStringEnv; v != "" {
		if err := checkEnvName(v, nil); err != nil {
			wrong("target.hub_connection_string_env", "hub connection string variable", "%w", err)
		}
	}
	for name, v := range p.Telemetry.Properties {
		if !propertyText(name, false) || !propertyText(v, true) {
			wrong("telemetry.properties", "property "+strconv.Quote(name), "travels as an HTTP header: the name must be ASCII without blanks and without \"(),/:;<=>?@[\\]{}, the value ASCII without control characters")
		}
	}
	return out
}

func propertyText(s string, blanks bool) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r > '~' || !blanks && strings.ContainsRune(" \"(),/:;<=>?@[\\]{}", r)
	})
}
