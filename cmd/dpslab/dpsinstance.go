package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/profiles"
	"dpslab/workflow"
)

func (a *app) dpsCommand() *cobra.Command {
	f := &serviceFlags{}
	c := &cobra.Command{
		Use:   "dps",
		Short: "Find DPS instances, the [target] of a profile for one, its shared access policies",
		Long: `Find the DPS instances that an account may see, so that nobody has to type an ID
scope. What show prints is the [target] section of a profile.
` + targetHelp + "\n" + dryRunHelp,
		Example: `  dpslab dps list
  dpslab dps show
  dpslab dps keys
  dpslab dps list --credential entra-device-code --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f.add(c)
	return a.serviceGroup(
		c, below("list", a.dpsListCommand, f), below("show", a.dpsShowCommand, f), below("keys", a.dpsKeysCommand, f),
	)
}

// shownInstance is a DPS instance as the commands show it.
type shownInstance struct {
	Name             string      `json:"name"`
	IDScope          string      `json:"id_scope"`
	ServiceHost      string      `json:"service_host"`
	DeviceHost       string      `json:"device_host"`
	Location         string      `json:"location"`
	SKU              string      `json:"sku,omitempty"`
	State            string      `json:"state,omitempty"`
	AllocationPolicy string      `json:"allocation_policy,omitempty"`
	PublicAccess     string      `json:"public_network_access,omitempty"`
	SubscriptionID   string      `json:"subscription_id"`
	ResourceGroup    string      `json:"resource_group"`
	Hubs             []linkedHub `json:"iot_hubs"`
}

type linkedHub struct {
	Host     string `json:"host"`
	Location string `json:"location,omitempty"`
	Weight   int32  `json:"weight,omitempty"`
	Applies  bool   `json:"applies_allocation_policy"`
}

func instanceOf(i *workflow.Instance) shownInstance {
	s := shownInstance{
		Name: i.DPSName, IDScope: i.IDScope, ServiceHost: i.ServiceHost, DeviceHost: i.DeviceHost, Location: i.Location, SKU: i.SKU,
		State: i.State, AllocationPolicy: i.AllocationPolicy, PublicAccess: i.PublicNetworkAccess,
		SubscriptionID: i.SubscriptionID, ResourceGroup: i.ResourceGroup, Hubs: []linkedHub{},
	}
	for _, h := range i.Hubs {
		s.Hubs = append(s.Hubs, linkedHub{h.HostName, h.Location, h.Weight, h.Applies})
	}
	return s
}

func (a *app) dpsListCommand(f *serviceFlags) *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List the DPS instances of a resource group, a subscription, or all of them",
		Long: `List the DPS instances of --resource-group, of --subscription-id, or of every
subscription that the account may look into. With --json each line has name,
id_scope, service_host, device_host, location, sku, state, allocation_policy,
public_network_access, subscription_id, resource_group and iot_hubs.`,
		Example: `  dpslab dps list
  dpslab dps list --json`,
		Args: cobra.NoArgs,
	}
	c.RunE = a.withService(f, func(ctx context.Context, s *serviceCall, _ []string) error {
		all, err := s.instances(ctx)
		if err != nil {
			return err
		}
		list := s.list("NAME\tID SCOPE\tLOCATION\tSTATE\tHUBS\tRESOURCE GROUP")
		for _, instance := range all {
			shown := instanceOf(instance)
			if err := list.row(shown, shown.Name, shown.IDScope, shown.Location, shown.State, strconv.Itoa(len(shown.Hubs)), shown.ResourceGroup); err != nil {
				return err
			}
		}
		return list.end("no DPS instances that this account may see")
	})
	return c
}

// instances are those of the subscription that flags or the target name, else of
// all subscriptions.
func (s *serviceCall) instances(ctx context.Context) ([]*workflow.Instance, error) {
	f := s.flags
	if f.subscriptionID != "" || f.device != "" || s.inLab() {
		return s.Instances(ctx, f.subscriptionID, f.resourceGroup)
	}
	if f.resourceGroup != "" {
		return nil, usage("a resource group is of one subscription", "add --subscription-id")
	}
	s.note("the second request is made for each subscription that the first one names")
	subscriptions, err := s.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	var all []*workflow.Instance
	for _, sub := range subscriptions {
		found, err := s.Instances(ctx, sub.ID, "")
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// inLab reports whether no flag names an Azure target.
func (s *serviceCall) inLab() bool {
	f := s.flags
	return f.device+f.endpoint+f.credential+f.connectionEnv+f.subscriptionID+f.dpsName+f.caFile == ""
}

func (a *app) dpsShowCommand(f *serviceFlags) *cobra.Command {
	c := &cobra.Command{
		Use: "show [NAME]", Short: "Print the [target] section of a profile for a DPS instance",
		Long: `Print the [target] section of a profile for a DPS instance, to be pasted. Without a
name the instances are listed and one is asked for on a terminal; where there is
only one it is taken. With --json everything is told that list tells.`,
		Example: `  dpslab dps show
  dpslab dps show --json`,
		Args: cobra.MaximumNArgs(1),
	}
	c.RunE = a.withService(f, func(ctx context.Context, s *serviceCall, args []string) error {
		i, err := s.instance(ctx, strings.Join(args, ""))
		if err != nil {
			return err
		}
		if f.asJSON {
			return s.printJSON(instanceOf(i))
		}
		return s.printTarget(i)
	})
	return c
}

// instance finds the one that is meant.
func (s *serviceCall) instance(ctx context.Context, name string) (*workflow.Instance, error) {
	f := s.flags
	switch {
	case name != "" && f.dpsName != "" && name != f.dpsName:
		return nil, usage("NAME and --dps-name name different instances", "leave out one of them")
	case name == "":
		name = f.dpsName
	}
	if name != "" && f.subscriptionID != "" && f.resourceGroup != "" {
		return s.Instance(ctx, f.subscriptionID, f.resourceGroup, name)
	}
	all, err := s.instances(ctx)
	if err != nil {
		return nil, err
	}
	if name != "" {
		for _, i := range all {
			if strings.EqualFold(i.DPSName, name) {
				return i, nil
			}
		}
		return nil, &workflow.Problem{
			Kind: workflow.Refused, Op: "find DPS instance " + name, Status: 404, Summary: "the account sees none of that name",
			Fix: "dpslab dps list shows those that it sees.",
		}
	}
	return s.pick(ctx, all)
}

// pick asks for one of several instances.
func (s *serviceCall) pick(ctx context.Context, all []*workflow.Instance) (*workflow.Instance, error) {
	switch {
	case len(all) == 0:
		return nil, &workflow.Problem{Kind: workflow.Refused, Op: "find a DPS instance", Status: 404, Summary: "the account sees none"}
	case len(all) == 1:
		return all[0], nil
	case !isTerminal(s.in) || !isTerminal(s.err):
		return nil, usage(fmt.Sprintf("there are %d DPS instances", len(all)), "name one; dpslab dps list shows them")
	}
	for i, one := range all {
		fmt.Fprintf(s.err, "  %d %-24s %s %s\n", i+1, printable(one.DPSName), printable(one.IDScope), printable(one.Location))
	}
	for {
		answer, err := s.prompt(ctx, "DPS instance [1]: ")
		if err != nil {
			return nil, err
		}
		n := 1
		if answer = strings.TrimSpace(answer); answer != "" {
			if n, err = strconv.Atoi(answer); err != nil || n < 1 || n > len(all) {
				fmt.Fprintf(s.err, "a number from 1 to %d\n", len(all))
				continue
			}
		}
		return all[n-1], nil
	}
}

// printTarget prints an instance as the [target] section of a profile.
func (s *serviceCall) printTarget(i *workflow.Instance) error {
	f := s.flags
	var lines [][2]string
	if s.inLab() {
		fmt.Fprintf(s.out, "[target]\nkind = %q\n", profiles.TargetLab)
		if !s.quiet {
			fmt.Fprintln(s.err, "the lab fills in the rest itself")
		}
		return nil
	}
	credential := f.credential
	if credential == "" {
		credential = profiles.CredentialEntra
	}
	lines = [][2]string{
		{"kind", profiles.TargetAzure},
		{"id_scope", i.IDScope},
		{"device_endpoint", i.DeviceHost},
		{"service_endpoint", i.ServiceHost},
		{"credential", credential},
		{"subscription_id", i.SubscriptionID},
		{"resource_group", i.ResourceGroup},
		{"dps_name", i.DPSName},
		{"ca_file", f.caFile},
	}
	fmt.Fprintln(s.out, "[target]")
	for _, l := range lines {
		if l[1] != "" {
			fmt.Fprintf(s.out, "%s = %s\n", l[0], printable(profiles.Quote(l[1])))
		}
	}
	return nil
}
