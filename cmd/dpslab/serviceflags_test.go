package main

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"dpslab/profiles"
	"dpslab/workflow"
)

// every goes through a command and all below it.
func every(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		every(sub, visit)
	}
}

// TestEveryCommandReadsOrWrites: a command that is in neither list would slip
// past --read-only.
func TestEveryCommandReadsOrWrites(t *testing.T) {
	t.Parallel()
	every((&app{}).command(), func(c *cobra.Command) {
		name := commandName(c)
		if slices.Contains(writers, name) == slices.Contains(readers, name) {
			t.Errorf("%q must stand either in writers or in readers", name)
		}
	})
}

// TestServiceHelp: each command of a service has an example that is one of the
// tree, and each group says what rights it needs and which target it is for.
func TestServiceHelp(t *testing.T) {
	t.Parallel()
	root := (&app{}).command()
	for _, group := range []string{"enrollment", "registration", "ca", "dps", "apim"} {
		c, _, err := root.Find([]string{group})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"help rights", "--device NAME", "--dry-run prints"} {
			if !strings.Contains(c.Long, text) {
				t.Errorf("the help of %s does not say %q", group, text)
			}
		}
		for _, sub := range c.Commands() {
			for _, text := range map[string][]string{
				"ca": {"Least rights:\n  ", "is not a certificate of API Management"}, "apim": {"Least rights:\n  ", "is not a signing certificate of DPS"},
			}[group] {
				if !strings.Contains(sub.Long, text) {
					t.Errorf("the help of %s does not say %q", sub.CommandPath(), text)
				}
			}
			for _, operation := range commandRights[commandName(sub)] {
				if !strings.Contains(sub.Long, "\n  "+operation+"\n") {
					t.Errorf("the help of %s does not tell the rights for %q", sub.CommandPath(), operation)
				}
			}
			if len(commandRights[commandName(sub)]) == 0 {
				t.Errorf("nobody says what rights %s needs", sub.CommandPath())
			}
		}
		every(c, func(c *cobra.Command) {
			if c.Example == "" || c.Short == "" {
				t.Errorf("%s has no example or no summary", c.CommandPath())
			}
			for line := range strings.Lines(c.Example) {
				checkExample(t, root, strings.TrimSpace(line))
			}
		})
	}
	apim := dpslab(t, t.TempDir(), "apim", "--help").want(t, 0).stdout
	if !strings.Contains(apim, "is not a signing certificate of DPS") {
		t.Errorf("the help of apim does not tell the certificates apart:\n%s", apim)
	}
	rights := dpslab(t, t.TempDir(), "help", "rights").want(t, 0).stdout
	if !strings.Contains(rights, "Microsoft.Devices/provisioningServices/enrollments/write") {
		t.Errorf("the rights are not told:\n%s", rights)
	}
}

// checkExample parses each dpslab of an example with the tree's own flags.
func checkExample(t *testing.T, root *cobra.Command, line string) {
	t.Helper()
	for part := range strings.SplitSeq(line, "|") {
		part, _, _ = strings.Cut(part, " > ")
		words := strings.Fields(part)
		if len(words) == 0 || words[0] != "dpslab" {
			t.Errorf("%q does not begin with dpslab", part)
			continue
		}
		c, rest, err := root.Find(words[1:])
		if err == nil {
			err = c.ParseFlags(rest)
		}
		if err == nil && !strings.Contains(part, `"`) {
			err = c.ValidateArgs(c.Flags().Args())
		}
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// TestTarget: what flags mean.
func TestTarget(t *testing.T) {
	t.Parallel()
	getenv := func(name string) string {
		if name == "CONNECTION" {
			return "HostName=contoso.azure-devices-provisioning.net;SharedAccessKeyName=owner;SharedAccessKey=cGxhbnRlZA=="
		}
		return ""
	}
	azure := profiles.Target{Kind: profiles.TargetAzure, Credential: "entra"}
	for name, c := range map[string]struct {
		flags serviceFlags
		want  workflow.TargetRef
		wrong string
	}{
		"nothing": {serviceFlags{}, workflow.TargetLab(), ""},
		"device":  {serviceFlags{device: "press-3"}, workflow.TargetOfProfile("press-3"), ""},
		"lab, another version": {
			serviceFlags{apiVersion: "2019-03-31"},
			workflow.TargetOf(profiles.Target{Kind: profiles.TargetLab, ServiceAPIVersion: "2019-03-31"}), "",
		},
		"connection string": {
			serviceFlags{connectionEnv: "CONNECTION"},
			workflow.TargetOf(profiles.Target{
				Kind: profiles.TargetAzure, Credential: "connection-string", ConnectionStringEnv: "CONNECTION",
				ServiceEndpoint: "contoso.azure-devices-provisioning.net",
			}), "",
		},
		"endpoint": {
			serviceFlags{endpoint: "a.azure-devices-provisioning.net"},
			workflow.TargetOf(with(azure, func(t *profiles.Target) { t.ServiceEndpoint = "a.azure-devices-provisioning.net" })), "",
		},
		"name": {
			serviceFlags{dpsName: "b", subscriptionID: "s", resourceGroup: "r"},
			workflow.TargetOf(with(azure, func(t *profiles.Target) {
				t.DPSName, t.SubscriptionID, t.ResourceGroup, t.ServiceEndpoint = "b", "s", "r", "b.azure-devices-provisioning.net"
			})), "",
		},
		"two targets":           {serviceFlags{device: "x", endpoint: "y"}, workflow.TargetRef{}, "--device takes the whole target"},
		"no such credential":    {serviceFlags{credential: "password"}, workflow.TargetRef{}, "none that there is"},
		"none":                  {serviceFlags{credential: "none"}, workflow.TargetRef{}, "none that there is"},
		"no variable":           {serviceFlags{credential: "connection-string"}, workflow.TargetRef{}, "needs --connection-string-env"},
		"a string, no variable": {serviceFlags{connectionEnv: "HostName=x;SharedAccessKey=abc"}, workflow.TargetRef{}, "not the name of an environment variable"},
		"both ways":             {serviceFlags{connectionEnv: "CONNECTION", credential: "entra"}, workflow.TargetRef{}, "is for --credential connection-string"},
		"no host":               {serviceFlags{endpoint: "https://a.b/c"}, workflow.TargetRef{}, "is not a host name"},
		"no version":            {serviceFlags{apiVersion: "new"}, workflow.TargetRef{}, "--service-api-version"},
	} {
		got, err := c.flags.ref(getenv)
		switch {
		case c.wrong == "" && (err != nil || got != c.want):
			t.Errorf("%s: %+v, %v", name, got, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "SharedAccessKey")):
			t.Errorf("%s: %v, want %q", name, err, c.wrong)
		}
	}
}

func with(t profiles.Target, change func(*profiles.Target)) profiles.Target {
	change(&t)
	return t
}

// TestDeviceCodeIsToldWhenQuiet: nobody could sign in otherwise.
func TestDeviceCodeIsToldWhenQuiet(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	a := &app{environment: environment{err: file}, quiet: true}
	tell := a.serviceFace()
	tell(workflow.Event{At: time.Now(), Kind: workflow.Noted, Text: "chatter"})
	tell(workflow.Event{At: time.Now(), Kind: workflow.HandNeeded, Text: "type the code ABC-123", Manual: &workflow.Manual{What: "type the code ABC-123"}})
	told, err := os.ReadFile(file.Name())
	if err != nil || !strings.Contains(string(told), "ABC-123") || strings.Contains(string(told), "chatter") {
		t.Errorf("%q, %v", told, err)
	}
}

// TestServiceUsage: what is wrong with the command itself is exit code 2, and
// nothing is written.
func TestServiceUsage(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	bad := filepath.Join(home, "bad.json")
	put(t, bad, "{\n\"registrationId\": \"x\",\n")
	other := filepath.Join(home, "group.json")
	put(t, other, `{"enrollmentGroupId":"g","attestation":{"type":"symmetricKey"}}`)
	for args, want := range map[string]string{
		"enrollment show":                                                  "needs the ID",
		"enrollment put":                                                   "needs the ID",
		"enrollment put x":                                                 "nothing says how a new one attests",
		"enrollment put x --iot-edge --dry-run":                            "a dry run reads nothing",
		"enrollment put x --attestation password":                          "choose one of x509",
		"enrollment put x --attestation x509":                              "needs a certificate",
		"enrollment put x --attestation tpm":                               "needs --endorsement-key",
		"enrollment put x --attestation x509 --endorsement-key AA==":       "more than one attestation",
		"enrollment put x --primary-key-env NOT_SET":                       "holds no symmetric key",
		"enrollment put x --attestation symmetric-key --status off":        "choose one of enabled",
		"enrollment put x --attestation symmetric-key --reprovision twice": "choose one of migrate",
		"enrollment put x --attestation symmetric-key --initial-twin [1]":  "not a JSON object",
		"enrollment put g --group --device-id d":                           "of one device",
		"enrollment put --file " + bad:                                     "line 3",
		"enrollment put --file " + other:                                   "--group is for enrollment groups",
		"enrollment put other --group --file " + other:                     "is of g, not of other",
		"enrollment show x --key-file k":                                   "belong to --attestation",
		"enrollment list --page-size 0":                                    "1 to 1000",
		"enrollment delete":                                                "needs the ID",
		"enrollment delete x":                                              "needs --yes",
		"enrollment delete x --file " + other:                              "exclude each other",
		"registration list":                                                "needs the ID of an enrollment group",
		"registration show x --device x --service-endpoint y":              "--device takes the whole target",
		"registration show x --device nobody":                              "nobody",
		"ca verify x --key y":                                              "a CA is an authority, or --certificate",
		"apim put x":                                                       "to be said once",
		"apim put x --key-vault http://nowhere":                            "",
		"dps show x --dps-name y":                                          "",
	} {
		r := dpslab(t, home, strings.Fields(args)...).want(t, 2)
		if !strings.Contains(r.stderr, want) || r.stdout != "" {
			t.Errorf("%s says:\n%s%s", args, r.stdout, r.stderr)
		}
		wantPlainLines(t, r.stderr)
	}
}

// TestServiceExitCodes: a service that is not there is 3, a file that is not
// there 4.
func TestServiceExitCodes(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	const key = "cGxhbnRlZCBzZWNyZXQgb2YgdGhlIHRlc3Q="
	env := environ(t, home, "CONNECTION=HostName=127.0.0.1;SharedAccessKeyName=owner;SharedAccessKey="+key)
	r := dpslabWith(t, env, "enrollment", "list", "--connection-string-env", "CONNECTION", "-v").want(t, 3)
	if !strings.Contains(r.stderr, "no answer from 127.0.0.1") || strings.Contains(r.stderr, key) {
		t.Errorf("it says:\n%s", r.stderr)
	}
	r = dpslabWith(t, env, "ca", "list", "--connection-string-env", "CONNECTION").want(t, 2)
	if !strings.Contains(r.stderr, "does not reach Azure Resource Manager") {
		t.Errorf("it says:\n%s", r.stderr)
	}
	for _, args := range []string{
		"enrollment put x --certificate nowhere.pem", "enrollment put --file nowhere.json", "ca upload x nowhere.pem",
		"ca verify x --certificate nowhere.pem", "apim put x --pfx nowhere.pfx", "apim put x --certificate nowhere.pem", "ca list --service-endpoint a.b --ca-file nowhere.pem",
	} {
		dpslab(t, home, strings.Fields(args)...).want(t, 4)
	}
}

// TestStaleRecordIsNotWritten: the etag in a file is of the time when it was
// read, and what was changed since is shown.
func TestStaleRecordIsNotWritten(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	dpslab(t, home, "enrollment", "put", "x", "--attestation", "symmetric-key", "--device-id", "first").want(t, 0)
	file := filepath.Join(home, "x.json")
	put(t, file, dpslab(t, home, "enrollment", "show", "x").want(t, 0).stdout)
	dpslab(t, home, "enrollment", "put", "x", "--device-id", "meanwhile").want(t, 0)
	r := dpslab(t, home, "enrollment", "put", "--file", file, "--iot-edge").want(t, 1)
	for _, text := range []string{"→ 412", `deviceId: "first" → "meanwhile"`, "  fix   Read it again"} {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("it does not say %q:\n%s", text, r.stderr)
		}
	}
	now := dpslab(t, home, "enrollment", "show", "x", "--json").want(t, 0)
	if jsonLines(t, now.stdout)[0]["deviceId"] != "meanwhile" {
		t.Errorf("it was written: %s", now.stdout)
	}
	dpslab(t, home, "enrollment", "put", "--file", file, "--force").want(t, 0)
	now = dpslab(t, home, "enrollment", "show", "x", "--json").want(t, 0)
	if jsonLines(t, now.stdout)[0]["deviceId"] != "first" {
		t.Errorf("--force did not write: %s", now.stdout)
	}
	dpslab(t, home, "enrollment", "delete", "x", "--yes", "--if-match", `"old"`).want(t, 1)
	dpslab(t, home, "enrollment", "delete", "x", "--yes").want(t, 0)
	dpslab(t, home, "enrollment", "put", "--file", file).want(t, 1)
}

// TestServiceSecretsStayInside looks for each secret in all that the commands of
// the services say, as lines, as JSON and as dry runs.
func TestServiceSecretsStayInside(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	lab, ready := serve(t, home)
	const (
		primary   = "cHJpbWFyeSBrZXkgb2YgdGhlIHRlc3QgdGhhdCBpcyBsb25n"
		secondary = "c2Vjb25kYXJ5IGtleSBvZiB0aGUgdGVzdCB0aGF0IGlzIGxvbmc="
		password  = "correct-horse-battery"
	)
	env := environ(t, home, "PRIMARY="+primary, "SECONDARY="+secondary, "PFX_PASSWORD="+password)
	pfx, keyFile := filepath.Join(home, "own", "gateway.pfx"), filepath.Join(home, "x.key")
	dpslabWith(t, env, "cert", "new", "gateway", "-q", "--out", filepath.Join(home, "own")).want(t, 0)
	certificate, key := ownFiles(t, home)
	dpslabWith(t, env, "cert", "pfx", certificate, "--key", key, "--out", pfx, "--out-passphrase-env", "PFX_PASSWORD").want(t, 0)
	said := ""
	for _, args := range []string{
		"enrollment put x --primary-key-env PRIMARY --secondary-key-env SECONDARY", "enrollment show x", "enrollment show x --attestation --key-file " + keyFile,
		"enrollment list", "enrollment disable x", "apim put gateway --pfx " + pfx + " --pfx-passphrase-env PFX_PASSWORD", "apim show gateway",
	} {
		for _, form := range []string{"--dry-run", "--dry-run --json", "", "--json"} {
			if strings.Contains(args, "--key-file") && form == "--json" {
				form += " --force"
			}
			r := dpslabWith(t, env, append(strings.Fields(args+" "+form), "-v")...).want(t, 0)
			said += r.stdout + r.stderr
		}
	}
	written, err := os.ReadFile(keyFile)
	if err != nil || strings.TrimSpace(string(written)) != primary {
		t.Errorf("the key was not written: %v", err)
	}
	if info, err := os.Stat(keyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	said += lab.stderr.String()
	for what, secret := range map[string]string{
		"the primary key": primary, "the secondary key": secondary, "the password": password, "the service key": sharedAccessKey(t, ready.ServiceConnectionString),
		"the management token": ready.ManagementToken, "a SAS signature": "&sig=", "a private key": "PRIVATE KEY-----",
	} {
		if strings.Contains(said, secret) || strings.Contains(said, url.QueryEscape(secret)) {
			t.Errorf("%s was printed", what)
		}
	}
	if !strings.Contains(said, "SharedAccessSignature [secret]") || !strings.Contains(said, "Bearer [secret]") {
		t.Error("nothing was said of how calls are authorized: this test looks at the wrong place")
	}
}
