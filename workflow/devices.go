package workflow

import (
	"errors"
	"os"

	"dpslab/profiles"
)

// Device is one line of the home screen. It is read from the profile and the
// state file alone: no certificate is opened for it.
type Device struct {
	Name        string
	Profile     *profiles.Profile // nil when Err is set
	State       *profiles.State   // never nil
	Err         error             // the profile cannot be used; says file, line, fix
	ProfilePath string
}

// Names lists the profiles, sorted. It only reads a directory.
// Its error is a *Problem.
func (s *Session) Names() ([]string, error) {
	names, err := s.config.Store.Names()
	if err != nil {
		return nil, localProblem("list the profiles", err)
	}
	return names, nil
}

// MarkNames marks what [Session.Names] reads, and costs a look at a folder. A mark
// taken before the reading that differs from one taken later means that somebody
// may have added, removed or replaced profiles since.
func (s *Session) MarkNames() profiles.Mark { return s.config.Store.MarkNames() }

// MarkDevice marks what [Session.Device] reads, and costs a look at two files.
func (s *Session) MarkDevice(name string) profiles.Mark { return s.config.Store.Mark(name) }

// Authorities lists the CAs of this machine that devices share, sorted, for
// [Wizard.Authorities]. It only reads a directory.
func (s *Session) Authorities() ([]string, error) { return s.config.Store.Authorities() }

// Device reads one profile and its state.
func (s *Session) Device(name string) Device {
	d := Device{Name: name, ProfilePath: s.config.Store.Paths.Profile(name)}
	d.Profile, d.Err = s.load(name)
	state, err := s.config.Store.LoadState(name)
	if err != nil {
		state = &profiles.State{}
		if d.Err == nil {
			d.Err = localProblem("read the state of "+name, err)
		}
	}
	d.State = state
	return d
}

// InLab reports whether the device's services are the lab's; a profile that
// cannot be used counts as Azure's, which asks more.
func (d Device) InLab() bool { return d.Profile != nil && d.Profile.Target.Kind == profiles.TargetLab }

// Unusable names the file that keeps the device from being used, "profile" or
// "state"; empty: it can be.
func (d Device) Unusable() string {
	switch {
	case d.Err == nil:
		return ""
	case d.Profile != nil:
		return "state"
	}
	return "profile"
}

// load reads a profile, checks every value and fills in the defaults.
func (s *Session) load(name string) (*profiles.Profile, error) {
	doc, err := s.config.Store.Load(name)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, noProfile("open "+name, name)
		}
		return nil, profileProblem(name, err)
	}
	if wrong := checkDocument(doc); len(wrong) > 0 {
		return nil, profileProblem(name, doc.Errorf(wrong[0].Key, "", "%v", wrong[0].Err))
	}
	return withDefaults(doc.Profile), nil
}

// profileProblem says where in the file what is wrong, and the fix.
func profileProblem(name string, err error) *Problem {
	p := localProblem("profile "+name, err)
	if _, inFile := errors.AsType[*profiles.Error](err); inFile {
		p.Kind = Usage
	}
	return p
}

func noProfile(op, name string) *Problem {
	return &Problem{Kind: Usage, Op: op, Summary: "there is no profile of that name", Fix: "dpslab list shows the names; dpslab new " + name + " makes one"}
}

// withDefaults fills in what the file leaves out.
func withDefaults(p *profiles.Profile) *profiles.Profile {
	q := ProfileOf(AnswersOf(p))
	keepUnasked(q, p)
	q.Identity.PassphraseCommand = p.Identity.PassphraseCommand
	return q
}

// Save writes a new profile. What is wrong with it, or that the name is taken,
// is a *Problem.
func (s *Session) Save(name string, p *profiles.Profile) error {
	if err := s.mayWrite("save profile " + name); err != nil {
		return err
	}
	op := "save profile " + name
	if err := profiles.CheckName(name); err != nil {
		return &Problem{Kind: Usage, Op: op, Summary: err.Error()}
	}
	if wrong := CheckProfile(p); len(wrong) > 0 {
		return &Problem{Kind: Usage, Op: op, Summary: wrong[0].Error()}
	}
	err := s.config.Store.Save(name, p)
	switch {
	case errors.Is(err, profiles.ErrExists):
		return &Problem{Kind: Usage, Op: op, Summary: "there is a profile of that name already", Fix: "Choose another name, or remove that one first: dpslab remove " + name}
	case err != nil:
		return localProblem(op, err)
	}
	return nil
}

// Remove deletes a profile with its state and device files, and says which. CAs
// that other devices may share stay.
func (s *Session) Remove(name string) ([]string, error) {
	if err := s.mayWrite("remove " + name); err != nil {
		return nil, err
	}
	removed, err := s.config.Store.Remove(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, noProfile("remove "+name, name)
	case err != nil:
		p := problemOf("remove "+name, err)
		p.Kind = LocalFile
		return removed, p
	}
	return removed, nil
}
