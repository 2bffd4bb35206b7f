package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

// labTuning are the flags that decide how hard a lab makes it for its clients.
func labTuning(c *cobra.Command, o *emulator.Options) {
	flags := c.Flags()
	flags.Float64Var(&o.Chaos, "chaos", 0, "share of the requests, up to 1, that something goes wrong with that trying again gets over")
	flags.Uint64Var(&o.ChaosSeed, "chaos-seed", 0, "makes --chaos repeatable")
	flags.IntVar(&o.RegistrationsPerMinute, "registrations-per-minute", 0, "quota of the instance (default 1000, negative: none)")
	flags.IntVar(&o.PollsPer10s, "polls-per-10s", 0, "quota of each device (default 5, negative: none)")
}

// joinedLab does something with the lab that is running.
func (a *app) joinedLab(ctx context.Context, state string, do func(emulator.Ready, *emulator.Operator) error) error {
	dir, err := a.labDir(state)
	if err != nil {
		return err
	}
	ready, operator, err := emulator.Join(ctx, dir)
	if err != nil {
		return noLab(err, state)
	}
	defer operator.Close()
	return do(ready, operator)
}

// noLab says that no lab serves a folder, and what would start one that does.
func noLab(err error, state string) error {
	start := "dpslab lab"
	if state != "" {
		start += " --state " + workflow.ShellWord(state)
	}
	return &workflow.Problem{Kind: workflow.Unreachable, Op: "find the lab", Summary: err.Error(), Fix: "start it: " + start}
}

func (a *app) labFaultCommand(f *labFlags) *cobra.Command {
	c := &cobra.Command{
		Use:   "fault",
		Short: "Make the running lab fail in a chosen way",
		Example: `  dpslab lab fault list
  dpslab lab fault set throttled --operation register --count 3
  dpslab lab fault set server-error --rate 0.2 --seed 7
  dpslab lab fault clear`,
		Args: cobra.NoArgs,
	}
	a.tree.add(c, below("set", a.faultSetCommand, f), below("list", a.faultListCommand, f), below("clear", a.faultClearCommand, f))
	return c
}

func (a *app) faultSetCommand(f *labFlags) *cobra.Command {
	var fault emulator.Fault
	c := &cobra.Command{
		Use:   "set SCENARIO",
		Short: "Switch a scenario on; `dpslab lab fault list` names them",
		Long: `Switch a scenario on, until it is cleared or the lab ends. dpslab lab fault list
names the scenarios, the operations that each can strike and its usual value.

Operations: connect (a new connection); register, poll, lookup (device API);
assign (how a registration ends); enrollments, registrations (service API);
certificates, apim, resources (Resource Manager); send, receive, registry (hub).`,
		Example: `  dpslab lab fault set endless-assigning --device press-3
  dpslab lab fault set delay --value 30s --operation poll
  dpslab lab fault set server-error --value 500 --rate 0.2 --seed 7`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, s := range emulator.Scenarios() {
				names = append(names, s.Name+"\t"+s.Title)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			fault.Scenario = args[0]
			if c.Flags().Changed("rate") && fault.Rate == 0 {
				return usage("--rate 0 would strike nothing", "a share above 0, to 1; without --rate it strikes every request")
			}
			return a.joinedLab(c.Context(), f.state, func(_ emulator.Ready, o *emulator.Operator) error {
				if err := o.SetFault(c.Context(), fault); err != nil {
					return &workflow.Problem{Kind: workflow.Usage, Op: "switch a scenario on", Summary: emulator.Said(err), Fix: "look them up: dpslab lab fault list"}
				}
				return nil
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&fault.Operation, "operation", "", "strike this operation alone (default all those of the scenario)")
	flags.StringVar(&fault.Device, "device", "", "strike this registration ID or device ID alone")
	flags.Float64Var(&fault.Rate, "rate", 0, "share of the requests it strikes (default all, of chaos one in twenty)")
	flags.Uint64Var(&fault.Seed, "seed", 0, "makes the choice of --rate repeatable")
	flags.IntVar(&fault.Count, "count", 0, "strike this often and no more (default until cleared)")
	flags.StringVar(&fault.Value, "value", "", "how long, which status, …, in place of the usual VALUE of dpslab lab fault list")
	return c
}

func (a *app) faultListCommand(f *labFlags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the scenarios, the operations they can strike, and which are on",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			list := func(on []emulator.Fault) error {
				if asJSON {
					return a.printJSON(map[string]any{"faults": on, "scenarios": emulator.Scenarios()})
				}
				return a.printFaults(on)
			}
			return a.eitherLab(c.Context(), f.state,
				func(o *emulator.Operator) error {
					on, err := o.Faults(c.Context())
					if err != nil {
						return err
					}
					return list(on)
				},
				func(string) error {
					fmt.Fprintln(a.err, "no lab is running; a scenario is switched on in one that is: dpslab lab")
					return list([]emulator.Fault{}) // none outlives its lab
				})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

func (a *app) faultClearCommand(f *labFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "clear [SCENARIO]",
		Short: "Switch one scenario off, or all",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			known := func(s emulator.Scenario) bool { return s.Name == args[0] }
			if len(args) > 0 && !slices.ContainsFunc(emulator.Scenarios(), known) {
				return usage(fmt.Sprintf("no scenario is called %q", args[0]), "look them up: dpslab lab fault list")
			}
			return a.joinedLab(c.Context(), f.state, func(_ emulator.Ready, o *emulator.Operator) error {
				n, err := o.ClearFaults(c.Context(), strings.Join(args, ""))
				if err == nil {
					fmt.Fprintf(a.out, "%d switched off\n", n)
				}
				return err
			})
		},
	}
}

// printFaults shows what is on and all that there is.
func (a *app) printFaults(on []emulator.Fault) error {
	if len(on) == 0 {
		fmt.Fprintln(a.out, "no scenario is on")
	}
	for _, f := range on {
		fmt.Fprintf(a.out, "on: %s%s, struck %d times\n", f.Scenario, narrowed(f), f.Hits)
	}
	fmt.Fprintln(a.out)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SCENARIO\tVALUE\tOPERATIONS\tWHAT HAPPENS")
	for _, s := range emulator.Scenarios() {
		operations := strings.Join(s.Operations, " ")
		if s.Everywhere() {
			operations = "all requests"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Name, s.Default, operations, s.Title)
	}
	return w.Flush()
}

// narrowed says what a fault is limited to.
func narrowed(f emulator.Fault) string {
	var parts []string
	for _, p := range [][2]string{{"operation", f.Operation}, {"device", f.Device}, {"value", f.Value}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	if f.Rate > 0 {
		parts = append(parts, fmt.Sprintf("rate %g, seed %d", f.Rate, f.Seed))
	}
	if f.Count > 0 {
		parts = append(parts, fmt.Sprintf("%d times at most", f.Count))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
