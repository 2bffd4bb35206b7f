package main

import (
	"encoding/json"
	"strings"
	"testing"

	"dpslab/workflow"
)

// TestEveryQuestionHasAFlag, but those that only ask whether to go on asking.
func TestEveryQuestionHasAFlag(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"name": true}
	for _, f := range newFlags {
		known[f.key] = true
		if _, ok := workflow.FieldByKey(f.key); !ok {
			t.Errorf("--%s answers no question", f.flag)
		}
	}
	for _, f := range workflow.Fields() {
		if !known[f.Key] && !strings.HasPrefix(f.Key, "advanced.") {
			t.Errorf("no flag answers %s", f.Key)
		}
	}
}

// TestNewKinds: each way to attest and to have a certificate, by flags alone.
func TestNewKinds(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	for name, args := range map[string]string{
		"meter": "--attestation symmetric-key", "meters": "--attestation symmetric-key --enrollment group --enrollment-id all",
		"deep": "--enrollment group --authority deep --intermediates 2", "roll": "--secondary yes", "edge": "--iot-edge yes --reprovision never",
		"twin": `--initial-twin {"tags":{"line":3}} --batch 2`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dpslab(t, home, append([]string{"new", name, "--yes", "--count", "2", "--interval", "0s", "-q"}, strings.Fields(args)...)...).want(t, 0)
			r := dpslab(t, home, "run", name, "-q").want(t, 0)
			if !strings.Contains(r.stdout, name+" assigned to lab-hub.azure-devices.net") {
				t.Errorf("%s", r.stdout)
			}
		})
	}
	dpslab(t, home, "new", "odd", "--yes", "--attestation", "password").want(t, 2)
	dpslab(t, home, "new", "tpm-1", "--yes", "--attestation", "tpm", "--tpm-device", "/dev/tpmrm1", "--dry-run").want(t, 0)
	dpslab(t, home, "new", "csr-1", "--yes", "--source", "csr", "--dry-run", "--json").want(t, 0)
}

// TestNewRuns: --run does what `dpslab run` would, in the forms of both.
func TestNewRuns(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	made := []string{"--yes", "--count", "1", "--interval", "0s", "--run"}
	r := dpslab(t, home, append([]string{"new", "d1", "--enrollment", "group"}, made...)...).want(t, 0)
	if lines := strings.Split(r.stdout, "\n"); !strings.HasSuffix(lines[0], "d1.toml") || !strings.HasPrefix(lines[1], "d1 assigned to lab-hub") {
		t.Errorf("%s", r.stdout)
	}
	if strings.Contains(r.stderr, "next: dpslab run") || !strings.Contains(r.stderr, "possession of its key is proved") {
		t.Errorf("%s", r.stderr)
	}
	r = dpslab(t, home, append([]string{"new", "d2", "--json"}, made...)...).want(t, 0)
	for i, line := range strings.Split(strings.TrimSpace(r.stdout), "\n") {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil || (i == 0) != (got["profile"] != nil) || (i > 0) != (got["event"] != nil) {
			t.Errorf("line %d: %s, %v", i, line, err)
		}
	}
	dpslab(t, home, append([]string{"new", "d1"}, made...)...).want(t, 2)                                     // there is one
	dpslab(t, home, append([]string{"new", "d3", "--read-only"}, made...)...).want(t, 2)                      // makes none
	dpslab(t, home, append([]string{"new", "d4", "--passphrase-env", "NOT_SET_HERE"}, made...)...).want(t, 2) // its run fails
	dpslab(t, home, append([]string{"new", "d5", "--dry-run"}, made...)...).want(t, 0)                        // nothing is written
	if listed := dpslab(t, home, "list", "--json").want(t, 0).stdout; strings.Contains(listed, `"d3"`) || !strings.Contains(listed, `"d4"`) || strings.Contains(listed, `"d5"`) {
		t.Errorf("%s", listed)
	}
}
