package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow"
)

// recordFlags are the members of a record that flags set.
type recordFlags struct {
	attestation                    string
	certificate, secondCertificate string
	caReference, secondCA          string
	primaryEnv, secondaryEnv       string
	endorsementKey, storageRootKey string
	deviceID                       string
	policy                         string
	hubs                           []string
	webhookURL, webhookVersion     string
	iotEdge                        bool
	reprovision                    string
	initialTwin, deviceInfo        string
	status                         string
}

func (r *recordFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&r.attestation, "attestation", "", "x509|symmetric-key|tpm (default: what the other flags mean)")
	flags.StringVar(&r.certificate, "certificate", "", "x509: file with the device's certificate, or with --group the CA's")
	flags.StringVar(&r.secondCertificate, "secondary-certificate", "", "x509: the one to roll over to")
	flags.StringVar(&r.caReference, "ca-reference", "", "x509: name of an uploaded CA instead of a certificate")
	flags.StringVar(&r.secondCA, "secondary-ca-reference", "", "x509: the one to roll over to")
	flags.StringVar(&r.primaryEnv, "primary-key-env", "", "symmetric-key: environment variable with the primary key (default: DPS makes the keys)")
	flags.StringVar(&r.secondaryEnv, "secondary-key-env", "", "symmetric-key: environment variable with the secondary key")
	flags.StringVar(&r.endorsementKey, "endorsement-key", "", "tpm: the TPM's public endorsement key, base64")
	flags.StringVar(&r.storageRootKey, "storage-root-key", "", "tpm: its public storage root key, base64")
	flags.StringVar(&r.deviceID, "device-id", "", "name at the hub (default: the registration ID)")
	flags.StringVar(&r.policy, "allocation-policy", "", "hashed|geoLatency|static|custom")
	flags.StringSliceVar(&r.hubs, "iot-hub", nil, "host name of a hub to assign to; may be repeated (default: all linked ones)")
	flags.StringVar(&r.webhookURL, "webhook-url", "", "policy custom: the function that chooses the hub")
	flags.StringVar(&r.webhookVersion, "webhook-api-version", "2021-10-01", "policy custom: the api-version that it is called with")
	flags.BoolVar(&r.iotEdge, "iot-edge", false, "the device is an IoT Edge device")
	flags.StringVar(&r.reprovision, "reprovision", "", "migrate|reset|never: what registering again does")
	flags.StringVar(&r.initialTwin, "initial-twin", "", `JSON such as {"tags":{"line":3},"properties":{"desired":{"interval":60}}}`)
	flags.StringVar(&r.deviceInfo, "device-information", "", "JSON object of optional device information")
	flags.StringVar(&r.status, "status", "", "enabled|disabled")
}

// members are what the flags say, as members of a record. It is asked before any
// request is made.
func (r *recordFlags) members(c *cobra.Command, a *app, group bool) (record, error) {
	m := record{}
	return m, r.apply(c, a, m, group)
}

// apply puts in what the flags say.
func (r *recordFlags) apply(c *cobra.Command, a *app, m record, group bool) error {
	if group && (r.deviceID != "" || r.deviceInfo != "" || r.endorsementKey != "") {
		return usage("--device-id, --device-information and --endorsement-key are of one device; a group has none", "leave out --group, or the flag")
	}
	if err := r.applyAttestation(a, m, group); err != nil {
		return err
	}
	for _, choice := range []struct {
		flag, value, member string
		legal               []string
	}{
		{"allocation-policy", r.policy, "allocationPolicy", []string{"hashed", "geoLatency", "static", "custom"}},
		{"status", r.status, "provisioningStatus", []string{"enabled", "disabled"}},
		{"device-id", r.deviceID, "deviceId", nil},
	} {
		if choice.value == "" {
			continue
		}
		if choice.legal != nil && !slices.Contains(choice.legal, choice.value) {
			return usage(fmt.Sprintf("--%s %s is none that there is", choice.flag, choice.value), "choose one of "+strings.Join(choice.legal, ", "))
		}
		m[choice.member] = choice.value
	}
	if len(r.hubs) > 0 {
		m["iotHubs"] = r.hubs
	}
	if r.webhookURL != "" {
		m["customAllocationDefinition"] = record{"webhookUrl": r.webhookURL, "apiVersion": r.webhookVersion}
	}
	if c.Flags().Changed("iot-edge") {
		m["capabilities"] = record{"iotEdge": r.iotEdge}
	}
	return r.applyObjects(m)
}

// reprovisionPolicies are the choices of --reprovision: updateHubAssignment,
// migrateDeviceData.
var reprovisionPolicies = map[string][2]bool{"migrate": {true, true}, "reset": {true, false}, "never": {false, false}}

func (r *recordFlags) applyObjects(m record) error {
	if r.reprovision != "" {
		p, ok := reprovisionPolicies[r.reprovision]
		if !ok {
			return usage("--reprovision "+r.reprovision+" is none that there is", "choose one of migrate, reset, never")
		}
		m["reprovisionPolicy"] = record{"updateHubAssignment": p[0], "migrateDeviceData": p[1]}
	}
	for _, object := range []struct{ flag, text, member string }{
		{"initial-twin", r.initialTwin, "initialTwin"}, {"device-information", r.deviceInfo, "optionalDeviceInformation"},
	} {
		if object.text == "" {
			continue
		}
		var value map[string]any
		d := json.NewDecoder(strings.NewReader(object.text))
		d.UseNumber()
		if err := d.Decode(&value); err != nil || value == nil || d.More() {
			return usage("--"+object.flag+" is not a JSON object", `such as '{"tags":{"line":3}}'`)
		}
		m[object.member] = value
	}
	return nil
}

// applyAttestation puts in how the devices prove themselves, if a flag says so.
func (r *recordFlags) applyAttestation(a *app, m record, group bool) error {
	x509 := r.certificate + r.secondCertificate + r.caReference + r.secondCA
	keys, tpm := r.primaryEnv+r.secondaryEnv, r.endorsementKey+r.storageRootKey
	var kinds []string
	for _, k := range []struct{ given, kind string }{{x509, profiles.AttestationX509}, {keys, profiles.AttestationSymmetricKey}, {tpm, profiles.AttestationTPM}} {
		if k.given != "" {
			kinds = append(kinds, k.kind)
		}
	}
	if r.attestation != "" && !slices.Contains(kinds, r.attestation) {
		kinds = append(kinds, r.attestation)
	}
	switch {
	case len(kinds) > 1:
		return usage("flags name more than one attestation: "+strings.Join(kinds, ", "), "an enrollment has one")
	case len(kinds) == 0:
		return nil
	}
	var (
		attestation record
		err         error
	)
	switch kinds[0] {
	case profiles.AttestationX509:
		attestation, err = r.x509(group)
	case profiles.AttestationSymmetricKey:
		attestation, err = r.symmetricKey(a)
	case profiles.AttestationTPM:
		attestation, err = r.tpm()
	default:
		err = usage("--attestation "+r.attestation+" is none that there is", "choose one of x509, symmetric-key, tpm")
	}
	if err == nil {
		m["attestation"] = attestation
	}
	return err
}

func (r *recordFlags) x509(group bool) (record, error) {
	switch {
	case r.certificate != "" && r.caReference != "":
		return nil, usage("--certificate and --ca-reference exclude each other", "")
	case r.caReference != "":
		names := record{"primary": r.caReference}
		if r.secondCA != "" {
			names["secondary"] = r.secondCA
		}
		return record{"type": "x509", "x509": record{"caReferences": names}}, nil
	case r.certificate == "":
		return nil, usage("attestation x509 needs a certificate", "--certificate FILE, or --ca-reference NAME of an uploaded CA")
	}
	certificates, kind := record{}, "clientCertificates"
	if group {
		kind = "signingCertificates"
	}
	for _, c := range [][2]string{{"primary", r.certificate}, {"secondary", r.secondCertificate}} {
		if c[1] == "" {
			continue
		}
		held, err := pki.ReadCertificates(c[1])
		if err != nil {
			return nil, certError("read the certificate to enroll", err)
		}
		if group && !held[0].IsCA {
			return nil, &workflow.Problem{
				Kind: workflow.LocalFile, Op: "read the certificate to enroll", Rule: "F09", Summary: c[1] + " is no CA certificate, and a group needs one",
				Fix: "Name the CA that signs the devices' certificates.",
			}
		}
		certificates[c[0]] = record{"certificate": string(pki.EncodeCertificates(held[0]))}
	}
	return record{"type": "x509", "x509": record{kind: certificates}}, nil
}

func (r *recordFlags) symmetricKey(a *app) (record, error) {
	keys := record{}
	for _, k := range []struct{ flag, env, member string }{{"primary-key-env", r.primaryEnv, "primaryKey"}, {"secondary-key-env", r.secondaryEnv, "secondaryKey"}} {
		if k.env == "" {
			continue
		}
		key := ""
		if isVariable(k.env) {
			key = a.getenv(k.env)
		}
		if raw, err := base64.StdEncoding.DecodeString(key); key == "" || err != nil || len(raw) < 16 || len(raw) > 64 {
			return nil, usage("what --"+k.flag+" names holds no symmetric key", "it takes the name of an environment variable, whose value is base64 of 16 to 64 bytes")
		}
		keys[k.member] = key
	}
	attestation := record{"type": "symmetricKey"}
	switch len(keys) {
	case 1:
		return nil, usage("a symmetric key comes with a second one, to roll over to", "--primary-key-env and --secondary-key-env, or none of them: DPS makes both")
	case 2:
		attestation["symmetricKey"] = keys
	}
	return attestation, nil
}

func (r *recordFlags) tpm() (record, error) {
	if r.endorsementKey == "" {
		return nil, usage("attestation tpm needs --endorsement-key", "the public key that the TPM tells, base64")
	}
	keys := record{"endorsementKey": r.endorsementKey}
	if r.storageRootKey != "" {
		keys["storageRootKey"] = r.storageRootKey
	}
	return record{"type": "tpm", "tpm": keys}, nil
}
