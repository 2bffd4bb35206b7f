package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

// dpsKeys are the flags of `dpslab dps keys`.
type dpsKeys struct {
	policy, file string
	force        bool
}

func (a *app) dpsKeysCommand(f *serviceFlags) *cobra.Command {
	var k dpsKeys
	c := &cobra.Command{
		Use: "keys", Short: "List the shared access policies of a DPS instance, or write a connection string to a file",
		Long: `List the shared access policies of the DPS instance and what each allows; their keys
are not shown. --policy with --key-file writes the service connection string of one
to a file of mode 0600, for credential "connection-string" and for other programs.
The instance is the target's, or --subscription-id, --resource-group and --dps-name.
With --json each line has policy, rights and, of one that was written, key_file.`,
		Example: `  dpslab dps keys
  dpslab dps keys --policy provisioningserviceowner --key-file connection-string.txt
  dpslab dps keys --dry-run`,
		Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&k.policy, "policy", "", "this shared access policy alone")
	c.Flags().StringVar(&k.file, "key-file", "", "file for its service connection string, made with mode 0600")
	c.Flags().BoolVar(&k.force, "force", false, "write over a file; the old one is kept beside it")
	c.RunE = a.withService(f, func(ctx context.Context, s *serviceCall, _ []string) error {
		if k.file != "" && k.policy == "" {
			return usage("a connection string is of one policy", "name it with --policy; dpslab dps keys lists them")
		}
		if k.file == "-" {
			return usage("a connection string is a secret and is not printed", "name a file: --key-file connection-string.txt")
		}
		return s.listKeys(ctx, k)
	})
	return c
}

// shownPolicy is a shared access policy as the command shows it.
type shownPolicy struct {
	Policy  string   `json:"policy"`
	Rights  []string `json:"rights"`
	KeyFile string   `json:"key_file,omitempty"`
}

func (s *serviceCall) listKeys(ctx context.Context, k dpsKeys) error {
	all, err := s.SharedAccessKeys(ctx)
	if err != nil {
		return err
	}
	list := s.list("POLICY\tRIGHTS\tWRITTEN TO")
	found := false
	for i := range all {
		if k.policy != "" && !strings.EqualFold(all[i].Name, k.policy) {
			continue
		}
		found = true
		if err := s.writeKey(ctx, &all[i], k); err != nil {
			return err
		}
		shown := shownPolicy{all[i].Name, all[i].Rights, k.file}
		if err := list.row(shown, shown.Policy, strings.Join(shown.Rights, ", "), shown.KeyFile); err != nil {
			return err
		}
	}
	if k.policy != "" && !found {
		return &workflow.Problem{
			Kind: workflow.Refused, Op: "read the keys of policy " + k.policy, Status: 404, Summary: "the DPS instance has no shared access policy of that name",
			Fix: "dpslab dps keys lists those that it has.",
		}
	}
	return list.end("no shared access policies")
}

// writeKey writes the connection string of a policy where the flags say.
func (s *serviceCall) writeKey(ctx context.Context, key *workflow.SharedAccessKey, k dpsKeys) error {
	if k.file == "" {
		return nil
	}
	text, err := s.ServiceConnectionString(ctx, key)
	if err != nil {
		return err
	}
	if err := s.writeSecretFile(k.file, []byte(text.Reveal()+"\n"), k.force); err != nil {
		return certError("write the connection string", err)
	}
	return nil
}
