package workflow

import (
	"context"

	"dpslab/workflow/azure"
	"dpslab/workflow/dps"
)

// SharedAccessKey is a shared access policy of a DPS instance with its keys,
// which print as a mask.
type SharedAccessKey = azure.SharedAccessKey

// SharedAccessKeys reads the shared access policies of the target's DPS
// instance. Its errors are *Problem.
func (v *Service) SharedAccessKeys(ctx context.Context) ([]SharedAccessKey, error) {
	const op = "list shared access keys"
	m, err := v.management(op)
	if err != nil {
		return nil, err
	}
	all, err := m.Keys(v.reading(ctx), v.target.instance)
	return all, v.problem(op, err)
}

// ServiceConnectionString is what a policy of the target's instance lets in with:
// HostName=…;SharedAccessKeyName=…;SharedAccessKey=…. The host is asked for where
// the target does not name it.
func (v *Service) ServiceConnectionString(ctx context.Context, k *SharedAccessKey) (Secret, error) {
	host := v.target.serviceHost
	if host == "" {
		i, err := v.Instance(ctx, "", "", "")
		if err != nil {
			return Secret{}, err
		}
		host = i.ServiceHost
	}
	c := k.ConnectionString(host)
	return dps.NewSecret("HostName=" + c.HostName + ";SharedAccessKeyName=" + c.KeyName + ";SharedAccessKey=" + c.Key.Reveal()), nil
}
