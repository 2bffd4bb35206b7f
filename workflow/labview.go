package workflow

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// Limits of a [LabView]: it is for eyes, not for export.
const (
	LabListMax  = 500 // enrollments, groups and registrations each
	LabInboxMax = 200 // messages, the newest
	labWatched  = 50  // devices whose inbox is followed, those that registered last
	labGroups   = 50  // groups whose registrations are read
)

// labPatience is how long one look at the lab may take.
const labPatience = 10 * time.Second

// LabView is what the lab holds at a moment. It holds no secret.
type LabView struct {
	Facts                   LabFacts
	DPSName, ResourceGroup  string
	DeviceHost, ServiceHost string
	Hubs                    []string // host names

	Enrollments   []LabEnrollment   // groups first, then by ID
	Registrations []LabRegistration // the newest first
	Inbox         []Received        // of all hubs, the newest first
	Faults        []LabFault        // every scenario that the lab can play
	More          bool              // some list is longer than shown
}

// LabEnrollment is an individual enrollment or an enrollment group.
type LabEnrollment struct {
	ID          string
	Group       bool
	Attestation string // x509, symmetricKey, tpm
	Allocation  string
	Enabled     bool
	Devices     int // registrations by it, as far as they were read
}

// LabRegistration is a registration record.
type LabRegistration struct {
	ID         string
	Enrollment string // the group's ID; empty: an individual enrollment
	Status     string
	Substatus  string
	Hub        string
	DeviceID   string
	ErrorCode  int
	Updated    time.Time // zero when the record does not say
}

// LabFault is a scenario of the lab: something that goes wrong on request.
type LabFault struct {
	Name  string
	Title string // what goes wrong
	Value string // the scenario's figure, when it has one
	On    bool
	Hits  int // requests that met it since it was switched on
}

// labWatch is what a session remembers between two looks at the lab.
type labWatch struct {
	mu     sync.Mutex
	lab    *Lab
	client *wire.Client
	last   map[string]uint64 // hub NUL device ID → newest sequence number seen
	inbox  []Received        // the newest first
}

// LabView opens the lab, or joins the one that runs, and says what it holds.
// Enrollments and registrations are read through the service API that everybody
// uses; what hubs received and the scenarios come from the lab's own endpoints.
// Its errors are *Problem.
func (s *Session) LabView(ctx context.Context) (LabView, error) {
	ctx, cancel := context.WithTimeout(ctx, labPatience)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)() // closing the session ends the look
	v, err := s.labView(ctx)
	if err != nil {
		return LabView{}, problemOf("look at the lab", err)
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
	w.follow(lab)
	v := LabView{
		Facts: lab.LabFacts, DPSName: lab.DPSName, ResourceGroup: lab.ResourceGroup,
		DeviceHost: lab.DeviceHost, ServiceHost: lab.ServiceHost, Hubs: slices.Clone(lab.HubHosts),
	}
	if err := w.records(ctx, &v); err != nil {
		return LabView{}, err
	}
	if err := w.received(ctx, &v); err != nil {
		return LabView{}, err
	}
	if lab.Faults != nil {
		if v.Faults, err = lab.Faults(ctx); err != nil {
			return LabView{}, fmt.Errorf("read the lab's scenarios: %w", err)
		}
	}
	return v, nil
}

// SetFault switches a scenario of the lab on or off; [LabView.Faults] has the
// names. Its errors are *Problem.
func (s *Session) SetFault(ctx context.Context, name string, on bool) error {
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

// follow begins anew when the lab is another one than before.
func (w *labWatch) follow(lab *Lab) {
	if w.lab == lab {
		return
	}
	w.close()
	w.lab, w.last, w.inbox = lab, map[string]uint64{}, nil
	w.client = wire.NewClient(wire.Options{
		Service: serviceEnrollment, Roots: lab.Roots, CAFile: lab.CAFile, Dial: lab.DialContext, ConnectTo: lab.Address,
	})
}

func (w *labWatch) close() {
	if w.client != nil {
		w.client.Close()
		w.client = nil
	}
}

// records reads enrollments, groups and registrations.
func (w *labWatch) records(ctx context.Context, v *LabView) error {
	connection, err := dps.ParseConnectionString(w.lab.ServiceConnectionString.Reveal())
	if err != nil {
		return fmt.Errorf("the lab's service %w", err)
	}
	service := &dps.ServiceClient{Wire: w.client, Host: w.lab.ServiceHost, Authorize: connection.Authorizer()}
	groups, more, err := service.Groups(ctx, LabListMax)
	if err != nil {
		return err
	}
	v.More = more
	for i, g := range groups {
		e := labEnrollment(g.EnrollmentGroupID, g.EnrollmentRecord)
		e.Group = true
		if i < labGroups {
			members, more, err := service.Registrations(ctx, g.EnrollmentGroupID, LabListMax)
			if err != nil {
				return err
			}
			v.More, e.Devices = v.More || more, len(members)
			for _, m := range members {
				v.Registrations = append(v.Registrations, labRegistration(m, g.EnrollmentGroupID))
			}
		}
		v.Enrollments = append(v.Enrollments, e)
	}
	single, more, err := service.Enrollments(ctx, LabListMax)
	if err != nil {
		return err
	}
	v.More = v.More || more
	for _, s := range single {
		e := labEnrollment(s.RegistrationID, s.EnrollmentRecord)
		if s.RegistrationState != nil {
			e.Devices = 1
			v.Registrations = append(v.Registrations, labRegistration(*s.RegistrationState, ""))
		}
		v.Enrollments = append(v.Enrollments, e)
	}
	slices.SortStableFunc(v.Registrations, func(a, b LabRegistration) int {
		return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(a.ID, b.ID))
	})
	return nil
}

func labEnrollment(id string, r dps.EnrollmentRecord) LabEnrollment {
	return LabEnrollment{
		ID: id, Attestation: r.Attestation.Type, Allocation: r.AllocationPolicy,
		Enabled: r.ProvisioningStatus != dps.ProvisioningDisabled,
	}
}

func labRegistration(r dps.DeviceRegistrationState, group string) LabRegistration {
	updated, _ := time.Parse(time.RFC3339, r.LastUpdatedDateTimeUTC) // zero when it is none
	return LabRegistration{
		ID: r.RegistrationID, Enrollment: group, Status: r.Status, Substatus: r.Substatus, Hub: r.AssignedHub,
		DeviceID: r.DeviceID, ErrorCode: r.ErrorCode, Updated: updated.UTC(),
	}
}

// received asks for the messages that came since the last look.
func (w *labWatch) received(ctx context.Context, v *LabView) error {
	if w.lab.Inbox == nil {
		return nil
	}
	var fresh []Received
	watched := 0
	for _, r := range v.Registrations {
		if r.Hub == "" || watched == labWatched {
			continue
		}
		watched++
		key := strings.ToLower(r.Hub) + "\x00" + r.DeviceID
		messages, err := w.lab.Inbox(ctx, r.Hub, r.DeviceID, w.last[key])
		if err != nil {
			return fmt.Errorf("read the inbox of %s: %w", r.Hub, err)
		}
		for _, m := range messages {
			w.last[key] = max(w.last[key], m.Sequence)
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
