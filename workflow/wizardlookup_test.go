package workflow

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dpslab/profiles"
)

// What an answer names and is not there is warned of, and refuses nothing. What
// is written later, is wrong anyway or is not asked warns of nothing.
func TestWarnings(t *testing.T) {
	t.Parallel()
	files := Answers{keyRegistrationID: "d", keySource: profiles.SourceFiles, keyCertificate: "/c.pem", keyKeyFile: "/k.pem", keyPassphraseEnv: "PASS"}
	for name, c := range map[string]struct {
		a       Answers
		missing []Lookup
		want    []string
	}{
		"nobody looked":       {files, nil, nil},
		"all is there":        {files, []Lookup{{File: "/else"}, {Variable: "ELSE"}}, nil},
		"a file":              {files, []Lookup{{File: "/k.pem"}}, []string{keyKeyFile}},
		"all of them":         {files, []Lookup{{File: "/c.pem"}, {File: "/k.pem"}, {Variable: "PASS"}}, []string{keyCertificate, keyKeyFile, keyPassphraseEnv}},
		"none of its own":     {Answers{keyRegistrationID: "d"}, []Lookup{{}}, nil},
		"not asked":           {Answers{keyRegistrationID: "d", keyCertificate: "/c.pem"}, []Lookup{{File: "/c.pem"}}, nil},
		"wrong anyway":        {Answers{keySource: profiles.SourceFiles, keyCertificate: "c.pem", keyPassphraseEnv: "my secret"}, []Lookup{{File: "c.pem"}, {Variable: "my secret"}}, nil},
		"written later":       {Answers{keySource: profiles.SourceCSR, keySignedFile: "/s.pem"}, []Lookup{{File: "/s.pem"}}, nil},
		"a TPM's file":        {Answers{keyAttestation: profiles.AttestationTPM, keyTPMDevice: "/dev/tpm0"}, []Lookup{{File: "/dev/tpm0"}}, []string{keyTPMDevice}},
		"a software TPM":      {Answers{keyAttestation: profiles.AttestationTPM, keyTPMDevice: "localhost:2321"}, []Lookup{{File: "localhost:2321"}}, nil},
		"a connection string": {Answers{keyTarget: profiles.TargetAzure, keyCredential: profiles.CredentialConnectionString}, []Lookup{{Variable: "DPS_CONNECTION_STRING"}}, []string{keyConnectionStringEnv}},
		"a key":               {Answers{keyAttestation: profiles.AttestationSymmetricKey, keySymmetricKeyEnv: "KEY"}, []Lookup{{Variable: "KEY"}}, []string{keySymmetricKeyEnv}},
		"a PFX password":      {Answers{keyMoreCertificates: yes, keyPFXPasswordEnv: "EXPORTED"}, []Lookup{{Variable: "EXPORTED"}}, []string{keyPFXPasswordEnv}},
	} {
		w := NewWizard(c.a)
		if c.missing != nil {
			w.Missing = func(l Lookup) bool { return slices.Contains(c.missing, l) }
		}
		var got []string
		for _, x := range w.Warnings() {
			got = append(got, x.Key)
			if x.Label == "" || w.Warning(x.Key) != x.Err.Error() || w.Error(x.Key) != nil {
				t.Errorf("%s: %+v", name, x)
			}
			if strings.Contains(x.Error(), c.a[x.Key]) && c.a[x.Key] != "" {
				t.Errorf("%s: %q repeats the answer", name, x.Error())
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: warns of %q, want %q", name, got, c.want)
		}
		for _, l := range w.Lookups() {
			if (l.File == "") == (l.Variable == "") {
				t.Errorf("%s: lookup %+v", name, l)
			}
		}
	}
}

// A session looks at the file system and at its own environment.
func TestMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := NewSession(Config{Store: profiles.NewStore(profiles.Paths{State: dir}), Getenv: func(name string) string { return map[string]string{"SET": "x"}[name] }})
	for l, want := range map[Lookup]bool{
		{File: there}: false, {File: dir}: false, {File: filepath.Join(dir, "not")}: true, {File: filepath.Join(there, "below")}: false,
		{Variable: "SET"}: false, {Variable: "UNSET"}: true,
	} {
		if got := s.Missing(l); got != want {
			t.Errorf("%+v is missing: %v", l, got)
		}
	}
}

// One of the two ways to a pass phrase is asked for: with a variable, the command
// counts no longer.
func TestPassphraseCommandIsAsked(t *testing.T) {
	t.Parallel()
	w := NewWizard(Answers{keyRegistrationID: "d", keyPassphraseCommand: "pass show d"})
	if p := w.Profile(); p.Identity.PassphraseCommand != "pass show d" || len(CheckProfile(p)) > 0 {
		t.Errorf("%+v %v", p.Identity, CheckProfile(p))
	}
	both := w.Set(keyPassphraseEnv, "PASS")
	if p := both.Profile(); p.Identity.PassphraseCommand != "" || p.Identity.PassphraseEnv != "PASS" || len(CheckProfile(p)) > 0 {
		t.Errorf("%+v %v", p.Identity, CheckProfile(p))
	}
	if voids := both.Voids(w.Answers); len(voids) != 1 || voids[0].Field.Key != keyPassphraseCommand {
		t.Errorf("%+v", voids)
	}
	edited := EditWizard("d", w.Profile())
	if edited.Value(keyPassphraseCommand) != "pass show d" {
		t.Errorf("an edited profile asks with %q", edited.Value(keyPassphraseCommand))
	}
	if p := edited.Set(keyPassphraseCommand, "").Profile(); p.Identity.PassphraseCommand != "" {
		t.Errorf("taken out, it is %q", p.Identity.PassphraseCommand)
	}
}
