package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

// labHub is the hub that a command is about: the one that was named, or the
// lab's only one.
func labHub(r emulator.Ready, named string) (string, error) {
	for _, host := range r.HubHosts {
		if name, _, _ := strings.Cut(host, "."); strings.EqualFold(named, host) || strings.EqualFold(named, name) {
			return host, nil
		}
	}
	if named == "" && len(r.HubHosts) == 1 {
		return r.HubHosts[0], nil
	}
	return "", usage("which of the lab's IoT hubs?", "--hub takes one of "+strings.Join(r.HubHosts, ", "))
}

// awakeLab does something with the lab that is running, or else with one that is
// started for it alone, as a run does: what it holds outlives both. A lab that
// never ran holds nothing, and is not begun for this.
func (a *app) awakeLab(ctx context.Context, state string, do func(emulator.Ready, *emulator.Operator) error) error {
	dir, err := a.labDir(state)
	if err != nil {
		return err
	}
	if !emulator.Ran(dir) {
		return a.joinedLab(ctx, state, do)
	}
	lab, ready, operator, err := emulator.OpenOrJoin(ctx, emulator.Options{Dir: dir, Listen: "127.0.0.1:0", Version: version})
	if err != nil {
		return labProblem(err)
	}
	defer operator.Close()
	if lab == nil {
		return do(ready, operator)
	}
	err = do(ready, operator)
	if closeErr := lab.Close(); err == nil && closeErr != nil {
		return labProblem(closeErr)
	}
	return err
}

func (a *app) labMessageCommand(f *labFlags) *cobra.Command {
	var m emulator.Command
	var hub string
	c := &cobra.Command{
		Use:   "message DEVICE TEXT",
		Short: "Put a cloud-to-device message into a device's queue",
		Long: `Put a cloud-to-device message into a device's queue, where the device gets it
with dpslab receive or GET /devices/DEVICE/messages/deviceBound. IoT Hub itself
takes such messages over AMQP alone; in Azure, az iot device c2d-message send.`,
		Example: `  dpslab lab message press-3 'set the pressure to 4' --property unit=bar`,
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			m.Body = args[1]
			return a.awakeLab(c.Context(), f.state, func(r emulator.Ready, o *emulator.Operator) error {
				host, err := labHub(r, hub)
				if err != nil {
					return err
				}
				if err := o.Send(c.Context(), host, args[0], m); err != nil {
					return &workflow.Problem{
						Kind: workflow.Refused, Op: "send a message to " + args[0], Summary: emulator.Said(err),
						Fix: "a device is known to a hub once it is registered, by its device ID and with regard to case",
					}
				}
				return nil
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&hub, "hub", "", "the IoT hub, where the lab has several")
	flags.StringToStringVar(&m.Properties, "property", nil, "an application property, NAME=VALUE")
	flags.StringVar(&m.ContentType, "content-type", "", "of the text, as application/json")
	flags.StringVar(&m.Ack, "ack", "", "feedback that is wanted: positive, negative or full")
	flags.DurationVar(&m.TimeToLive, "time-to-live", 0, "how long it waits for the device, at most 48h (default 1h)")
	return c
}

func (a *app) labInboxCommand(f *labFlags) *cobra.Command {
	var hub string
	var after uint64
	var asJSON bool
	c := &cobra.Command{
		Use:     "inbox DEVICE",
		Short:   "Show what a hub received from a device, oldest first",
		Example: `  dpslab lab inbox press-3`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.awakeLab(c.Context(), f.state, func(r emulator.Ready, o *emulator.Operator) error {
				host, err := labHub(r, hub)
				if err != nil {
					return err
				}
				events, err := o.Inbox(c.Context(), host, args[0], after)
				if err != nil {
					return err
				}
				for i := range events {
					if !asJSON {
						fmt.Fprintln(a.out, printable(inboxLine(&events[i])))
					} else if err := a.printJSON(&events[i]); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&hub, "hub", "", "the IoT hub, where the lab has several")
	flags.Uint64Var(&after, "after", 0, "only messages with a greater number")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object a line, with the system properties")
	return c
}

// inboxLine is one message as a line: its number, when it came, its body and its
// application properties.
func inboxLine(e *emulator.Event) string {
	line := fmt.Sprintf("%4d  %s  %s", e.Sequence, e.EnqueuedAt.Local().Format(time.TimeOnly), strings.ReplaceAll(e.Body, "\n", " "))
	for _, name := range slices.Sorted(maps.Keys(e.Properties)) {
		line += "  " + name + "=" + e.Properties[name]
	}
	return line
}
