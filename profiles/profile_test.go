package profiles

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// full is the design's own example, every key used.
const full = `version = 1

[target]
kind = "azure"
id_scope = "0ne00111111"
device_endpoint = "global.azure-devices-provisioning.net"
service_endpoint = "contoso-dps.azure-devices-provisioning.net"
credential = "entra"
connection_string_env = "DPS_CONNECTION_STRING"
subscription_id = "11111111-2222-3333-4444-555555555555"
resource_group = "rg-iot"
dps_name = "contoso-dps"
ca_file = "/etc/ssl/company.pem"

[identity]
attestation = "x509"
registration_id = "device-01"
source = "chain"
algorithm = "ec-p256"
valid_days = 30
authority = "line-3"
passphrase_env = "DEVICE_01_PASSPHRASE"
passphrase_command = "pass show dps/device-01"

[enrollment]
kind = "group"
id = "line-3"
device_id = "press-3"
allocation_policy = "hashed"
iot_hubs = ["contoso-hub.azure-devices.net", "fabrikam-hub.azure-devices.net"]
reprovision = { update_hub_assignment = true, migrate_device_data = false }
iot_edge = true
initial_twin = { properties = { desired = { interval = 60, ratio = 0.5 } }, tags = { line = 3, names = ["a", { b = true }] } }

[telemetry]
body = '{"temperature": {{ wave 20 30 "60s" }}, "at": "{{ now }}"}'
content_type = "application/json"
count = 10
interval = "1s"
properties = { "a b" = "it's", source = "dpslab" }
`

func parsed(t *testing.T, text string) *Profile {
	t.Helper()
	d, err := Parse("p.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d.Profile
}

func TestEncodeIsTheDesignsStyle(t *testing.T) {
	t.Parallel()
	p := parsed(t, full)
	got, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != full {
		t.Errorf("encoded:\n%s\nwant:\n%s", got, full)
	}
}

func TestRoundTripOfHardValues(t *testing.T) {
	t.Parallel()
	p := &Profile{Version: 1, Target: Target{Kind: TargetLab}}
	p.Telemetry.Body = "two\nlines\twith \"quotes\", 'single', back\\slash, \x01 and é"
	p.Telemetry.Properties = map[string]string{"": "empty name", "dotted.name": "", "ü": "x", "quote\"": `C:\dir`}
	p.Enrollment.InitialTwin = map[string]any{
		"tags": map[string]any{"big": int64(1) << 60, "float": 3.0, "tiny": 1e-9, "huge": 1e21, "off": false, "none": []any{}, "deep": map[string]any{}},
	}
	data, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	if back := parsed(t, string(data)); !reflect.DeepEqual(back, p) {
		t.Errorf("came back as %#v\nfrom\n%s", back, data)
	}
}

func TestEncodeRefusesWhatTOMLCannotHold(t *testing.T) {
	t.Parallel()
	cycle := map[string]any{}
	cycle["tags"] = cycle
	for want, twin := range map[string]map[string]any{
		"enrollment.initial_twin: tags: TOML has no null": {"tags": nil},
		"TOML has no chan int":                            {"tags": make(chan int)},
		"nested more than":                                cycle,
	} {
		_, err := Encode(&Profile{Version: 1, Enrollment: Enrollment{InitialTwin: twin}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	head := "version = 1\n[target]\nkind = \"lab\"\n"
	for name, c := range map[string]struct{ text, want, snippet string }{
		"misspelt key": {
			head + "id_scop = \"0ne\"\n",
			`p.toml:4:1: target.id_scop: unknown key. Fix: did you mean id_scope?`, `id_scop = …`,
		},
		"upper case": {
			"version = 1\n[target]\nKind = \"lab\"\n",
			`p.toml:3:1: target.Kind: unknown key. Fix: did you mean kind?`, `Kind = …`,
		},
		"another section's key": {
			head + "registration_id = \"x\"\n",
			`p.toml:4:1: target.registration_id: unknown key. Fix: it belongs under [identity]`, `registration_id = …`,
		},
		"unknown section": {
			head + "[enrolment]\nkind = \"group\"\n",
			`p.toml:4:2: enrolment: unknown key. Fix: did you mean enrollment?`, `…`,
		},
		"nothing near": {
			"version = 1\nzzzzzz = 1\n",
			`p.toml:2:1: zzzzzz: unknown key. Fix: remove it; known keys at the top: version, target, identity, enrollment, telemetry`, `zzzzzz = …`,
		},
		"in an inline table": {
			"version = 1\n[enrollment]\nreprovision = { migrate_device_data = true, update_hub = true }\n",
			`p.toml:3:45: enrollment.reprovision.update_hub: unknown key. Fix: remove it; known keys in enrollment.reprovision: update_hub_assignment, migrate_device_data`, `reprovision = …`,
		},
		"dotted": {
			"version = 1\nidentity.valid_day = 3\n",
			`p.toml:2:1: identity.valid_day: unknown key. Fix: did you mean valid_days?`, `identity.valid_day = …`,
		},
		"first of several": {
			"version = 1\n[telemetry]\ncount = \"10\"\n[identity]\nfoo = 1\n",
			`p.toml:3:1: telemetry.count: must be a whole number, but is a text. Fix: write it without quotes: count = 10`, `count = "10"`,
		},
		"number for a text": {
			head + "dps_name = 17\n",
			`p.toml:4:1: target.dps_name: must be a text in quotes, but is a whole number. Fix: write it in quotes: dps_name = "…"`, `dps_name = 17`,
		},
		"fraction": {
			"version = 1\n[identity]\nvalid_days = 1.5\n",
			`p.toml:3:1: identity.valid_days: must be a whole number, but is a number with a fraction. Fix: write valid_days = 10`, `valid_days = 1.5`,
		},
		"text for a boolean": {
			"version = 1\n[enrollment]\niot_edge = \"yes\"\n",
			`p.toml:3:1: enrollment.iot_edge: must be true or false, but is a text. Fix: write iot_edge = true or iot_edge = false, without quotes`, `iot_edge = "yes"`,
		},
		"text for a list": {
			"version = 1\n[enrollment]\niot_hubs = \"h\"\n",
			`p.toml:3:1: enrollment.iot_hubs: must be a list of texts, but is a text. Fix: write iot_hubs = ["first", "second"]`, `iot_hubs = "h"`,
		},
		"number in a list": {
			"version = 1\n[enrollment]\niot_hubs = [1]\n",
			`p.toml:3:1: enrollment.iot_hubs: must be a text in quotes, but is a whole number. Fix: write it in quotes: iot_hubs = "…"`, `iot_hubs = [1]`,
		},
		"text for a section": {
			"version = 1\ntarget = \"lab\"\n",
			`p.toml:2:1: target: must be a table, but is a text. Fix: write [target] on a line of its own and its keys below`, `target = "lab"`,
		},
		"list of tables": {
			"version = 1\n[[target]]\nkind = \"lab\"\n",
			`p.toml:2:3: target: must be a table, but is a list. Fix: write [target] on a line of its own and its keys below`, `[[target]]`,
		},
		"property that is no text": {
			"version = 1\n[telemetry]\nproperties = { line = 3 }\n",
			`p.toml:3:16: telemetry.properties.line: must be a text in quotes, but is a whole number. Fix: write it in quotes: line = "…"`, `properties = { line = 3 }`,
		},
		"no version": {
			"[target]\nkind = \"lab\"\n",
			`p.toml:1:1: version: missing. Fix: write version = 1 as the first line`, `[target]`,
		},
		"newer version": {
			"version = 7\n[cloud]\n",
			`p.toml:1:1: version: format 7 is newer than this dpslab, which reads format 1. Fix: use a newer dpslab`, `version = 7`,
		},
		"version zero": {"version = 0\n", `p.toml:1:1: version: there is no format 0. Fix: write version = 1`, `version = 0`},
		"version text": {"version = \"1\"\n", `p.toml:1:1: version: must be a whole number, but is a text. Fix: write version = 1`, `version = "1"`},
		"empty":        {"", `p.toml:1:1: version: missing. Fix: write version = 1 as the first line`, ``},
		"control characters": {
			head + "\"a\\u001b[31m\" = 1\n",
			`p.toml:4:1: target."a\u001b[31m": unknown key. Fix: remove it; known keys in target: kind, id_scope, device_endpoint, service_endpoint, credential, connection_string_env, subscription_id, resource_group, dps_name, ca_file`,
			`"a\u001b[31m" = …`,
		},
		"columns are characters": {
			"version = 1\n[telemetry]\nproperties = { \"é\" = \"é\", line = 1 }\n",
			`p.toml:3:27: telemetry.properties.line: must be a text in quotes, but is a whole number. Fix: write it in quotes: line = "…"`,
			`properties = { "é" = "é", line = 1 }`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("p.toml", []byte(c.text))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Error() != c.want {
				t.Errorf("got  %s\nwant %s", e, c.want)
			}
			if e.Snippet != c.snippet {
				t.Errorf("snippet %q, want %q", e.Snippet, c.snippet)
			}
		})
	}
}

func TestSyntaxErrorsHaveAPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text      string
		line, col int
	}{
		"no quotes":         {"version = 1\n[target]\nkind = lab\n", 3, 8},
		"unterminated text": {"version = 1\n[target]\nkind = \"lab\n", 3, 12},
		"duplicate key":     {"version = 1\nversion = 1\n", 2, 1},
		"no value":          {"version =\n", 1, 10},
		"not UTF-8":         {"version = 1\n[target]\nkind = \"\xff\"\n", 3, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("p.toml", []byte(c.text))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Line != c.line || e.Column != c.col {
				t.Errorf("at %d:%d, want %d:%d: %v", e.Line, e.Column, c.line, c.col, e)
			}
		})
	}
}

// TestSecretsAreRefusedAndNeverEchoed puts one secret into many places; neither
// the error nor the snippet may show it.
func TestSecretsAreRefusedAndNeverEchoed(t *testing.T) {
	t.Parallel()
	const secret = "hunter2geheim"
	conn := "HostName=h;SharedAccessKeyName=n;SharedAccessKey=" + secret
	head := "version = 1\n[target]\nkind = \"azure\"\n"
	for name, c := range map[string]struct{ text, want string }{
		"connection string in a known key": {head + `dps_name = "` + conn + `"`, "p.toml:4:"},
		"in a comment":                     {head + `# ` + conn, "p.toml:4:"},
		"escaped":                          {head + `dps_name = "HostName=h;SharedAccess\u004bey=` + secret + `"`, "p.toml:4:1: target.dps_name: holds a connection string"},
		"in the twin":                      {head + "[enrollment]\ninitial_twin = { tags = [ { a = \"x\", b = \"SharedAccess\\u0053ignature sig=" + secret + `" } ] }`, "a shared access signature"},
		"signature":                        {head + `dps_name = "SharedAccessSignature sr=x&sig=` + secret + `"`, "a shared access signature"},
		"private key":                      {head + "ca_file = '''\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + secret + "\n'''", "p.toml:5:1: holds a private key"},
		"passphrase":                       {"version = 1\n[identity]\npassphrase = \"" + secret + `"`, "p.toml:3:1: identity.passphrase: would hold a secret"},
		"quoted key":                       {"version = 1\n[identity]\n\"pass\\u0070hrase\" = \"" + secret + `"`, "identity.passphrase: would hold a secret"},
		"password in an inline table":      {"version = 1\nidentity = { registration_id = \"a\", password = \"" + secret + `" }`, "p.toml:2:37: identity.password: would hold a secret"},
		"connection_string":                {head + `connection_string = "` + secret + `"`, `connection_string_env = "DPS_CONNECTION_STRING"`},
		"Connection-String":                {head + `Connection-String = "` + secret + `"`, "would hold a secret"},
		"password in the twin":             {head + "[enrollment]\ninitial_twin = { properties = { desired = { password = \"" + secret + "\" } } }", "would hold a secret"},
		"misspelt key":                     {"version = 1\n[identity]\npasphrase = \"" + secret + `"`, "did you mean passphrase_env? Only the name of an environment variable belongs there"},
		"unknown key":                      {"version = 1\n[identity]\nwifi = \"" + secret + `"`, "unknown key"},
		"bad syntax":                       {"version = 1\n[identity]\npassphrase_env = " + secret, "p.toml:3:18: "},
		"bad syntax on the next line":      {"version = 1\n[identity]\npasphrase = [\n" + secret + "\n]", "bad TOML syntax"},
		"bad syntax, misspelt":             {"version = 1\n[identity]\npasphrase = " + secret, "bad TOML syntax"},
		"wrong type": {
			"version = 1\n[identity]\npassphrase_env = [\"" + secret + "\"]",
			"must be a text in quotes, but is a list",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("p.toml", []byte(c.text))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if !strings.Contains(e.Error(), c.want) {
				t.Errorf("got %q, want %q in it", e, c.want)
			}
			if all := e.Error() + e.Snippet + e.Key + e.Problem + e.Fix; strings.Contains(all, secret) {
				t.Errorf("the secret is in %q", all)
			}
		})
	}
}

func TestFreeNamesInTwinAndProperties(t *testing.T) {
	t.Parallel()
	p := parsed(t, "version = 1\n[enrollment]\ninitial_twin = { tags = { sas = \"line\", pass = 3 } }\n[telemetry]\nproperties = { pwd = \"/\" }\n")
	if p.Telemetry.Properties["pwd"] != "/" {
		t.Errorf("properties are %v", p.Telemetry.Properties)
	}
}

func TestDocumentErrorf(t *testing.T) {
	t.Parallel()
	d, err := Parse("p.toml", []byte("version = 1\n\n[identity]\n  registration_id = \"press.\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"identity.registration_id": "p.toml:4:3: identity.registration_id: bad \\x1b value. Fix: do this",
		"identity.algorithm":       "p.toml:3:2: identity.algorithm: bad \\x1b value. Fix: do this",
		"target.kind":              "p.toml:1:1: target.kind: bad \\x1b value. Fix: do this",
	} {
		if got := d.Errorf(key, "do this", "bad %s value", "\x1b").Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"my-x509-device": "", "a": "", "_a": "", "A.b_c-": "", strings.Repeat("a", 64): "",
		"":                      "profile name is empty, must have 1 to 64 characters",
		strings.Repeat("a", 65): "profile name is 65 characters long, at most 64 are allowed",
		"a:b":                   "profile name contains ':', use letters, digits, '-', '.' or '_'",
		"../x":                  "profile name contains '/', use letters, digits, '-', '.' or '_'",
		"..":                    "profile name begins with '.', must begin with a letter, digit or '_'",
		"-x":                    "profile name begins with '-', must begin with a letter, digit or '_'",
		"x.":                    "profile name ends in '.', must end in a letter, digit or '-'",
		"x\x1b":                 `profile name contains '\x1b', use letters, digits, '-', '.' or '_'`,
		"Wizard-Draft":          `profile name is "wizard-draft", which dpslab uses itself`,
	} {
		err := CheckName(name)
		var e *NameError
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", name, err)
		case want != "" && (!errors.As(err, &e) || e.Error() != want):
			t.Errorf("%q: got %v, want %s", name, err, want)
		}
	}
}

func TestDefaultPaths(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		home string
		env  map[string]string
		want Paths
	}{
		"flag":        {"/usb", map[string]string{"DPSLAB_HOME": "/other"}, Paths{"/usb/config/dpslab", "/usb/state/dpslab", "/usb/data/dpslab"}},
		"DPSLAB_HOME": {"", map[string]string{"DPSLAB_HOME": "/d"}, Paths{"/d/config/dpslab", "/d/state/dpslab", "/d/data/dpslab"}},
		"HOME":        {"", map[string]string{"HOME": "/h"}, Paths{"/h/.config/dpslab", "/h/.local/state/dpslab", "/h/.local/share/dpslab"}},
		"XDG": {
			"",
			map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "relative", "XDG_DATA_HOME": "/x/"},
			Paths{"/c/dpslab", "/h/.local/state/dpslab", "/x/dpslab"},
		},
	} {
		got, err := DefaultPaths(c.home, func(k string) string { return c.env[k] })
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
	if _, err := DefaultPaths("", func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "set HOME") {
		t.Errorf("without any folder: %v", err)
	}
}

func TestStoreSaveLoadRemove(t *testing.T) {
	t.Parallel()
	s := NewStore(Paths{Config: t.TempDir(), State: filepath.Join(t.TempDir(), "s"), Data: t.TempDir()})
	if names, err := s.Names(); err != nil || len(names) != 0 {
		t.Fatalf("names of an empty store: %v, %v", names, err)
	}
	if _, err := s.Load("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("loading nothing: %v", err)
	}
	p := parsed(t, full)
	for _, name := range []string{"b", "a"} {
		if err := s.Save(name, p); err != nil {
			t.Fatal(err)
		}
	}
	if names, _ := s.Names(); !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("names are %v", names)
	}
	d, err := s.Load("a")
	if err != nil || !reflect.DeepEqual(d.Profile, p) || string(d.Source) != full {
		t.Errorf("loaded %+v, %v", d, err)
	}
	checkMode(t, s.Paths.Profile("a"), 0o600)
	checkMode(t, filepath.Dir(s.Paths.Profile("a")), 0o700)
	checkNoLeftovers(t, filepath.Dir(s.Paths.Profile("a")), "a.toml", "b.toml")

	if err := s.SaveState("a", &State{}); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(s.Paths.DeviceDir("a"), "private", "a.key.pem")
	authority := filepath.Join(s.Paths.AuthorityDir("a"), "root.pem")
	for _, path := range []string{key, authority, s.Paths.Journal("a")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := s.Remove("a")
	want := []string{s.Paths.StateFile("a"), s.Paths.Journal("a"), s.Paths.DeviceDir("a"), s.Paths.Profile("a")}
	if err != nil || !slices.Equal(removed, want) {
		t.Errorf("removed %v, %v; want %v", removed, err, want)
	}
	if _, err := os.Stat(authority); err != nil {
		t.Errorf("the authority of that name is gone: %v", err)
	}
	checkNoLeftovers(t, s.Paths.State)
	if _, err := s.Remove("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removing nothing: %v", err)
	}
}

func TestSaveDoesNotOverwriteButReplaceDoes(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	written := "# mine\n" + full
	path := s.Paths.Profile("a")
	if err := s.Save("a", parsed(t, full)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(written), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Save("a", parsed(t, full)); !errors.Is(err, ErrExists) || !errors.Is(err, fs.ErrExist) {
		t.Errorf("saving over a profile: %v", err)
	}
	if data, _ := os.ReadFile(path); string(data) != written {
		t.Errorf("the profile was changed:\n%s", data)
	}
	if err := s.Replace("a", parsed(t, full)); err != nil {
		t.Error(err)
	}
	if data, _ := os.ReadFile(path); string(data) != full {
		t.Errorf("the profile was not replaced:\n%s", data)
	}
	checkNoLeftovers(t, filepath.Dir(path), "a.toml")
}

func TestSaveRefusesSecretsAndBadNames(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	p := parsed(t, full)
	p.Telemetry.Body = "SharedAccessKey=abc"
	var e *Error
	if err := s.Save("a", p); !errors.As(err, &e) {
		t.Errorf("saving a secret: %v", err)
	}
	var n *NameError
	if err := s.Save("../a", parsed(t, full)); !errors.As(err, &n) {
		t.Errorf("saving outside the folder: %v", err)
	}
	if names, _ := s.Names(); len(names) != 0 {
		t.Errorf("profiles were written: %v", names)
	}
}

func TestLoadRefusesHugeFiles(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	path := s.Paths.Profile("a")
	if err := s.Save("a", parsed(t, full)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load("a"); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("got %v", err)
	}
}

func tempStore(t *testing.T) *Store {
	t.Helper()
	p, err := DefaultPaths(t.TempDir(), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	return NewStore(p)
}

func checkMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != want {
		t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
	}
}

// checkNoLeftovers checks that a folder holds nothing but the given names.
func checkNoLeftovers(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %v, want %v", dir, got, want)
	}
}
