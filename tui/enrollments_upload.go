package tui

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/ui"
	"dpslab/workflow"
)

// uploadMsg is what on this machine can be uploaded to a list.
type uploadMsg struct {
	id   int
	list workflow.Listing
	here []workflow.Local
	err  error
}

// upload is one that a person asked for.
type upload struct {
	list  workflow.Listing
	name  string
	files workflow.CAFiles
	prove bool // of a CA: possession of its key is proved at once
}

// uploadWords name what goes to a list, and where it goes.
func uploadWords(list workflow.Listing) (what, where string) {
	if list == workflow.ListCAs {
		return "CA", "DPS"
	}
	return "certificate with its key", "API Management"
}

// chooseUpload looks for what can be uploaded.
func (a *app) chooseUpload(list workflow.Listing) tea.Cmd {
	id, v := a.side.id, a.side.service
	return a.do(func() tea.Msg {
		m := uploadMsg{id: id, list: list}
		m.here, m.err = localOf(v, list)
		return m
	})
}

// localOf is what this machine has for a list.
func localOf(v *workflow.Service, list workflow.Listing) ([]workflow.Local, error) {
	if list == workflow.ListCAs {
		return v.LocalCAs()
	}
	return v.LocalCertificates()
}

// offerUpload asks which of them, or which file.
func (a *app) offerUpload(m uploadMsg) tea.Cmd {
	if a.side == nil || a.side.id != m.id {
		return nil
	}
	what, where := uploadWords(m.list)
	if m.err != nil {
		return a.refused("No "+what+" is uploaded", m.err)
	}
	var items []menuItem
	for _, l := range m.here {
		items = append(items, menuItem{name: a.th.Clean(l.Name), about: a.th.Clean(l.About), do: func() tea.Cmd {
			a.overlay = a.newUploadForm(upload{list: m.list, name: l.Name, files: l.Files}, l.About)
			return nil
		}})
	}
	items = append(items, menuItem{name: "a file", about: "whose path you type: PEM, DER or PFX", do: func() tea.Cmd {
		a.overlay = a.newUploadForm(upload{list: m.list}, "")
		return nil
	}})
	a.overlay = newMenu(a.th, "Upload a "+what+" to "+where, nil, items)
	return a.grace.begin()
}

// newUploadForm asks under which name, and where needed for the files. What was
// chosen already is told, not asked.
func (a *app) newUploadForm(u upload, about string) *form {
	what, where := uploadWords(u.list)
	ca, typed := u.list == workflow.ListCAs, u.files == (workflow.CAFiles{})
	text := "DPS holds a CA to admit devices by it: its certificate alone, never its key. Possession of the key is proved with it, here."
	if !ca {
		text = "API Management gets the certificate and its private key, as a PFX made in memory. That is another resource than a CA of DPS."
	}
	if about != "" {
		text = "This is the " + about + ". " + text
	}
	o := &form{th: a.th, title: "Upload a " + what + " to " + where, lines: ui.Wrap(a.th.Clean(text), 68)}
	o.fields = []formField{newFormField("name", u.name, "none yet", "what it is called there")}
	if typed {
		o.fields = append(o.fields,
			newFormField("certificate", "", "PEM, DER or PFX", "a file with the certificate, and its chain"),
			newFormField("key", "", "the same file", "a file with its private key; a pass phrase is asked for"))
	}
	if ca {
		o.fields = append(o.fields, newFormField("prove", "yes", "yes", "yes proves possession of its key at once; no uploads it alone, and p proves it later"))
	}
	o.submit = func(values []string) (tea.Cmd, string) {
		done, wrong := u.answered(values, typed)
		if wrong != "" {
			return nil, wrong
		}
		return a.upload(done), ""
	}
	return o
}

// answered takes in what was typed, or says what is wrong with it.
func (u upload) answered(values []string, typed bool) (done upload, wrong string) {
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	u.name = values[0]
	switch {
	case u.name == "":
		return u, "name: one is needed"
	case typed && values[1] == "":
		return u, "certificate: a file is needed"
	case typed:
		u.files.Certificate, u.files.Key = values[1], values[2]
	}
	if u.list != workflow.ListCAs {
		return u, ""
	}
	switch prove := strings.ToLower(values[len(values)-1]); prove {
	case "", "y", "yes":
		u.prove = true
	case "n", "no":
	default:
		return u, "prove: yes or no"
	}
	return u, ""
}

// upload writes it, and tells what became of it.
func (a *app) upload(u upload) tea.Cmd {
	apim := a.side.facts.apim
	m := heldMsg{list: u.list, name: u.name, what: "Not uploaded: " + u.name}
	return a.write("uploading "+u.name, m, func(ctx context.Context, v *workflow.Service, m *heldMsg) error {
		*m = uploaded(ctx, v, apim, u, *m)
		return m.err
	})
}

// uploaded uploads it. When another one of that name is there, the answer says
// how it would be replaced.
func uploaded(ctx context.Context, v *workflow.Service, apim workflow.APIM, u upload, m heldMsg) heldMsg {
	var done, other bool
	switch u.list {
	case workflow.ListCAs:
		m.held.CA, done, m.err = v.UploadCA(ctx, u.name, u.files)
		other = m.err != nil && m.held.CA != nil
	default:
		m.held.APIM, done, m.err = v.UploadAPIM(ctx, apim, u.name, u.files)
		other = m.err != nil && m.held.APIM != nil
	}
	m.said = u.name + " is uploaded."
	if !done {
		m.said = u.name + " is there already, the same."
	}
	m.added = m.err == nil
	switch {
	case other:
		u.files.ReplaceExisting = true
		m.replace = &u
	case m.err == nil && u.prove && !m.held.CA.Verified:
		m = proven(ctx, v, m, u.name, u.files)
	case m.err == nil && u.list == workflow.ListCAs && !m.held.CA.Verified:
		m.said += " p proves possession of its key; until then no group is admitted by it."
	}
	return m
}
