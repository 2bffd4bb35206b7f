package main

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// changing is what no two runs have in common, and what stands for it in goldens.
var changing = []struct {
	pattern *regexp.Regexp
	stands  string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`"etag":"(\\"|[^"])*"`), `"etag":"TAG"`},
	{regexp.MustCompile(`\b[0-9A-F]{64}\b`), "SHA256"},
	{regexp.MustCompile(`\b[0-9A-F]{40}\b`), "SHA1"},
	{regexp.MustCompile(`root CA [0-9a-f]{8}`), "root CA SERIAL"},
	{regexp.MustCompile(`0ne00[0-9A-F]{6}`), "0ne00SCOPE"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
}

func steady(text string) string {
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.stands)
	}
	return text
}

// serviceHome is a home with a lab that holds a group with a registered device,
// an authority that DPS does not know, and a certificate of its own.
func serviceHome(t *testing.T) (home string, lab *process) {
	t.Helper()
	home = t.TempDir()
	lab, _ = serve(t, home)
	dpslab(t, home, "new", "press-3", "--yes", "--enrollment", "group", "--count", "1").want(t, 0)
	dpslab(t, home, "run", "press-3", "-q").want(t, 0)
	dpslab(t, home, "cert", "new", "device-01", "--authority", "line-3", "-q", "--out", filepath.Join(home, "chain")).want(t, 0)
	dpslab(t, home, "cert", "new", "gateway", "-q", "--out", filepath.Join(home, "own")).want(t, 0)
	return home, lab
}

// ownFiles are the certificate and the key that `cert new gateway` made.
func ownFiles(t *testing.T, home string) (certificate, key string) {
	t.Helper()
	for _, pattern := range []struct {
		glob string
		to   *string
	}{{"*cert*.pem", &certificate}, {"*key*.pem", &key}} {
		found, err := filepath.Glob(filepath.Join(home, "own", pattern.glob))
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s below %s: %v", pattern.glob, home, err)
		}
		*pattern.to = found[0]
	}
	return certificate, key
}

// jsonLines checks that each line of a result is one JSON object.
func jsonLines(t *testing.T, text string) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(text) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		lines = append(lines, m)
	}
	return lines
}

// TestServiceCommands goes through the life of each thing by commands, and keeps
// the form of what --json prints.
func TestServiceCommands(t *testing.T) {
	t.Parallel()
	home, _ := serviceHome(t)
	certificate, key := ownFiles(t, home)
	list := filepath.Join(home, "devices.toml")
	put(t, list, "[[enrollments]]\nregistrationId = \"dev-1\"\nattestation = { type = \"symmetricKey\" }\n[[enrollments]]\nregistrationId = \"dev-2\"\nattestation = { type = \"symmetricKey\" }\n")
	var told strings.Builder
	for _, step := range []struct {
		code int
		args string
	}{
		{0, "enrollment put key-1 --attestation symmetric-key --status disabled --device-id d-1 --reprovision never"},
		{0, "enrollment put key-1 --attestation symmetric-key --status disabled"},
		{0, "enrollment show key-1"},
		{0, "enrollment show key-1 --attestation"},
		{0, "enrollment enable key-1"},
		{0, "enrollment enable key-1"},
		{0, "enrollment list"},
		{0, "enrollment put own --certificate " + certificate},
		{0, "enrollment show own --attestation"},
		{0, "enrollment put --file " + list},
		{0, "enrollment put --file " + list + " --iot-edge"},
		{0, "enrollment put --file " + list + " --iot-edge"},
		{0, "enrollment list --filter DEV-"},
		{0, "enrollment delete --file " + list + " --yes"},
		{0, "enrollment delete --file " + list + " --yes"},
		{0, "enrollment delete key-1 --yes"},
		{1, "enrollment show key-1"},
		{1, "enrollment disable key-1"},
		{0, "enrollment list --group"},
		{0, "enrollment disable dpslab-group --group"},
		{0, "registration list dpslab-group"},
		{0, "registration show press-3"},
		{0, "registration delete press-3 --yes"},
		{1, "registration show press-3"},
		{0, "ca upload line-3"},
		{0, "ca upload line-3"},
		{0, "ca verify line-3"},
		{0, "ca verify line-3"},
		{1, "ca upload dpslab-ca " + authorityRoot(t, home, "line-3")},
		{0, "ca list"},
		{0, "ca delete line-3 --yes"},
		{0, "ca delete line-3 --yes"},
		{4, "ca verify nobody"},
		{0, "apim put gateway --certificate " + certificate + " --key " + key},
		{0, "apim put gateway --certificate " + certificate + " --key " + key},
		{0, "apim list"},
		{0, "apim show gateway"},
		{0, "apim delete gateway --yes"},
		{0, "apim delete gateway --yes"},
		{1, "apim show gateway"},
		{0, "dps list"},
		{0, "dps show"},
	} {
		r := dpslab(t, home, append(strings.Fields(step.args), "--json", "-q")...).want(t, step.code)
		jsonLines(t, r.stdout)
		if r.stderr != "" {
			t.Errorf("%s --json -q says on standard error:\n%s", step.args, r.stderr)
		}
		told.WriteString("$ " + strings.ReplaceAll(step.args, home, "HOME") + "\n" + strings.ReplaceAll(r.stdout, home, "HOME"))
	}
	golden(t, "service-json", steady(told.String()))
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func authorityRoot(t *testing.T, home, name string) string {
	t.Helper()
	return filepath.Join(paths(t, home).AuthorityDir(name), "certs", "azure-iot-test-only.root.ca.cert.pem")
}

// dryRuns are the commands of services, with how many requests each makes.
func dryRuns(certificate, key, list string) map[string][]string {
	return map[string][]string{
		"enrollment list":                               {"POST /enrollments/query"},
		"enrollment list --group --filter x":            {"POST /enrollmentGroups/query"},
		"enrollment show x":                             {"GET /enrollments/x"},
		"enrollment show x --group --attestation":       {"POST /enrollmentGroups/x/attestationmechanism"},
		"enrollment put x --attestation symmetric-key":  {"GET /enrollments/x", "PUT /enrollments/x"},
		"enrollment put x --certificate " + certificate: {"GET /enrollments/x", "PUT /enrollments/x"},
		"enrollment put --file " + list:                 {"GET /enrollments/dev-1", "GET /enrollments/dev-2", "POST /enrollments"},
		"enrollment enable x":                           {"GET /enrollments/x", "PUT /enrollments/x"},
		"enrollment disable x --group":                  {"GET /enrollmentGroups/x", "PUT /enrollmentGroups/x"},
		"enrollment delete x":                           {"DELETE /enrollments/x"},
		"enrollment delete --file " + list:              {"GET /enrollments/dev-1", "GET /enrollments/dev-2", "POST /enrollments"},
		"registration list dpslab-group":                {"POST /registrations/dpslab-group/query"},
		"registration show press-3":                     {"GET /registrations/press-3"},
		"registration delete press-3":                   {"DELETE /registrations/press-3"},
		"ca list":                                       {"GET /certificates"},
		"ca upload line-3 --verified":                   {"GET /certificates/line-3", "PUT /certificates/line-3"},
		"ca verify line-3":                              {"GET /certificates/line-3", "PUT /certificates/line-3", "POST /certificates/line-3/generateVerificationCode", "POST /certificates/line-3/verify"},
		"ca delete line-3":                              {"DELETE /certificates/line-3"},
		"dps list":                                      {"GET /providers/Microsoft.Devices/provisioningServices"},
		"dps show":                                      {"GET /providers/Microsoft.Devices/provisioningServices"},
		"apim list":                                     {"GET /certificates"},
		"apim show x":                                   {"GET /certificates/x"},
		"apim put x --certificate " + certificate + " --key " + key:        {"GET /certificates/x", "PUT /certificates/x"},
		"apim put x --key-vault https://v.vault.azure.net/secrets/gateway": {"GET /certificates/x", "PUT /certificates/x"},
		"apim refresh x": {"POST /certificates/x/refreshSecret"},
		"apim delete x":  {"DELETE /certificates/x"},
	}
}

// asked are the requests that a lab has logged, without those by which a process
// joins it.
func asked(lab *process) string {
	var log strings.Builder
	for line := range strings.Lines(lab.stderr.String()) {
		if !strings.Contains(line, " /_emu/") {
			log.WriteString(line)
		}
	}
	return log.String()
}

// TestDryRunSendsNothing looks at the log of the lab, which has a line for each
// request. A dry run needs no --yes, and is no write for --read-only.
func TestDryRunSendsNothing(t *testing.T) {
	t.Parallel()
	home, lab := serviceHome(t)
	certificate, key := ownFiles(t, home)
	list := filepath.Join(home, "devices.json")
	put(t, list, `[{"registrationId":"dev-1","attestation":{"type":"symmetricKey"}},{"registrationId":"dev-2","attestation":{"type":"symmetricKey"}}]`)
	before := asked(lab)
	for args, want := range dryRuns(certificate, key, list) {
		t.Run(strings.ReplaceAll(args, home, "HOME"), func(t *testing.T) {
			words := append(strings.Fields(args), "--dry-run", "--read-only", "-q")
			r := dpslab(t, home, append(words, "--json")...).want(t, 0)
			var got []string
			for _, line := range jsonLines(t, r.stdout) {
				u, err := url.Parse(line["url"].(string))
				if err != nil {
					t.Fatal(err)
				}
				_, path, short := strings.Cut(u.Path, "/certificates")
				if path = "/certificates" + path; !short {
					path = u.Path
				}
				if i := strings.Index(path, "/providers/"); i > 0 {
					path = path[i:]
				}
				got = append(got, line["method"].(string)+" "+path)
				if line["dry_run"] != true || !strings.Contains(line["curl"].(string), "curl ") || line["az"] == nil && line["no_az"] == nil {
					t.Errorf("not all is there: %v", line)
				}
				if headers, _ := line["headers"].(map[string]any); headers["Authorization"] == nil || !strings.Contains(r.stdout, "[secret]") {
					t.Errorf("it does not say how the call is authorized: %v", line["headers"])
				}
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("it would send\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			text := dpslab(t, home, words...).want(t, 0).stdout
			if strings.Count(text, "# the same with curl") != len(want) {
				t.Errorf("as text:\n%s", text)
			}
		})
	}
	if now := asked(lab); now != before {
		t.Errorf("requests reached the lab:\n%s", strings.TrimPrefix(now, before))
	}
	dpslab(t, home, "enrollment", "list").want(t, 0)
	eventually(t, func() error { // or this test looks at the wrong place
		if asked(lab) != before {
			return nil
		}
		return errors.New("the lab does not log requests")
	})
}

// TestReadOnlyRefusesCommands: nothing that writes reaches the lab.
func TestReadOnlyRefusesCommands(t *testing.T) {
	t.Parallel()
	home, lab := serviceHome(t)
	certificate, _ := ownFiles(t, home)
	before := asked(lab)
	for _, args := range []string{
		"enrollment put x --attestation symmetric-key", "enrollment enable dpslab-group --group", "enrollment disable dpslab-group --group",
		"enrollment delete dpslab-group --group --yes", "registration delete press-3 --yes", "ca upload line-3", "ca verify line-3",
		"ca delete dpslab-ca --yes", "apim put x --certificate " + certificate, "apim refresh x", "apim delete x --yes",
		"new other --yes", "remove press-3 --yes", "run press-3", "register press-3", "send press-3", "cert new other", "lab reset",
		"enrollment show x --attestation --key-file " + filepath.Join(home, "x.key"),
	} {
		r := dpslab(t, home, append(strings.Fields(args), "--read-only")...).want(t, 2)
		if !strings.Contains(r.stderr, "read-only") || r.stdout != "" {
			t.Errorf("%s says:\n%s%s", args, r.stdout, r.stderr)
		}
	}
	if now := asked(lab); now != before {
		t.Errorf("requests reached the lab:\n%s", strings.TrimPrefix(now, before))
	}
	for _, args := range []string{"enrollment list", "registration show press-3", "ca list", "list", "show press-3"} {
		dpslab(t, home, append(strings.Fields(args), "--read-only")...).want(t, 0)
	}
}
