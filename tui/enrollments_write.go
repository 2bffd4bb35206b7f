package tui

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/screen"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// sideIntent does what the screen of enrollments proposed; ok is false for an
// intent of another screen.
func (a *app) sideIntent(i screen.Intent) (cmd tea.Cmd, ok bool) {
	if show, is := i.(screen.ShowEnrollments); is {
		return a.showEnrollments(show.Device), true
	}
	if a.side == nil {
		return nil, false
	}
	switch i := i.(type) {
	case screen.PrepareTarget:
		return a.prepareTarget(), true
	case screen.ReadHeld:
		return a.readOne(i.List, i.ID), true
	case screen.EditHeld:
		return a.editHeld(*i.Held.Enrollment), true
	case screen.SwitchHeld:
		return a.askSwitch(i), true
	case screen.DeleteHeld:
		a.overlay = a.newDeletion(i)
	case screen.ProveHeld:
		return a.prove(i.CA), true
	case screen.DeriveKey:
		a.overlay = a.newDerivation(i.Group)
	case screen.RefreshHeld:
		return a.refresh(i.ID), true
	case screen.UploadHeld:
		return a.chooseUpload(i.List), true
	case screen.NameService:
		a.overlay = a.newServiceForm(i.Now)
	default:
		return nil, false
	}
	return nil, true
}

// sideResult takes in what their commands brought back.
func (a *app) sideResult(msg tea.Msg) (cmd tea.Cmd, ok bool) {
	switch msg := msg.(type) {
	case sideMsg:
		a.prepared(msg)
	case pageMsg:
		a.gotPage(msg)
	case heldMsg:
		return a.gotHeld(msg), true
	case uploadMsg:
		return a.offerUpload(msg), true
	case keyFilesMsg:
		return a.askKeyFiles(msg), true
	case derivedMsg:
		return a.derived(msg), true
	case heldDraftMsg:
		return a.openHeldDraft(msg), true
	case heldEditedMsg:
		return a.heldEdited(msg), true
	case heldPutMsg:
		return a.heldPut(msg), true
	default:
		return nil, false
	}
	return nil, true
}

// write tells the screen what is being written and writes it.
func (a *app) write(working string, m heldMsg, f func(ctx context.Context, v *workflow.Service, m *heldMsg) error) tea.Cmd {
	a.side.screen.SetWorking(working)
	m.wrote = true
	return a.call(m, f)
}

// askSwitch asks before a real service refuses devices; the lab is switched at
// once.
func (a *app) askSwitch(i screen.SwitchHeld) tea.Cmd {
	if i.On || a.side.facts.lab {
		return a.switchHeld(i)
	}
	name := i.Held.ID()
	who := "The device cannot register until the enrollment is enabled again."
	if i.List == workflow.ListGroups {
		who = "No device of the group can register until it is enabled again."
	}
	a.overlay = &confirm{
		th: a.th, title: "Disable " + a.th.Clean(name) + "?", verb: "disables it",
		lines: ui.Wrap(who+" Devices that a hub knows already stay connected.", 68),
		yes:   func() tea.Cmd { return a.switchHeld(i) },
	}
	return nil
}

func (a *app) switchHeld(i screen.SwitchHeld) tea.Cmd {
	name, doing, done := i.Held.ID(), "disabling ", " is disabled: its devices are refused. s enables it again."
	if i.On {
		doing, done = "enabling ", " is enabled: its devices may register."
	}
	m := heldMsg{list: i.List, name: name, said: name + done, what: "Not done: " + doing + name}
	return a.write(doing+name, m, func(ctx context.Context, v *workflow.Service, m *heldMsg) error {
		r, err := v.SetEnabled(ctx, i.List == workflow.ListGroups, name, i.On)
		if err == nil {
			m.held.Enrollment = &r.Enrollment
		}
		return err
	})
}

// newDeletion asks for the name of what is to be deleted.
func (a *app) newDeletion(i screen.DeleteHeld) *form {
	name := i.Held.ID()
	lines := ui.Wrap(a.th.Clean(deletionText(i.List, a.side.facts.target)), 68)
	return &form{
		th: a.th, title: "Delete " + a.th.Clean(name) + "?", lines: lines,
		fields: []formField{newFormField("name", "", "type "+name, "type "+name+" to delete it")},
		submit: func(values []string) (tea.Cmd, string) {
			if strings.TrimSpace(values[0]) != name {
				return nil, "that is not " + name + ": nothing was deleted"
			}
			return a.deleteHeld(i), ""
		},
	}
}

// deletionText says what deleting a thing of a list means.
func deletionText(list workflow.Listing, target string) string {
	kind := [workflow.Listings]string{"individual enrollment", "enrollment group", "registration record", "CA", "certificate"}[list]
	effect := [workflow.Listings]string{
		"The device cannot register any more. Its registration record and its identity at IoT Hub stay.",
		"No device of the group can register any more. Their registration records and identities at IoT Hub stay.",
		"DPS forgets where the device was assigned. Its identity at IoT Hub stays; registering makes a new record.",
		"DPS does not hold the CA any more. Groups that refer to it admit nobody.",
		"API Management does not hold the certificate any more. Policies that use it fail.",
	}[list]
	return "This deletes the " + kind + " at " + target + ". " + effect
}

func (a *app) deleteHeld(i screen.DeleteHeld) tea.Cmd {
	name, apim := i.Held.ID(), a.side.facts.apim
	m := heldMsg{list: i.List, name: name, gone: true, what: "Not deleted: " + name}
	return a.write("deleting "+name, m, func(ctx context.Context, v *workflow.Service, m *heldMsg) (err error) {
		existed, err := deleteOf(ctx, v, apim, i.List, i.Held)
		m.said = deletedText(name, existed)
		return err
	})
}

func deletedText(name string, existed bool) string {
	if existed {
		return name + " is deleted."
	}
	return name + " was gone already."
}

// deleteOf deletes one thing, as it was read. existed is false when somebody else
// did so before.
func deleteOf(ctx context.Context, v *workflow.Service, apim workflow.APIM, list workflow.Listing, h screen.Held) (existed bool, err error) {
	existed = true
	switch list {
	case workflow.ListIndividual, workflow.ListGroups:
		err = v.DeleteEnrollment(ctx, list == workflow.ListGroups, h.ID(), h.ETag())
	case workflow.ListRegistrations:
		err = v.DeleteRegistration(ctx, h.ID(), h.ETag())
	case workflow.ListCAs:
		existed, err = v.DeleteSigningCertificate(ctx, h.ID(), h.ETag())
	default:
		existed, err = v.DeleteAPIM(ctx, apim, h.ID(), h.ETag())
	}
	if _, absent := workflow.Absent(err); absent {
		return false, nil
	}
	return existed, err
}

// refresh has API Management read Key Vault.
func (a *app) refresh(name string) tea.Cmd {
	apim := a.side.facts.apim
	m := heldMsg{list: workflow.ListAPIM, name: name, said: name + " was read from Key Vault again.", what: "Not refreshed: " + name}
	return a.write("refreshing "+name, m, func(ctx context.Context, v *workflow.Service, m *heldMsg) (err error) {
		m.held.APIM, err = v.RefreshAPIM(ctx, apim, name)
		return err
	})
}

// newServiceForm asks which API Management service to look at.
func (a *app) newServiceForm(now string) *form {
	return &form{
		th: a.th, title: "API Management service",
		lines: ui.Wrap("A certificate there is another resource than a CA of DPS. The subscription is that of the target.", 68),
		fields: []formField{
			newFormField("service", now, "none", "the name of the service, as in NAME.azure-api.net"),
			newFormField("resource group", a.side.facts.apim.ResourceGroup, "that of the DPS instance", "the resource group of the service"),
		},
		submit: func(values []string) (tea.Cmd, string) {
			service := strings.TrimSpace(values[0])
			if service == "" {
				return nil, "service: a name is needed"
			}
			a.side.facts.apim = workflow.APIM{Service: service, ResourceGroup: strings.TrimSpace(values[1])}
			a.side.screen.SetService(service)
			return nil, ""
		},
	}
}

// keyFilesMsg asks where the key of a CA is that no authority here has.
type keyFilesMsg struct {
	id int
	ca workflow.SigningCertificate
}

// prove finds the CA's key among the authorities of this machine and proves its
// possession; without one it asks for files.
func (a *app) prove(ca workflow.SigningCertificate) tea.Cmd {
	id, v := a.side.id, a.side.service
	a.side.screen.SetWorking("proving " + ca.Name)
	ctx := a.side.ctx
	return a.do(func() tea.Msg {
		files, found := v.AuthorityOf(ca)
		if !found {
			return keyFilesMsg{id, ca}
		}
		return proven(ctx, v, heldMsg{id: id, wrote: true}, ca.Name, files)
	})
}

// proven proves possession of a CA's key.
func proven(ctx context.Context, v *workflow.Service, m heldMsg, name string, files workflow.CAFiles) heldMsg {
	m.list, m.name, m.what = workflow.ListCAs, name, "Possession was not proved: "+name
	m.said = name + " is verified: possession of its key is proved."
	m.held.CA, m.err = v.ProveSigningCertificate(ctx, name, files, nil)
	return m
}

func (a *app) askKeyFiles(m keyFilesMsg) tea.Cmd {
	if a.side == nil || a.side.id != m.id {
		return nil
	}
	a.side.screen.SetWorking("")
	name := m.ca.Name
	a.overlay = &form{
		th: a.th, title: "Prove possession of " + a.th.Clean(name),
		lines: ui.Wrap("No authority on this machine has this CA. Name the files with its certificate and its private key; the key stays here, and signs a certificate with the verification code.", 68),
		fields: []formField{
			newFormField("certificate", "", "PEM, DER or PFX", "a file with the CA certificate"),
			newFormField("key", "", "the same file", "a file with its private key; a pass phrase is asked for"),
		},
		submit: func(values []string) (tea.Cmd, string) {
			files := workflow.CAFiles{Certificate: strings.TrimSpace(values[0]), Key: strings.TrimSpace(values[1])}
			if files.Certificate == "" {
				return nil, "certificate: a file is needed"
			}
			return a.write("proving "+name, heldMsg{}, func(ctx context.Context, v *workflow.Service, h *heldMsg) error {
				*h = proven(ctx, v, *h, name, files)
				return h.err
			}), ""
		},
	}
	return a.grace.begin()
}

// refuse shows why a call was refused; when somebody else was faster, the row is
// read again.
func (a *app) refuse(m heldMsg) tea.Cmd {
	p := problemOf(m.err)
	if p.Kind == workflow.Interrupted {
		return nil
	}
	var again tea.Cmd
	if p.Status == http.StatusPreconditionFailed {
		again = a.readOne(m.list, m.name)
		p = changedMeanwhile(p)
	}
	o := &review{th: a.th, title: m.what, draw: func(w int) []string { return ui.Problem(a.th, p, w) }}
	if m.replace != nil {
		o.fixes, o.fix = "replace it with this one", func() tea.Cmd { return a.upload(*m.replace) }
	}
	a.overlay = o
	return tea.Batch(again, a.grace.begin())
}

// changedMeanwhile says what to do on this screen.
func changedMeanwhile(p *workflow.Problem) *workflow.Problem {
	out := *p
	out.Why = "Somebody changed it after it was read here; its etag is another now. Nothing was overwritten."
	out.Fix = "It is read again: look at what it is now, then press the key once more if you still want to."
	return &out
}

// changeLines list differences, each on rows of w cells.
func (a *app) changeLines(changes []workflow.Change, w int) []string {
	th := a.th
	var rows []string
	add := func(mark, text string) {
		for i, r := range ui.Wrap(th.Clean(text), w-4) {
			if i > 0 {
				mark = " "
			}
			rows = append(rows, "  "+mark+" "+r)
		}
	}
	for _, c := range changes {
		rows = append(rows, th.Strong.Text(ui.Cut(th.Clean(c.Field), w, th.Ellipsis)))
		if c.Old != "" {
			add(th.Bad.Text("-"), c.Old)
		}
		if c.New != "" {
			add(th.OK.Text("+"), c.New)
		}
	}
	return rows
}

// changed is how many members differ, in words.
func changed(n int) string {
	if n == 1 {
		return "1 member differs"
	}
	return fmt.Sprintf("%d members differ", n)
}
