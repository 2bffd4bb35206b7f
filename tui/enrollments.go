package tui

import (
	"context"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/profiles"
	"dpslab/tui/screen"
	"dpslab/workflow"
)

// heldPage is how many enrollments are asked for at once.
const heldPage = 100

// side is the service side of a target, from when the screen of enrollments is
// opened to when it is left.
type side struct {
	id      int // answers for another one are dropped
	screen  *screen.Enrollments
	device  string            // whose target it is; empty: the lab
	service *workflow.Service // nil: not prepared yet
	status  *workflow.Status  // its exchanges
	facts   sideFacts
	bases   map[string]*workflow.Enrollment // what is edited, as it was read; by file

	ctx    context.Context // ends with the screen
	cancel context.CancelFunc
}

// sideFacts is what a target says of itself.
type sideFacts struct {
	target, host string
	lab          bool
	apim         workflow.APIM // whose certificates are shown
}

// messages of the screen of enrollments.
type (
	sideMsg struct {
		id      int
		service *workflow.Service
		facts   sideFacts
		err     error
	}
	pageMsg struct {
		id        int
		page      screen.HeldPage
		rows      []screen.Held
		next      string
		err       error
		elsewhere workflow.Manual
		at        time.Time
	}
	// heldMsg is what became of one thing that was read or written.
	heldMsg struct {
		id    int
		list  workflow.Listing
		name  string
		held  screen.Held
		gone  bool
		wrote bool // a write is over
		added bool // the row is new
		// replace is the upload once more, over another one that is there.
		replace *upload
		said    string // what to tell; empty: nothing
		what    string // what was tried, for the title of an error
		err     error
	}
)

// showEnrollments opens what a device's target holds.
func (a *app) showEnrollments(device string) tea.Cmd {
	a.sides++
	s := &side{
		id: a.sides, device: device, screen: screen.NewEnrollments(a.th, device),
		status: workflow.NewStatus(device), bases: map[string]*workflow.Enrollment{},
	}
	if a.readOnly {
		s.screen.Locked = readOnly
	}
	if a.home.EnrolledBy(device) == "group" {
		s.screen.ShowGroups()
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	a.side = s
	a.push(s.screen)
	return a.prepareTarget()
}

// prepareTarget reaches the target: it may open the lab, or sign in.
func (a *app) prepareTarget() tea.Cmd {
	id, ctx, ref := a.side.id, a.side.ctx, workflow.TargetLab()
	if a.side.device != "" {
		ref = workflow.TargetOfProfile(a.side.device)
	}
	return a.do(func() tea.Msg {
		v, err := a.session.Service(ctx, ref, workflow.ServiceOptions{})
		if err != nil {
			return sideMsg{id: id, err: err}
		}
		return sideMsg{id: id, service: v, facts: sideFacts{v.Target(), v.Host(), v.InLab(), v.APIM()}}
	})
}

// prepared takes in the target. One whose screen was left meanwhile is closed.
func (a *app) prepared(m sideMsg) {
	if a.side == nil || a.side.id != m.id {
		if m.service != nil {
			m.service.Close()
		}
		return
	}
	s := a.side
	if m.err != nil {
		s.screen.Ready("", "", "", m.err)
		return
	}
	s.service, s.facts = m.service, m.facts
	s.screen.Ready(s.facts.target, s.facts.host, s.facts.apim.Service, nil)
}

// close ends what the side waits for.
func (s *side) close() {
	s.cancel()
	if s.service != nil {
		s.service.Close()
	}
}

// sideEvents takes in what the calls of the screen of enrollments say, and says
// whether the event was one of theirs.
func (a *app) sideEvents(e workflow.Event) bool {
	s := a.side
	if s == nil || e.Run != "" || e.Device != s.device || e.Kind == workflow.LabOpened {
		return false
	}
	s.status.Apply(e)
	switch {
	case e.Kind == workflow.HandNeeded, e.Kind == workflow.Noted && s.screen.Waits():
		s.screen.SetNotice(e.Text)
	case e.Kind == workflow.RetryScheduled && e.Poll != nil && e.Problem != nil:
		s.screen.SetNotice(e.Problem.Summary + "; trying again in " + e.Poll.Due.Sub(e.Poll.Since).Round(time.Second).String())
	}
	return true
}

// readHeld reads the pages that the screen wants.
func (a *app) readHeld() tea.Cmd {
	if a.side == nil || a.side.service == nil {
		return nil
	}
	var cmds []tea.Cmd
	for _, p := range a.side.screen.Wanted() {
		id, ctx, v, apim := a.side.id, a.side.ctx, a.side.service, a.side.facts.apim
		cmds = append(cmds, a.do(func() tea.Msg {
			m := pageMsg{id: id, page: p}
			m.rows, m.next, m.err = readPage(ctx, v, apim, p)
			if m.err != nil && v.Missing(p.List >= workflow.ListCAs) != "" {
				m.elsewhere = v.Elsewhere(p.List, p.Group)
			}
			m.at = time.Now()
			return m
		}))
	}
	return tea.Batch(cmds...)
}

// readPage reads one page of a list.
func readPage(ctx context.Context, v *workflow.Service, apim workflow.APIM, p screen.HeldPage) (rows []screen.Held, next string, err error) {
	query := workflow.EnrollmentQuery{Group: p.List == workflow.ListGroups, PageSize: heldPage, Continuation: p.After}
	switch p.List {
	case workflow.ListIndividual, workflow.ListGroups:
		page, err := v.Enrollments(ctx, query)
		for i := range page.Items {
			rows = append(rows, screen.Held{Enrollment: &page.Items[i]})
		}
		return rows, page.Continuation, err
	case workflow.ListRegistrations:
		page, err := v.Registrations(ctx, p.Group, query)
		for i := range page.Items {
			rows = append(rows, screen.Held{Registration: &page.Items[i]})
		}
		return rows, page.Continuation, err
	case workflow.ListCAs:
		all, err := v.SigningCertificates(ctx)
		slices.SortFunc(all, func(a, b workflow.SigningCertificate) int { return profiles.CompareNames(a.Name, b.Name) })
		for i := range all {
			rows = append(rows, screen.Held{CA: &all[i]})
		}
		return rows, "", err
	}
	all, err := v.APIMCertificates(ctx, apim, workflow.APIMQuery{})
	slices.SortFunc(all, func(a, b *workflow.APIMCertificate) int { return profiles.CompareNames(a.ID, b.ID) })
	for _, c := range all {
		rows = append(rows, screen.Held{APIM: c})
	}
	return rows, "", err
}

func (a *app) gotPage(m pageMsg) {
	a.clock(m.at)
	if a.side != nil && a.side.id == m.id {
		a.side.screen.SetPage(m.page, m.rows, m.next, m.err, m.elsewhere)
	}
}

// readOne reads one thing again: a list may be old, and shows no etag of what
// API Management holds.
func (a *app) readOne(list workflow.Listing, name string) tea.Cmd {
	apim := a.side.facts.apim
	return a.call(heldMsg{list: list, name: name, what: "Reading " + name + " failed"}, func(ctx context.Context, v *workflow.Service, m *heldMsg) (err error) {
		m.held, err = readHeld(ctx, v, apim, list, name)
		return err
	})
}

func readHeld(ctx context.Context, v *workflow.Service, apim workflow.APIM, list workflow.Listing, name string) (h screen.Held, err error) {
	switch list {
	case workflow.ListIndividual, workflow.ListGroups:
		h.Enrollment, err = v.Enrollment(ctx, list == workflow.ListGroups, name)
	case workflow.ListRegistrations:
		h.Registration, err = v.Registration(ctx, name)
	case workflow.ListCAs:
		h.CA, err = v.SigningCertificate(ctx, name)
	default:
		h.APIM, err = v.APIMCertificate(ctx, apim, name)
	}
	return h, err
}

// call makes a call about one thing beside the event loop.
func (a *app) call(m heldMsg, f func(ctx context.Context, v *workflow.Service, m *heldMsg) error) tea.Cmd {
	s := a.side
	m.id = s.id
	ctx, v := s.ctx, s.service
	return a.do(func() tea.Msg {
		m.err = f(ctx, v, &m)
		return m
	})
}

// gotHeld shows what became of a call about one thing.
func (a *app) gotHeld(m heldMsg) tea.Cmd {
	if a.side == nil || a.side.id != m.id {
		return nil
	}
	if m.wrote {
		a.side.screen.SetWorking("")
	}
	if m.err != nil && m.added { // what came after the upload failed
		a.side.screen.Expect(m.list, m.name)
	}
	if m.err != nil {
		return a.refuse(m)
	}
	a.side.screen.SetHeld(m.list, m.name, m.held, m.gone)
	if m.added {
		a.side.screen.Expect(m.list, m.name)
	}
	if m.said == "" {
		return nil
	}
	return a.say(m.said)
}
