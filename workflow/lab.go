package workflow

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"dpslab/workflow/dps"
)

// Lab is a running lab as the engine sees it: a target like any other. The
// engine does not import the emulator; the command line fills this in.
type Lab struct {
	LabFacts
	Roots *x509.CertPool

	DPSName, SubscriptionID, ResourceGroup  string
	DeviceHost, ServiceHost, ManagementHost string
	HubHosts                                []string
	ServiceConnectionString                 dps.Secret            // empty: no rights but a device's
	HubConnectionStrings                    map[string]dps.Secret // by host name
	APIMName                                string
	ManagementToken                         dps.Secret

	// Dial connects to the lab; nil: TCP to Address. Tests use it.
	Dial func(ctx context.Context) (net.Conn, error)
	// Inbox reads what a hub received from a device after a sequence number.
	Inbox func(ctx context.Context, hub, deviceID string, after uint64) ([]Received, error)
	// Send puts a message into the queue of a device; nil: it cannot.
	Send func(ctx context.Context, hub, deviceID string, m ToDevice) error
	// Contents reads what the lab holds; nil: it does not tell.
	Contents func(ctx context.Context) (LabContents, error)
	// Faults lists the scenarios that the lab can play, and SetFault switches one;
	// nil: it plays none.
	Faults   func(ctx context.Context) ([]LabFault, error)
	SetFault func(ctx context.Context, name string, on bool) error
	// PlayFault switches a scenario on with its parameters; nil: it takes none.
	PlayFault func(ctx context.Context, f LabFault) error
	// Check reports whether a joined lab still answers; nil for an own one.
	Check func(ctx context.Context) error
	// Close ends a lab that this process started, and leaves a joined one alone.
	Close func() error
}

// OpenLab starts or joins the lab, once. When the process whose lab was joined
// has gone, it is opened anew: on the same store everything is still there.
func (s *Session) OpenLab(ctx context.Context) (*Lab, error) {
	s.labOnce.Lock()
	defer s.labOnce.Unlock()
	if s.lab.answers(ctx) {
		return s.lab, nil
	}
	lab := s.labAhead
	if s.labAhead = nil; lab == nil {
		if s.config.OpenLab == nil {
			return nil, errors.New("there is no lab in this session")
		}
		var err error
		if lab, err = s.config.OpenLab(ctx); err != nil {
			return nil, fmt.Errorf("open the lab: %w", err)
		}
	}
	if s.lab != nil && s.lab != lab && s.lab.Close != nil {
		_ = s.lab.Close() // a joined one that has gone: what is left of it is here
	}
	s.lab = lab
	facts := lab.LabFacts
	s.sink(Event{At: time.Now(), Kind: LabOpened, Lab: &facts})
	return lab, nil
}

// OpenLabAhead begins to open the lab for the OpenLab that will follow, which
// waits for it and tells of it. So a lab comes up, or is found, while files are
// written. What goes wrong is left for OpenLab to find.
func (s *Session) OpenLabAhead() { s.openLabAhead(s.ctx, func(*Lab) {}) }

// openLabAhead is OpenLabAhead, and calls then with the lab before anybody else
// has it. A lab that was joined and has gone is none: what is opened to it would
// fail for nothing.
func (s *Session) openLabAhead(ctx context.Context, then func(*Lab)) {
	if s.config.OpenLab == nil {
		return
	}
	mine := s.labOnce.TryLock() // before Close can
	go func() {
		if !mine { // somebody is at it: wait for theirs
			s.labOnce.Lock()
		}
		defer s.labOnce.Unlock()
		lab := cmp.Or(s.labAhead, s.lab)
		if !lab.answers(ctx) {
			if !mine {
				return
			}
			var err error
			if lab, err = s.config.OpenLab(ctx); err != nil {
				return
			}
			s.labAhead = lab
		}
		then(lab)
	}()
}

// answers reports whether a lab is open; one that was joined is asked.
func (l *Lab) answers(ctx context.Context) bool {
	return l != nil && (l.Check == nil || l.Check(ctx) == nil)
}

// openedLab is the lab that is open, without asking whether it still answers.
func (s *Session) openedLab(ctx context.Context) (*Lab, error) {
	s.labOnce.Lock()
	lab := s.lab
	s.labOnce.Unlock()
	if lab != nil {
		return lab, nil
	}
	return s.OpenLab(ctx)
}
