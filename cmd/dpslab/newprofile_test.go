package main

import (
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
