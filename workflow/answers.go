package workflow

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"dpslab/profiles"
)

// The answers of a question with two choices.
const (
	yes = "yes"
	no  = "no"
)

// The choices of what happens when a device registers again.
const (
	reprovisionDefault = "default"
	reprovisionMigrate = "migrate"
	reprovisionReset   = "reset"
	reprovisionNever   = "never"
)

// reading reads answers for a profile: hidden questions have no answer.
type reading struct{ answers Answers }

// plain is an answer or its default, without blanks around it.
func (r reading) plain(key string) string { return strings.TrimSpace(value(r.answers, key)) }

// asked is the same, empty for a question that is not asked.
func (r reading) asked(key string) string {
	if f, ok := FieldByKey(key); ok && f.Hidden != nil && f.Hidden(r.answers) {
		return ""
	}
	return r.plain(key)
}

func (r reading) number(key string) int {
	n, _ := strconv.Atoi(r.asked(key)) // a bad number is reported by the field's check
	return n
}

func (r reading) yes(key string) bool { return r.asked(key) == yes }

func (r reading) table(key string) map[string]any {
	t, _ := parseTable(r.asked(key)) // reported by the field's check
	return t
}

// ProfileOf makes a profile of answers and defaults.
func ProfileOf(a Answers) *profiles.Profile {
	r := reading{a}
	return &profiles.Profile{
		Version: profiles.Version, Target: r.target(), Identity: r.identity(), Enrollment: r.enrollment(),
		Telemetry: profiles.Telemetry{
			Body: value(a, keyBody), ContentType: r.plain(keyContentType), Count: r.number(keyCount), Interval: r.plain(keyInterval),
			Batch: unlessOne(r.number(keyBatch)),
		},
		APIManagement: r.apiManagement(),
	}
}

// elsewhere is an answer about what only Azure Resource Manager can do. It counts
// although it is not asked where the credential does not reach that: somebody
// else does it then, and is told where.
func (r reading) elsewhere(key string) string {
	if !inLab(r.answers) && noManagement(r.answers) {
		return strings.TrimSpace(r.answers[key])
	}
	return r.asked(key)
}

func (r reading) apiManagement() profiles.APIManagement {
	p := profiles.APIManagement{Service: r.elsewhere(keyAPIMService), CertificateID: r.elsewhere(keyAPIMCertificate)}
	if notX509(r.answers) || p.Service == "" {
		return profiles.APIManagement{}
	}
	return p
}

// unlessOne leaves a count out of the file that says what is meant anyway.
func unlessOne(n int) int {
	if n == 1 {
		return 0
	}
	return n
}

func (r reading) target() profiles.Target {
	return profiles.Target{
		Kind: r.plain(keyTarget), IDScope: r.asked(keyIDScope), ServiceEndpoint: r.asked(keyServiceEndpoint),
		Credential: r.asked(keyCredential), ConnectionStringEnv: r.asked(keyConnectionStringEnv),
		SubscriptionID: r.elsewhere(keySubscription), ResourceGroup: r.elsewhere(keyResourceGroup), DPSName: r.elsewhere(keyDPSName),
	}
}

func (r reading) identity() profiles.Identity {
	return profiles.Identity{
		Attestation: r.plain(keyAttestation), RegistrationID: r.plain(keyRegistrationID),
		SymmetricKeyEnv: r.asked(keySymmetricKeyEnv), DerivedKey: r.yes(keyDerivedKey), TPMDevice: r.asked(keyTPMDevice),
		Source: r.asked(keySource), Algorithm: r.asked(keyAlgorithm), ValidDays: r.number(keyValidDays),
		CertificateFile: r.asked(keyCertificate), KeyFile: r.asked(keyKeyFile), SignedFile: r.asked(keySignedFile),
		Authority: r.asked(keyAuthority), SecondaryAuthority: r.asked(keySecondaryAuthority), Intermediates: unlessOne(r.number(keyIntermediates)),
		Secondary: r.yes(keySecondary), PFXPasswordEnv: r.asked(keyPFXPasswordEnv), PFXCompatible: r.yes(keyPFXCompatible), PassphraseEnv: r.asked(keyPassphraseEnv),
		PassphraseCommand: r.asked(keyPassphraseCommand),
		Payload:           r.asked(keyPayload),
	}
}

func (r reading) enrollment() profiles.Enrollment {
	return profiles.Enrollment{
		Kind: r.plain(keyEnrollment), ID: r.asked(keyEnrollmentID), DeviceID: r.asked(keyDeviceID),
		AllocationPolicy: r.plain(keyAllocation), IoTHubs: splitList(r.asked(keyHubs)),
		WebhookURL: r.asked(keyWebhook), WebhookVersion: r.asked(keyWebhookVersion),
		CAReference: r.asked(keyCAReference), SecondaryCA: r.asked(keySecondaryCA),
		Reprovision: reprovisionOf(r.asked(keyReprovision)), IoTEdge: r.yes(keyEdge),
		InitialTwin: r.table(keyTwin), DeviceInfo: r.table(keyDeviceInfo),
	}
}

func reprovisionOf(choice string) *profiles.ReprovisionPolicy {
	switch choice {
	case reprovisionMigrate:
		return &profiles.ReprovisionPolicy{UpdateHubAssignment: true, MigrateDeviceData: true}
	case reprovisionReset:
		return &profiles.ReprovisionPolicy{UpdateHubAssignment: true}
	case reprovisionNever:
		return &profiles.ReprovisionPolicy{}
	}
	return nil
}

func reprovisionChoice(p *profiles.ReprovisionPolicy) string {
	switch {
	case p == nil:
		return ""
	case !p.UpdateHubAssignment:
		return reprovisionNever
	case p.MigrateDeviceData:
		return reprovisionMigrate
	}
	return reprovisionReset
}

// AnswersOf turns a profile back into answers, to check or edit it. What a
// profile leaves out has the field's default.
func AnswersOf(p *profiles.Profile) Answers {
	t, i, e, m := p.Target, p.Identity, p.Enrollment, p.Telemetry
	a := Answers{
		keyTarget: t.Kind, keyIDScope: t.IDScope, keyServiceEndpoint: t.ServiceEndpoint, keyCredential: t.Credential,
		keyConnectionStringEnv: t.ConnectionStringEnv, keySubscription: t.SubscriptionID, keyResourceGroup: t.ResourceGroup, keyDPSName: t.DPSName,

		keyAttestation: i.Attestation, keyRegistrationID: i.RegistrationID, keySymmetricKeyEnv: i.SymmetricKeyEnv,
		keyDerivedKey: choice(i.DerivedKey), keyTPMDevice: i.TPMDevice, keySource: i.Source, keyAlgorithm: i.Algorithm, keyValidDays: count(i.ValidDays),
		keyCertificate: i.CertificateFile, keyKeyFile: i.KeyFile, keySignedFile: i.SignedFile, keyAuthority: i.Authority,
		keySecondaryAuthority: i.SecondaryAuthority, keyIntermediates: count(i.Intermediates), keySecondary: choice(i.Secondary),
		keyPFXPasswordEnv: i.PFXPasswordEnv, keyPFXCompatible: choice(i.PFXCompatible), keyPassphraseEnv: i.PassphraseEnv, keyPassphraseCommand: i.PassphraseCommand, keyPayload: i.Payload,

		keyEnrollment: e.Kind, keyEnrollmentID: e.ID, keyDeviceID: e.DeviceID, keyAllocation: e.AllocationPolicy, keyHubs: strings.Join(e.IoTHubs, ", "),
		keyWebhook: e.WebhookURL, keyWebhookVersion: e.WebhookVersion, keyCAReference: e.CAReference, keySecondaryCA: e.SecondaryCA,
		keyReprovision: reprovisionChoice(e.Reprovision), keyEdge: choice(e.IoTEdge), keyTwin: tableText(e.InitialTwin), keyDeviceInfo: tableText(e.DeviceInfo),

		keyCount: count(m.Count), keyBatch: count(m.Batch), keyInterval: m.Interval, keyBody: m.Body, keyContentType: m.ContentType,
		keyAPIMService: p.APIManagement.Service, keyAPIMCertificate: p.APIManagement.CertificateID,
	}
	maps.DeleteFunc(a, func(_, v string) bool { return v == "" })
	for switched, keys := range advanced {
		if slices.ContainsFunc(keys, func(k string) bool { return a[k] != "" }) {
			a[switched] = yes
		}
	}
	return a
}

func choice(b bool) string {
	if b {
		return yes
	}
	return ""
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// parseTable reads a table that is asked for as a JSON object. Whole numbers
// stay whole: TOML tells them from others.
func parseTable(text string) (map[string]any, error) {
	if text == "" {
		return nil, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var t map[string]any
	if err := d.Decode(&t); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errMoreJSON
	}
	fixed, err := tomlValue(t)
	if err != nil {
		return nil, err
	}
	t, _ = fixed.(map[string]any)
	return t, nil
}

// tomlValue is a JSON value as TOML has it.
func tomlValue(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case nil:
		return nil, errNull
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		return v.Float64()
	case []any:
		for i := range v {
			if v[i], err = tomlValue(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = tomlValue(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// tableText is a table as the JSON object that is asked for.
func tableText(t map[string]any) string {
	if len(t) == 0 {
		return ""
	}
	raw, err := json.Marshal(t)
	if err != nil {
		return "" // TOML can hold nan and inf, JSON cannot: the table stays as it is
	}
	return string(raw)
}

// keepUnasked puts what no question asks for from the old profile into one made
// of answers, and what an unchanged answer cannot say as well as the old text.
func keepUnasked(p, old *profiles.Profile) {
	p.Target.DeviceAPIVersion, p.Target.ServiceAPIVersion = old.Target.DeviceAPIVersion, old.Target.ServiceAPIVersion
	if p.Target.Kind == old.Target.Kind { // another target has other addresses and roots
		p.Target.DeviceEndpoint, p.Target.CAFile = old.Target.DeviceEndpoint, old.Target.CAFile
		p.Target.HubConnectionStringEnv = old.Target.HubConnectionStringEnv
	}
	if sameTable(p.Enrollment.InitialTwin, old.Enrollment.InitialTwin) {
		p.Enrollment.InitialTwin = old.Enrollment.InitialTwin
	}
	if sameTable(p.Enrollment.DeviceInfo, old.Enrollment.DeviceInfo) {
		p.Enrollment.DeviceInfo = old.Enrollment.DeviceInfo
	}
	if reprovisionChoice(p.Enrollment.Reprovision) == reprovisionChoice(old.Enrollment.Reprovision) {
		p.Enrollment.Reprovision = old.Enrollment.Reprovision
	}
	p.Telemetry.Properties = old.Telemetry.Properties
	if p.APIManagement.Service != "" {
		p.APIManagement.ResourceGroup = old.APIManagement.ResourceGroup
	}
}

// sameTable reports whether a table of answers is what AnswersOf made of an old
// one.
func sameTable(answered, old map[string]any) bool {
	of, err := parseTable(tableText(old))
	return err == nil && (len(answered) == 0 && len(of) == 0 || reflect.DeepEqual(answered, of))
}

// apimCertificate is the name of the device's certificate at API Management.
func apimCertificate(p *profiles.Profile) string {
	return cmp.Or(p.APIManagement.CertificateID, strings.ReplaceAll(p.Identity.RegistrationID, ":", "-"))
}
