package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"dpslab/profiles"
	"dpslab/workflow"
)

// version is set by the linker.
var version = "dev"

// environment is what the program touches of the process it runs in.
type environment struct {
	in     *os.File
	out    *output
	err    *os.File
	getenv func(string) string
}

// output is standard output with a memory: a result that could not be written,
// to a full disk or a closed pipe, is no result.
type output struct {
	*os.File
	failed error
}

// WriteString is Write, so that nothing goes past it.
func (o *output) WriteString(s string) (int, error) { return o.Write([]byte(s)) }

func (o *output) Write(p []byte) (int, error) {
	n, err := o.File.Write(p)
	if err != nil && o.failed == nil {
		o.failed = err
	}
	return n, err
}

// app is one invocation of the program: its environment and global flags.
//
// What goes where: results to standard output, progress and diagnostics to
// standard error, so that a pipe carries results alone. With --json every line
// of standard output is one JSON object.
type app struct {
	environment
	reader     *bufio.Reader // of in, made at the first question
	home       string
	quiet      bool
	verbose    bool
	noColor    bool
	ascii      bool
	readOnly   bool
	theme      string
	accessible bool
	tree       tree
}

// Exit codes, besides those of [workflow.ProblemKind.ExitCode].
const (
	exitUsage     = 2
	exitCancelled = 130
)

// run is main without the process: it returns the exit code.
func run(args []string, e environment) int {
	ctx, stop := interruptible()
	defer stop()
	a := &app{environment: e}
	root := a.commandFor(args)
	strictHelp(root)
	root.SetArgs(args)
	root.SetIn(e.in)
	root.SetOut(e.out)
	root.SetErr(e.err)
	called, err := root.ExecuteContextC(ctx)
	if e.out.failed != nil {
		err = &workflow.Problem{Kind: workflow.LocalFile, Op: "write the result", Summary: e.out.failed.Error()}
	}
	if err == nil {
		return 0
	}
	return a.fail(err, called)
}

// interruptible is cancelled by the first signal; the second ends the process
// at once, as if nobody listened.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		if _, ok := <-signals; ok {
			signal.Stop(signals)
			cancel(workflow.ErrByUser)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// root is the command without a name, with the branches that are needed.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "dpslab",
		Short: "A terminal workbench for Azure IoT Hub Device Provisioning Service",
		Long: `dpslab walks a device through its whole life with Azure IoT Hub Device
Provisioning Service (DPS) over plain HTTPS: certificates, enrollment, proof of
possession, registration, telemetry. Without a command it opens the workbench;
the lab inside it needs no Azure subscription and no network.`,
		Example: `  dpslab                              open the workbench
  dpslab demo                         the whole flow in the lab, without a screen
  dpslab new press-3 --enrollment group --yes && dpslab run press-3`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(c *cobra.Command, _ []string) error { return a.workbench(c.Context(), "") },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.home, "home", "", "keep everything under this folder (also DPSLAB_HOME)")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "results and errors only")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "show headers and bodies of every exchange")
	flags.BoolVar(&a.noColor, "no-color", false, "no colour (also NO_COLOR)")
	flags.BoolVar(&a.ascii, "ascii", false, "draw with ASCII characters only")
	flags.BoolVar(&a.readOnly, "read-only", false, "look only: refuse every command, and every action of the workbench, that writes")
	root.PersistentPreRunE = a.mayRun
	root.Flags().BoolVar(&a.accessible, "accessible", false, "the workbench asks line by line, for screen readers (also ACCESSIBLE=1)")
	flags.StringVar(&a.theme, "theme", "", "colours: dark (default), light, high-contrast, none")
	root.SetFlagErrorFunc(flagError)
	a.tree.add(
		root,
		branch{"new", a.newCommand}, branch{"run", a.runCommand}, branch{"demo", a.demoCommand}, branch{"list", a.listCommand},
		branch{"show", a.showCommand}, branch{"remove", a.removeCommand}, branch{"register", a.registerCommand},
		branch{"status", a.statusCommand}, branch{"send", a.sendCommand}, branch{"cert", a.certCommand}, branch{"lab", a.labCommand},
		branch{"paths", a.pathsCommand}, branch{"version", a.versionCommand}, branch{"enrollment", a.enrollmentCommand},
		branch{"registration", a.registrationCommand}, branch{"ca", a.caCommand}, branch{"dps", a.dpsCommand},
		branch{"apim", a.apimCommand}, branch{"rights", rightsTopic}, branch{"receive", a.receiveCommand}, branch{"key", a.keyCommand},
		branch{"retire", a.retireCommand}, branch{"edit", a.editCommand}, branch{"explain", a.explainCommand}, branch{"export", a.exportCommand},
	)
	return root
}

// fail prints the error of a command once and gives its exit code.
func (a *app) fail(err error, called *cobra.Command) int {
	var told *reported
	if errors.As(err, &told) {
		return told.code
	}
	if errors.Is(err, workflow.ErrByUser) {
		fmt.Fprintln(a.err, "dpslab: cancelled")
		return exitCancelled
	}
	var problem *workflow.Problem
	if errors.As(err, &problem) {
		printProblem(a.err, problem)
		return problem.Kind.ExitCode()
	}
	printProblem(a.err, misused(called, err))
	return exitUsage
}

// reported is an error that was told already; only its exit code is left.
type reported struct{ code int }

func (r *reported) Error() string { return fmt.Sprintf("exit code %d", r.code) }

func usage(summary, fix string) error {
	return &workflow.Problem{Kind: workflow.Usage, Summary: summary, Fix: fix}
}

// printProblem writes what went wrong and what to do, a line each.
func printProblem(w io.Writer, p *workflow.Problem) {
	fmt.Fprintln(w, "dpslab: "+printable(p.Error()))
	for _, line := range []struct{ label, text string }{
		{"why", p.Why}, {"fix", p.Fix}, {"rule", p.Rule},
	} {
		if line.text != "" {
			fmt.Fprintf(w, "  %-5s %s\n", line.label, printable(line.text))
		}
	}
	if p.Detail != "" && (p.Kind == workflow.Usage || p.Kind == workflow.Internal) {
		fmt.Fprintln(w, printable(p.Detail))
	}
}

func (a *app) paths() (profiles.Paths, error) {
	p, err := profiles.DefaultPaths(a.home, a.getenv)
	if err != nil {
		return p, usage(err.Error(), "use --home DIR")
	}
	return p, nil
}

func (a *app) store() (*profiles.Store, error) {
	p, err := a.paths()
	if err != nil {
		return nil, err
	}
	return profiles.NewStore(p), nil
}
