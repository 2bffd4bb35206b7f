package workflow

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dpslab/profiles"
	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// ExportForm is a form in which a device goes to another tool.
type ExportForm string

// The forms.
const (
	ExportCurl    ExportForm = "curl"    // the last run's requests as a shell script
	ExportAz      ExportForm = "az"      // the same with the Azure CLI, as far as it has them
	ExportEnv     ExportForm = "env"     // shell variables of the samples of Microsoft's device SDKs
	ExportIoTEdge ExportForm = "iotedge" // the provisioning part of /etc/aziot/config.toml
	ExportHAR     ExportForm = "har"     // the last run's exchanges as an HTTP archive
	ExportBundle  ExportForm = "bundle"  // a ZIP with all that a support ticket needs
)

// ExportForms lists the forms.
func ExportForms() []ExportForm {
	return []ExportForm{ExportCurl, ExportAz, ExportEnv, ExportIoTEdge, ExportHAR, ExportBundle}
}

// Export writes a device in a form for another tool. Secrets are masked or named
// by where they come from; private keys are named by their files. Nothing is
// sent. Its errors are *Problem.
func (s *Session) Export(ctx context.Context, name string, form ExportForm) ([]byte, error) {
	op := "export " + name + " as " + string(form)
	p, err := s.load(name)
	if err != nil {
		if form != ExportBundle { // a profile that cannot be used is what a bundle is for
			return nil, err
		}
		if _, err := s.ProfileText(name); err != nil {
			return nil, err
		}
	}
	switch form {
	case ExportCurl, ExportAz, ExportHAR:
		return s.exportExchanges(op, name, form)
	case ExportEnv, ExportIoTEdge:
		facts, err := s.exportFacts(ctx, name, p)
		if err != nil {
			return nil, problemOf(op, err)
		}
		if form == ExportEnv {
			return facts.env(), nil
		}
		return facts.iotEdge(), nil
	case ExportBundle:
		data, err := s.bundle(name, p)
		if err != nil {
			return nil, localProblem(op, err)
		}
		return data, nil
	}
	return nil, &Problem{Kind: Usage, Op: op, Summary: "there is no such form", Fix: "curl, az, env, iotedge, har or bundle"}
}

func (s *Session) exportExchanges(op, name string, form ExportForm) ([]byte, error) {
	status := s.History(name)
	defer status.Exchanges.Close()
	if status.Exchanges.Len() == 0 {
		return nil, &Problem{Kind: Usage, Op: op, Summary: "no request of this device is known: no run of it left any", Fix: "dpslab run " + name + " first"}
	}
	var b bytes.Buffer
	if form == ExportHAR {
		if err := HAR(&b, status.Exchanges.Recording().All()); err != nil {
			return nil, problemOf(op, err)
		}
		return b.Bytes(), nil
	}
	fmt.Fprintf(&b, "#!/bin/sh\n# The requests of the last run of %s, in their order. Secrets are left out.\n", name)
	for x, err := range status.Exchanges.Recording().All() {
		if err != nil {
			return nil, problemOf(op, err)
		}
		fmt.Fprintf(&b, "\n# %s\n", commentLine(x.Operation))
		if form == ExportCurl {
			fmt.Fprintln(&b, strings.TrimRight(wire.Curl(x), "\n"))
			continue
		}
		if text, why := wire.Az(x); why != "" {
			fmt.Fprintf(&b, "# %s\n", commentLine(why))
		} else {
			fmt.Fprintln(&b, strings.TrimRight(text, "\n"))
		}
	}
	return b.Bytes(), nil
}

// commentLine keeps a text within one line of a comment.
func commentLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// exportFacts is what tools outside need to be told of a device.
type exportFacts struct {
	profile        *profiles.Profile
	registrationID string
	deviceHost     string
	idScope        string
	caFile         string // of the lab, or the profile's
	address        string // of the lab
	hub, deviceID  string
	files          files
}

func (s *Session) exportFacts(ctx context.Context, name string, p *profiles.Profile) (*exportFacts, error) {
	state, err := s.config.Store.LoadState(name)
	if err != nil {
		return nil, err
	}
	r := makeRun(s, name, p, state, RunOptions{})
	r.id = ""
	defer r.close()
	f := &exportFacts{
		profile: p, registrationID: r.registrationID(), deviceHost: p.Target.DeviceEndpoint, idScope: p.Target.IDScope, caFile: p.Target.CAFile,
		hub: state.Registration.AssignedHub, deviceID: state.Registration.DeviceID, files: r.files(),
	}
	if p.Target.Kind == profiles.TargetLab {
		lab, err := s.openedLab(ctx)
		if err != nil {
			return nil, err
		}
		f.idScope, f.caFile, f.address, f.deviceHost = lab.IDScope, lab.CAFile, lab.Address, lab.DeviceHost
	}
	if f.deviceHost == "" {
		f.deviceHost = dps.GlobalDeviceEndpoint
	}
	return f, nil
}

// env writes the variables that the samples of Microsoft's SDKs for Python and
// Node read (azure-iot-sdk-python and azure-iot-sdk-node, folders "samples").
func (f *exportFacts) env() []byte {
	var b strings.Builder
	set := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "export %s=%s\n", name, wire.ShellWord(value))
		}
	}
	set("PROVISIONING_HOST", f.deviceHost)
	set("PROVISIONING_IDSCOPE", f.idScope)
	set("PROVISIONING_REGISTRATION_ID", f.registrationID)
	i := f.profile.Identity
	switch i.Attestation {
	case profiles.AttestationSymmetricKey:
		if i.SymmetricKeyEnv != "" {
			fmt.Fprintf(&b, "export PROVISIONING_SYMMETRIC_KEY=\"$%s\"\n", i.SymmetricKeyEnv)
		} else {
			b.WriteString("# PROVISIONING_SYMMETRIC_KEY: the device's key, from its enrollment\n")
		}
	case profiles.AttestationTPM:
		b.WriteString("# the key is in the TPM\n")
	default:
		set("DPS_X509_REGISTRATION_ID", f.registrationID)
		set("X509_CERT_FILE", f.files.chain)
		set("X509_KEY_FILE", f.files.key)
		set("CERTIFICATE_FILE", f.files.chain)
		set("KEY_FILE", f.files.key)
		if i.PassphraseEnv != "" {
			fmt.Fprintf(&b, "export PASS_PHRASE=\"$%s\"\n", i.PassphraseEnv)
		}
	}
	set("HOSTNAME", f.hub)
	set("DEVICE_ID", f.deviceID)
	set("NODE_EXTRA_CA_CERTS", f.caFile)
	if f.address != "" {
		fmt.Fprintf(&b, "# these are of the lab on %s; its hosts must be connected to there\n", f.address)
	}
	return []byte(b.String())
}

// iotEdge writes the provisioning part of the configuration of IoT Edge 1.2 and
// later. Its keys are those of Microsoft's template /etc/aziot/config.toml.edge.template.
func (f *exportFacts) iotEdge() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# /etc/aziot/config.toml; then: sudo iotedge config apply\n[provisioning]\nsource = \"dps\"\nglobal_endpoint = %s\nid_scope = %s\n",
		profiles.Quote("https://"+f.deviceHost), profiles.Quote(f.idScope))
	b.WriteString("\n[provisioning.attestation]\n")
	switch f.profile.Identity.Attestation {
	case profiles.AttestationSymmetricKey:
		fmt.Fprintf(&b, "method = \"symmetric_key\"\nregistration_id = %s\n# a file of the device's key, base64 decoded, that user aziotks may read\nsymmetric_key = { uri = \"file:///var/secrets/aziot/%s.key\" }\n",
			profiles.Quote(f.registrationID), f.registrationID)
	case profiles.AttestationTPM:
		fmt.Fprintf(&b, "method = \"tpm\"\nregistration_id = %s\n", profiles.Quote(f.registrationID))
	default:
		fmt.Fprintf(&b, "method = \"x509\"\nregistration_id = %s\n# user aziotcs must be able to read the certificate, user aziotks the key, which must not be encrypted\nidentity_cert = %s\nidentity_pk = %s\n",
			profiles.Quote(f.registrationID), profiles.Quote(fileURI(f.files.chain)), profiles.Quote(fileURI(f.files.key)))
	}
	if !f.profile.Enrollment.IoTEdge {
		b.WriteString("\n# The enrollment is not one of an IoT Edge device: set enrollment.iot_edge = true and run the step \"enrollment\".\n")
	}
	return []byte(b.String())
}

// bundle is a ZIP of what is known of a device, without its keys. None of it
// holds a secret: profile, state, journal and exchanges never do.
func (s *Session) bundle(name string, p *profiles.Profile) ([]byte, error) {
	store := s.config.Store
	var buffer bytes.Buffer
	z := zip.NewWriter(&buffer)
	put := func(file string, data []byte) error {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name + "/" + file, Method: zip.Deflate, Modified: time.Now()})
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	for file, path := range map[string]string{"profile.toml": store.Paths.Profile(name), "state.toml": store.Paths.StateFile(name), "journal.jsonl": store.Paths.Journal(name)} {
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = put(file, []byte(wire.RedactText(string(data))))
		}
		if err != nil {
			return nil, fmt.Errorf("put %s into the bundle: %w", filepath.Base(path), err)
		}
	}
	history := s.History(name)
	defer history.Exchanges.Close()
	var har bytes.Buffer
	err := HAR(&har, history.Exchanges.Recording().All())
	if err == nil {
		err = put("exchanges.har", har.Bytes())
	}
	if err == nil && p != nil {
		err = put("certificates.txt", []byte(s.certificatesText(name)))
	}
	if err == nil {
		err = put("version.txt", []byte("dpslab "+version()+"\n"))
	}
	if err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// certificatesText is the device's chain with what was found in it.
func (s *Session) certificatesText(name string) string {
	view, err := s.Chain(name)
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, f := range view.Findings {
		fmt.Fprintf(&b, "%s %s: %s\n  %s\n  %s\n", f.Rule, f.Severity, f.Observed, f.Why, f.Fix)
	}
	for _, k := range view.Breaks {
		fmt.Fprintf(&b, "%s break: %s\n  %s\n", k.Rule, k.Text, k.Fix)
	}
	for _, e := range view.Elements {
		fmt.Fprintf(&b, "\n%s %s\nSHA-1 %s\nSHA-256 %s\n%s", e.Role, e.Subject, e.SHA1, e.SHA256, e.Text)
	}
	return b.String()
}

func fileURI(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}
