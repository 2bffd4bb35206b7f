package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/pki"
	"dpslab/workflow"
	"dpslab/workflow/dps"
)

func (a *app) keyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "key", Short: "Symmetric keys: derive those of devices from a group's",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	a.tree.add(c, branch{"derive", a.keyDeriveCommand})
	return c
}

// deriveFlags are those of `dpslab key derive`.
type deriveFlags struct {
	groupEnv string
	out      string
	force    bool
	asJSON   bool
	dryRun   bool
}

func (a *app) keyDeriveCommand() *cobra.Command {
	var f deriveFlags
	c := &cobra.Command{
		Use:   "derive REGISTRATION_ID…",
		Short: "Derive devices' keys from the key of their enrollment group, offline",
		Long: `Derive the key of each device from the key of its enrollment group:
HMAC-SHA256 of the registration ID in lower case. Nothing is sent.

The group's key comes from an environment variable or, on a terminal, from a
question; never from the command line, where every process of this machine could
read it. The derived keys are secrets too: --out FILE writes them with mode 0600,
--out - prints them. One key stands alone; several stand behind their
registration IDs, one a line.

--dry-run reads no key and writes nothing: it prints how openssl and az derive the
same keys.

Least rights: none. To read the group's key in Azure takes the role "Device
Provisioning Service Data Contributor" or a policy with EnrollmentWrite.`,
		Example: `  GROUP_KEY=MDEyMzQ1Njc4OWFiY2RlZg== dpslab key derive --group-key-env GROUP_KEY device-01 --out -
  dpslab key derive --group-key-env GROUP_KEY device-01 device-02 --out device-keys.txt`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(c.CommandPath()+" needs the registration IDs of devices", c.CommandPath()+" --group-key-env GROUP_KEY device-01 --out -")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.tellProblem(a.deriveKeys(c.Context(), f, args), f.asJSON)
		},
	}
	c.Flags().StringVar(&f.groupEnv, "group-key-env", "", "environment variable that holds the group's key (base64)")
	c.Flags().StringVar(&f.out, "out", "", "file for the keys, made with mode 0600; - prints them")
	c.Flags().BoolVar(&f.force, "force", false, "write over a file; the old one is kept beside it")
	c.Flags().BoolVar(&f.asJSON, "json", false, "one JSON object a device")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print how openssl and az do it; read no key, write nothing")
	return c
}

// derivedKey is one line of `dpslab key derive --json`.
type derivedKey struct {
	RegistrationID string `json:"registration_id"` // in lower case, as the device must register
	Key            string `json:"key"`             // base64
}

func (a *app) deriveKeys(ctx context.Context, f deriveFlags, ids []string) error {
	if f.out == "" && !f.dryRun {
		return usage("it is not said where the keys go", "--out FILE writes a file that only you can read, --out - prints them")
	}
	for _, id := range ids {
		if err := pki.CheckRegistrationID(id); err != nil {
			return usage(fmt.Sprintf("registration ID %q: %v", id, err), "letters, digits, '-', '.', '_' and ':', the last one a letter, a digit or '-'")
		}
	}
	if f.groupEnv != "" && !isVariable(f.groupEnv) {
		return usage("what --group-key-env was given is not the name of an environment variable", "it takes a name such as GROUP_KEY, not the key")
	}
	if f.dryRun {
		return a.planKeys(f, ids)
	}
	group, err := a.groupKey(ctx, f.groupEnv)
	if err != nil {
		return err
	}
	var text strings.Builder
	var keys []derivedKey
	for _, id := range ids {
		key, err := dps.DeriveKey(group, id)
		if err != nil {
			return usage("the key of "+id+" cannot be derived: "+err.Error(), "copy the group's key again from its enrollment")
		}
		k := derivedKey{strings.ToLower(id), key.Reveal()}
		keys = append(keys, k)
		if len(ids) > 1 {
			fmt.Fprintf(&text, "%s ", k.RegistrationID)
		}
		fmt.Fprintln(&text, k.Key)
	}
	return a.putKeys(f, keys, text.String())
}

// plannedKey is one line of `dpslab key derive --dry-run --json`.
type plannedKey struct {
	DryRun         bool   `json:"dry_run"` // always true: nothing was derived
	RegistrationID string `json:"registration_id"`
	OpenSSL        string `json:"openssl"`
	Az             string `json:"az"`
}

// planKeys tells how a key is derived, without the group's key: there is no
// request to show, but two other programs that do the same.
func (a *app) planKeys(f deriveFlags, ids []string) error {
	variable := cmp.Or(f.groupEnv, "GROUP_KEY")
	for i, id := range ids {
		id = strings.ToLower(id)
		k := plannedKey{
			DryRun: true, RegistrationID: id,
			OpenSSL: `printf %s ` + workflow.ShellWord(id) + ` | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(printf %s "$` + variable +
				`" | openssl base64 -d -A | od -An -vtx1 | tr -d ' \n')" -binary | openssl base64 -A`,
			Az: `az iot dps enrollment-group compute-device-key --key "$` + variable + `" --registration-id ` + workflow.ShellWord(id),
		}
		if f.asJSON {
			if err := a.printJSON(k); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		fmt.Fprintf(a.out, "# no request: the key of %s is derived on this machine\n# the same with openssl\n%s\n# the same with az\n%s\n", printable(id), k.OpenSSL, k.Az)
	}
	if !a.quiet {
		fmt.Fprintln(a.err, "a dry run: no key was read and nothing was written; while they run, openssl and az show the group's key to the other processes of this machine")
	}
	return nil
}

func (a *app) putKeys(f deriveFlags, keys []derivedKey, text string) error {
	if f.out == "-" {
		if !f.asJSON {
			_, err := a.out.WriteString(text)
			return err
		}
		for _, k := range keys {
			if err := a.printJSON(k); err != nil {
				return err
			}
		}
		return nil
	}
	if err := a.writeSecretFile(f.out, []byte(text), f.force); err != nil {
		return &workflow.Problem{Kind: workflow.LocalFile, Op: "write the keys", Summary: err.Error(), Fix: "choose another file, or add --force to keep the old one beside it"}
	}
	if f.asJSON {
		return a.printJSON(map[string]any{"file": f.out, "keys": len(keys)})
	}
	fmt.Fprintln(a.out, f.out)
	return nil
}

// groupKey is the key of an enrollment group, from the environment or a person.
func (a *app) groupKey(ctx context.Context, variable string) (dps.Secret, error) {
	var text string
	switch {
	case variable != "":
		if text = a.getenv(variable); text == "" {
			return dps.Secret{}, usage("environment variable "+variable+" is not set", "set it to the group's key: read -rs "+variable+" && export "+variable)
		}
	case !isTerminal(a.in) || !isTerminal(a.err):
		return dps.Secret{}, usage("the group's key is missing", "name the environment variable that holds it with --group-key-env")
	default:
		answer, err := a.ask(ctx, workflow.Question{Key: "group-key", Prompt: "Key of the enrollment group", Secret: true})
		if err != nil {
			return dps.Secret{}, err
		}
		text = answer
	}
	key := dps.NewSecret(strings.TrimSpace(text))
	if err := dps.CheckKey(key); err != nil {
		return key, usage("the group's "+err.Error(), "copy it again from the enrollment: base64, as the portal shows it")
	}
	return key, nil
}
