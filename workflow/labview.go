package workflow

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"dpslab/profiles"
)

// LabInboxMax is how many messages a [LabView] has at most, the newest: it is
// for eyes, not for export.
const LabInboxMax = 200

// labPatience is how long one look at the lab may take.
const labPatience = 10 * time.Second

// LabView is what the lab holds at a moment. It holds no secret.
type LabView struct {
	Facts                   LabFacts
	DPSName, ResourceGroup  string
	SubscriptionID          string
	DeviceHost, ServiceHost string
	ManagementHost          string
	Hubs                    []string // host names

	Enrollments   []LabEnrollment   // groups first, then by ID
	Registrations []LabRegistration // the newest first
	Inbox         []Received        // of all hubs, the newest first
	Faults        []LabFault        // every scenario that the lab can play
	More          bool              // some list is longer than shown
}

// labProblem says what helps where the lab itself does not answer.
func labProblem(op string, err error) *Problem {
	p := problemOf(op, err)
	if p.Fix != "" || p.Kind == Interrupted {
		return p
	}
	out := *p
	out.Fix = "It is asked again by itself, and a lab whose process has ended is opened anew. If it stays like this, end that process and open the lab again."
	return &out
}

// LabEnrollment is an individual enrollment or an enrollment group.
type LabEnrollment struct {
	ID          string
	Group       bool
	Attestation string // x509, symmetricKey, tpm
	Allocation  string
	Enabled     bool
	Devices     int // registrations by it, as far as they are listed
}

// LabRegistration is a registration record.
type LabRegistration struct {
	ID         string
	Enrollment string // the ID of the enrollment or group that admitted it
	Group      bool   // Enrollment is a group
	Status     string
	Substatus  string
	Hub        string
	DeviceID   string
	ErrorCode  int
	Updated    time.Time // zero when the record does not say
}

// LabFault is a scenario of the lab: something that goes wrong on request, and
// where and how often it does while it is on.
type LabFault struct {
	Name       string
	Title      string   // what goes wrong
	Operations []string // where it can strike
	Value      string   // the scenario's figure, when it has one
	UsualRate  float64  // share of the requests where none is asked for; 0: all
	On         bool
	Hits       int // requests that met it since it was switched on

	Operation string  // one of Operations; empty: all
	Device    string  // registration ID or device ID; empty: every device
	Rate      float64 // share of the requests, above 0 to 1; 0: the usual one
	Count     int     // how often it strikes before it ends; 0: until it is switched off
}

// LabSender is a device whose messages lie in a hub's inbox.
type LabSender struct {
	Hub, DeviceID string
	Last          uint64 // sequence number of the newest message
}

// LabContents is what a lab's private endpoint tells.
type LabContents struct {
	Enrollments   []LabEnrollment
	Registrations []LabRegistration
	Senders       []LabSender
	More          bool
}

// labWatch is what a session remembers between two looks at the lab.
type labWatch struct {
	mu    sync.Mutex
	lab   *Lab
	last  map[string]uint64 // hub NUL device ID → newest sequence number seen
	inbox []Received        // the newest first
}

// LabView opens the lab, or joins the one that runs, and says what it holds.
// All of it is read beside the services, so that looking meets no scenario. Its
// errors are *Problem.
func (s *Session) LabView(ctx context.Context) (LabView, error) {
	ctx, cancel := context.WithTimeout(ctx, labPatience)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)() // closing the session ends the look
	v, err := s.labView(ctx)
	if err != nil {
		return LabView{}, labProblem("look at the lab", err)
	}
	return v, nil
}

func (s *Session) labView(ctx context.Context) (LabView, error) {
	lab, err := s.OpenLab(ctx)
	if err != nil {
		return LabView{}, err
	}
	w := &s.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lab != lab {
		w.lab, w.last, w.inbox = lab, map[string]uint64{}, nil
	}
	v := LabView{
		Facts: lab.LabFacts, DPSName: lab.DPSName, ResourceGroup: lab.ResourceGroup, SubscriptionID: lab.SubscriptionID,
		DeviceHost: lab.DeviceHost, ServiceHost: lab.ServiceHost, ManagementHost: lab.ManagementHost, Hubs: slices.Clone(lab.HubHosts),
	}
	senders, err := w.records(ctx, &v)
	if err != nil {
		return LabView{}, err
	}
	if err := w.received(ctx, &v, senders); err != nil {
		return LabView{}, err
	}
	if lab.Faults != nil {
		if v.Faults, err = lab.Faults(ctx); err != nil {
			return LabView{}, fmt.Errorf("read the lab's scenarios: %w", err)
		}
	}
	return v, nil
}

// OpenLabFaults are the scenarios of the lab that is open, and which are on; none
// where no lab was opened yet, which this does not do. Its errors are *Problem.
func (s *Session) OpenLabFaults(ctx context.Context) ([]LabFault, error) {
	s.labOnce.Lock()
	lab := s.lab
	s.labOnce.Unlock()
	if lab == nil || lab.Faults == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, labPatience)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)() // closing the session ends the look
	faults, err := lab.Faults(ctx)
	if err != nil {
		return nil, labProblem("read the lab's scenarios", err)
	}
	return faults, nil
}

// SetFault switches a scenario of the lab on or off; [LabView.Faults] has the
// names. Its errors are *Problem.
func (s *Session) SetFault(ctx context.Context, name string, on bool) error {
	if err := s.mayWrite("switch scenario " + name); err != nil {
		return err
	}
	op := "switch scenario " + name
	lab, err := s.OpenLab(ctx)
	if err != nil {
		return problemOf(op, err)
	}
	if lab.SetFault == nil {
		return &Problem{Kind: Usage, Op: op, Summary: "this lab plays no scenarios"}
	}
	if err := lab.SetFault(ctx, name, on); err != nil {
		return problemOf(op, err)
	}
	return nil
}

// PlayFault switches a scenario on as f says: where, how often, with what
// figure. What was on of it before is replaced. Its errors are *Problem.
func (s *Session) PlayFault(ctx context.Context, f LabFault) error {
	if err := s.mayWrite("switch scenario " + f.Name); err != nil {
		return err
	}
	op := "switch scenario " + f.Name
	lab, err := s.OpenLab(ctx)
	if err != nil {
		return problemOf(op, err)
	}
	if lab.PlayFault == nil {
		return &Problem{Kind: Usage, Op: op, Summary: "this lab takes no parameters"}
	}
	if err := lab.PlayFault(ctx, f); err != nil {
		return problemOf(op, err)
	}
	return nil
}

// records reads enrollments, groups and registrations, and says which devices
// sent something.
func (w *labWatch) records(ctx context.Context, v *LabView) ([]LabSender, error) {
	if w.lab.Contents == nil {
		return nil, nil
	}
	c, err := w.lab.Contents(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what the lab holds: %w", err)
	}
	v.Enrollments, v.Registrations, v.More = c.Enrollments, c.Registrations, c.More
	rank := map[bool]int{true: 0, false: 1} // groups first
	slices.SortStableFunc(v.Enrollments, func(a, b LabEnrollment) int {
		return cmp.Or(cmp.Compare(rank[a.Group], rank[b.Group]), profiles.CompareNames(a.ID, b.ID))
	})
	slices.SortStableFunc(v.Registrations, func(a, b LabRegistration) int {
		return cmp.Or(b.Updated.Compare(a.Updated), profiles.CompareNames(a.ID, b.ID))
	})
	by := map[string]int{}
	for _, r := range v.Registrations {
		by[enrollmentKey(r.Enrollment, r.Group)]++
	}
	for i, e := range v.Enrollments {
		v.Enrollments[i].Devices = by[enrollmentKey(e.ID, e.Group)]
	}
	return c.Senders, nil
}

// enrollmentKey names an enrollment as DPS compares names, without regard to
// case.
func enrollmentKey(id string, group bool) string {
	return fmt.Sprintf("%t %s", group, strings.ToLower(id))
}

// received asks for the messages that came since the last look.
func (w *labWatch) received(ctx context.Context, v *LabView, senders []LabSender) error {
	var fresh []Received
	for _, s := range senders {
		key := s.Hub + "\x00" + s.DeviceID
		if w.lab.Inbox == nil || s.Last == w.last[key] {
			continue
		}
		after := w.last[key]
		if s.Last < after || s.Last-after > LabInboxMax {
			after = s.Last - min(s.Last, LabInboxMax) // a lab that was reset, or more than is kept
		}
		messages, err := w.lab.Inbox(ctx, s.Hub, s.DeviceID, after)
		if err != nil {
			return fmt.Errorf("read the inbox of %s: %w", s.Hub, err)
		}
		for _, m := range messages {
			w.last[key] = m.Sequence
		}
		fresh = append(fresh, messages...)
	}
	if len(fresh) > 0 {
		w.inbox = append(fresh, w.inbox...)
		slices.SortStableFunc(w.inbox, func(a, b Received) int {
			return cmp.Or(b.EnqueuedAt.Compare(a.EnqueuedAt), cmp.Compare(a.DeviceID, b.DeviceID), cmp.Compare(b.Sequence, a.Sequence))
		})
		w.inbox = w.inbox[:min(len(w.inbox), LabInboxMax)]
	}
	v.Inbox = slices.Clone(w.inbox)
	return nil
}
