package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestFlagValues(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"send", "x", "--count", "abc"}, `--count "abc": that is no whole number`},
		{[]string{"send", "x", "--count", "99999999999999999999"}, `--count "99999999999999999999": that number is too large`},
		{[]string{"receive", "x", "--every", "5"}, "--every 5s for seconds"},
		{[]string{"receive", "x", "--every", "soon"}, `--every "soon": that is no time`},
		{[]string{"enrollment", "put", "x", "--iot-edge=maybe"}, "--iot-edge=false"},
		{[]string{"send", "x", "--count"}, "flag needs an argument: --count"},
		{[]string{"send", "x", "--nope"}, "unknown flag: --nope"},
	} {
		r := dpslab(t, home, tt.args...).want(t, exitUsage)
		if !strings.Contains(r.stderr, tt.want) || strings.Contains(r.stderr, "strconv") || strings.Contains(r.stderr, "time: ") {
			t.Errorf("%v: %s", tt.args, r.stderr)
		}
	}
}

// Every kind of flag that is used says what it takes.
func TestEveryKindOfFlagIsExplained(t *testing.T) {
	t.Parallel()
	visit := func(flags *pflag.FlagSet) {
		flags.VisitAll(func(f *pflag.Flag) {
			switch kind := f.Value.Type(); kind {
			case "string", "stringSlice", "stringArray":
			default:
				if wanted, _ := wantedOf(f, "?", false); wanted == "" {
					t.Errorf("--%s, a %s, has no words for a bad value", f.Name, kind)
				}
			}
		})
	}
	every((&app{}).command(), func(c *cobra.Command) { visit(c.LocalFlags()) })
}

// What flags say is wrong before anything is asked of a service.
func TestRecordFlagsBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for _, args := range [][]string{
		{"--attestation", "fingerprint"},
		{"--status", "off"},
		{"--allocation-policy", "nearest"},
		{"--reprovision", "always"},
		{"--initial-twin", "[]"},
		{"--attestation", "tpm"},
		{"--certificate", "none.pem"},
		{"--primary-key-env", "NO_SUCH_KEY"},
	} {
		r := dpslab(t, home, append([]string{"enrollment", "put", "press-4", "--verbose"}, args...)...)
		if r.code != exitUsage && r.code != 4 || strings.Contains(r.stderr, "/enrollments/") {
			t.Errorf("%v: exit code %d\n%s", args, r.code, r.stderr)
		}
	}
}
