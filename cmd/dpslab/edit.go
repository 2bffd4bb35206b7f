package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

// editFlags are those of `dpslab edit`.
type editFlags struct {
	set    []string
	file   string
	dryRun bool
	asJSON bool
}

func (a *app) editCommand() *cobra.Command {
	var f editFlags
	c := &cobra.Command{
		Use: "edit NAME", Short: "Change a device's profile, in your editor or by flags", Args: oneName,
		Long: `Change a device's profile. Without flags it opens in $VISUAL or $EDITOR; what is
wrong with it is told with line and column before anything is written, and
comments stay as they are. --file FILE takes the new text from a file, --file -
from the standard input. --set KEY=VALUE changes one value and may be repeated;
it writes the file anew, without its comments, and keeps the old one beside it.

Nothing is sent, and no rights are needed. Run the steps again to bring the
change to the services: they show the difference before they write it.`,
		Example: `  dpslab edit press-3
  dpslab edit press-3 --set telemetry.count=20 --set telemetry.interval=200ms
  dpslab edit press-3 --file - < press-3.toml`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.tellProblem(a.edit(c.Context(), args[0], f), f.asJSON)
		},
	}
	c.Flags().StringArrayVar(&f.set, "set", nil, "KEY=VALUE, the key as in the profile: telemetry.count=20")
	c.Flags().StringVar(&f.file, "file", "", "take the new text from this file; - is the standard input")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print the profile as it would be, and write nothing")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print what was done as one JSON object")
	c.MarkFlagsMutuallyExclusive("set", "file")
	c.ValidArgsFunction = completeName
	return c
}

// edited is what `dpslab edit --json` prints.
type edited struct {
	Profile string `json:"profile"` // path
	Changed bool   `json:"changed"`
	Backup  string `json:"backup,omitempty"`
	Text    string `json:"text,omitempty"` // of a dry run
}

func (a *app) edit(ctx context.Context, name string, f editFlags) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	s := workflow.NewSession(workflow.Config{Store: store, Getenv: a.getenv, ReadOnly: a.readOnly})
	defer s.Close()
	before, err := s.ProfileText(name)
	if err != nil {
		return err
	}
	told := edited{Profile: store.Paths.Profile(name)}
	if len(f.set) > 0 {
		return a.editValues(s, name, f, told)
	}
	after, err := a.newText(ctx, s, name, before, f.file)
	if err != nil {
		return err
	}
	if f.dryRun {
		told.Text = after
		if err := s.CheckText(name, after); err != nil {
			return err
		}
		return a.tellEdited(told, f)
	}
	if told.Changed = after != before; told.Changed {
		if err := s.RewriteText(name, before, after); err != nil {
			return err
		}
	}
	return a.tellEdited(told, f)
}

// editValues changes single values, as the wizard would.
func (a *app) editValues(s *workflow.Session, name string, f editFlags, told edited) error {
	w, err := s.Edit(name)
	if err != nil {
		return err
	}
	before := w.TOML()
	for _, pair := range f.set {
		var known bool
		if w, known = setValue(w, pair); !known {
			return usage(fmt.Sprintf("--set %q changes nothing that there is", pair), "KEY=VALUE, such as telemetry.count=20; dpslab new --help lists the keys; dpslab edit "+name+" changes anything else")
		}
	}
	wrong := w.Errors()
	if len(wrong) == 0 {
		wrong = workflow.CheckProfile(w.Profile()) // also what no question asks for
	}
	if len(wrong) > 0 {
		return usage(wrong[0].Key+": "+wrong[0].Error(), "dpslab new --help lists the values that there are")
	}
	if f.dryRun {
		told.Text = w.TOML()
		return a.tellEdited(told, f)
	}
	if told.Changed = w.TOML() != before; told.Changed {
		if told.Backup, err = s.Replace(name, w.Profile()); err != nil {
			return err
		}
	}
	return a.tellEdited(told, f)
}

// setValue sets what KEY=VALUE says; false when there is no such key. A CA file
// is found from any folder later, so its path is made absolute.
func setValue(w workflow.Wizard, pair string) (workflow.Wizard, bool) {
	key, value, found := strings.Cut(pair, "=")
	if !found || key == "name" {
		return w, false
	}
	if _, asked := workflow.FieldByKey(key); asked {
		return w.Set(key, value), true
	}
	if key == "target.ca_file" && value != "" {
		if path, err := filepath.Abs(value); err == nil {
			value = path
		}
	}
	return w.SetUnasked(key, value)
}

func (a *app) tellEdited(told edited, f editFlags) error {
	switch {
	case f.asJSON:
		return a.printJSON(told)
	case f.dryRun:
		_, err := a.out.WriteString(printable(told.Text))
		return err
	case !told.Changed:
		if !a.quiet {
			fmt.Fprintln(a.err, "nothing was changed")
		}
		return nil
	}
	fmt.Fprintln(a.out, told.Profile)
	if told.Backup != "" && !a.quiet {
		fmt.Fprintln(a.err, "the old one is kept as "+told.Backup)
	}
	return nil
}

// maxProfile bounds the text of a profile, in bytes.
const maxProfile = 1 << 20

// newText is the changed text: from a file, or from the person's editor.
func (a *app) newText(ctx context.Context, s *workflow.Session, name, before, file string) (string, error) {
	if file == "" {
		return a.inEditor(ctx, s, name, before)
	}
	in := io.Reader(a.in)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", &workflow.Problem{Kind: workflow.LocalFile, Op: "read the new profile", Summary: err.Error()}
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxProfile+1))
	if err == nil && len(text) > maxProfile {
		err = errors.New("it is longer than 1 MiB")
	}
	if err != nil {
		return "", &workflow.Problem{Kind: workflow.LocalFile, Op: "read the new profile", Summary: err.Error()}
	}
	return string(text), nil
}

// inEditor lets a person edit until the text is good or is given up. A text that
// is not good stays where it is, and is named.
func (a *app) inEditor(ctx context.Context, s *workflow.Session, name, before string) (string, error) {
	if a.readOnly {
		return "", &workflow.Problem{Kind: workflow.Usage, Op: "edit " + name, Summary: "--read-only writes nothing", Fix: "leave it out, or look with dpslab show " + name}
	}
	dir, err := os.MkdirTemp("", "dpslab-edit-")
	if err != nil {
		return "", &workflow.Problem{Kind: workflow.LocalFile, Op: "make a file to edit", Summary: err.Error()}
	}
	path := filepath.Join(dir, name+".toml")
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		return "", &workflow.Problem{Kind: workflow.LocalFile, Op: "make a file to edit", Summary: err.Error()}
	}
	for {
		if err := a.runEditor(ctx, path); err != nil {
			_ = os.RemoveAll(dir) // nothing was edited
			return "", err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return "", &workflow.Problem{Kind: workflow.LocalFile, Op: "read what was edited", Summary: err.Error()}
		}
		wrong := s.CheckText(name, string(text))
		if wrong == nil || string(text) == before {
			_ = os.RemoveAll(dir)
			return string(text), nil
		}
		again, err := a.editAgain(ctx, wrong)
		if err != nil || !again {
			fmt.Fprintln(a.err, "the text stays in "+path)
			return "", errors.Join(err, wrong)
		}
	}
}

// editAgain tells what is wrong and asks whether to go on.
func (a *app) editAgain(ctx context.Context, wrong error) (bool, error) {
	var p *workflow.Problem
	if !isTerminal(a.in) || !isTerminal(a.err) || !errors.As(wrong, &p) {
		return false, nil
	}
	printProblem(a.err, p)
	answer, err := a.prompt(ctx, "Edit it again? [Y/n] ")
	answer = strings.ToLower(strings.TrimSpace(answer))
	return err == nil && answer != "n" && answer != "no", err
}

// runEditor runs $VISUAL or $EDITOR, which may be a command with flags.
func (a *app) runEditor(ctx context.Context, path string) error {
	editor := a.getenv("VISUAL")
	if editor == "" {
		editor = a.getenv("EDITOR")
	}
	if editor == "" {
		if !isTerminal(a.in) {
			return usage("there is no editor and no terminal", "set EDITOR, or use --file or --set")
		}
		editor = "vi"
	}
	c := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "editor", path)
	c.Stdin, c.Stdout, c.Stderr = a.in, a.err, a.err // the result is not the editor's
	if isTerminal(a.out.File) {
		c.Stdout = a.out.File
	}
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &workflow.Problem{Kind: workflow.LocalFile, Op: "run " + editor, Summary: err.Error(), Fix: "set VISUAL or EDITOR to an editor that is there; nothing was changed"}
	}
	return nil
}
