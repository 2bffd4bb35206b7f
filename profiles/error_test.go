package profiles

import (
	"errors"
	"strings"
	"testing"
)

// labHead begins a good profile.
const labHead = "version = 1\n[target]\nkind = \"lab\"\n"

// parseErrors are the golden texts: what a person reads.
var parseErrors = map[string]struct{ text, want, snippet string }{
	"misspelt key": {
		labHead + "id_scop = \"0ne\"\n",
		`p.toml:4:1: target.id_scop: unknown key. Fix: did you mean id_scope?`, `id_scop = …`,
	},
	"upper case": {
		"version = 1\n[target]\nKind = \"lab\"\n",
		`p.toml:3:1: target.Kind: unknown key. Fix: did you mean kind?`, `Kind = …`,
	},
	"another section's key": {
		labHead + "registration_id = \"x\"\n",
		`p.toml:4:1: target.registration_id: unknown key. Fix: it belongs under [identity]`, `registration_id = …`,
	},
	"unknown section": {
		labHead + "[enrolment]\nkind = \"group\"\n",
		`p.toml:4:2: enrolment: unknown key. Fix: did you mean enrollment?`, `[enrolment]`,
	},
	"nothing near": {
		"version = 1\nzzzzzz = 1\n",
		`p.toml:2:1: zzzzzz: unknown key. Fix: remove it; known keys at the top: version, target, identity, enrollment, telemetry, api_management`, `zzzzzz = …`,
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
		labHead + "dps_name = 17\n",
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
		labHead + "\"a\\u001b[31m\" = 1\n",
		`p.toml:4:1: target."a\u001b[31m": unknown key. Fix: remove it; known keys in target: kind, id_scope, device_endpoint, service_endpoint, credential, connection_string_env, subscription_id, resource_group, dps_name, device_api_version, service_api_version, hub_connection_string_env, ca_file`,
		`"a\u001b[31m" = …`,
	},
	"columns are characters": {
		"version = 1\n[telemetry]\nproperties = { \"é\" = \"é\", line = 1 }\n",
		`p.toml:3:27: telemetry.properties.line: must be a text in quotes, but is a whole number. Fix: write it in quotes: line = "…"`,
		`properties = { "é" = "é", line = 1 }`,
	},
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for name, c := range parseErrors {
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
