package tui

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/ui"
	"dpslab/workflow"
)

// messages of what the cloud sends to a device.
type (
	receivedMsg struct {
		device  string
		message *workflow.CloudMessage // nil: none waits
		err     error
	}
	settledMsg struct {
		device string
		how    workflow.Settlement
		err    error
	}
)

// receive asks the device's hub for a message.
func (a *app) receive() tea.Cmd {
	name := a.bench.Device()
	return tea.Batch(a.say("asking IoT Hub for a message to "+name), a.do(func() tea.Msg {
		m := receivedMsg{device: name}
		m.message, m.err = a.session.Receive(context.Background(), name)
		return m
	}))
}

// gotMessage shows a message and asks what becomes of it.
func (a *app) gotMessage(m receivedMsg) tea.Cmd {
	a.toast = ""
	switch {
	case m.err != nil:
		return a.refused("No message was received", m.err)
	case m.message == nil:
		return a.say("No message waits for " + m.device + " at its hub. " + a.howToSend(m.device))
	}
	settle := func(how workflow.Settlement) func() tea.Cmd {
		return func() tea.Cmd {
			return a.do(func() tea.Msg {
				return settledMsg{m.device, how, a.session.Settle(context.Background(), m.device, m.message.LockToken, how)}
			})
		}
	}
	a.overlay = newMenu(a.th, "Message to "+a.th.Clean(m.device), a.messageLines(m.message), []menuItem{
		{name: "complete", about: "it was dealt with: the hub deletes it", do: settle(workflow.Complete)},
		{name: "give back", about: "abandon: it waits again, and counts as delivered once more", do: settle(workflow.Abandon)},
		{name: "reject", about: "it cannot be dealt with: it goes to the dead letters", do: settle(workflow.Reject)},
		{name: "leave it", about: "it stays locked for a minute and waits again then", do: func() tea.Cmd { return nil }},
	})
	return a.grace.begin()
}

// howToSend says how a message gets to a device: IoT Hub takes one over AMQP
// alone, which this program does not speak.
func (a *app) howToSend(name string) string {
	d := a.session.Device(name)
	id := name
	if d.State != nil && d.State.Registration.DeviceID != "" {
		id = d.State.Registration.DeviceID
	}
	if d.InLab() {
		return "In another terminal, dpslab lab message " + workflow.ShellWord(id) + " TEXT sends one."
	}
	return "az iot device c2d-message send --device-id " + workflow.ShellWord(id) + " sends one."
}

// bodyRows is how much of a message's body is shown; the transcript has all.
const bodyRows = 6

func (a *app) messageLines(m *workflow.CloudMessage) []string {
	th := a.th
	facts := []string{fmt.Sprintf("number %d", m.Sequence), "delivered " + deliveries(m.Deliveries)}
	if !m.Enqueued.IsZero() {
		facts = append(facts, "sent "+m.Enqueued.Local().Format("2 Jan 15:04:05"))
	}
	if m.MessageID != "" {
		facts = append(facts, "ID "+m.MessageID)
	}
	var lines []string
	for _, r := range ui.Wrap(th.Clean(strings.Join(facts, ", ")), 70) {
		lines = append(lines, th.Dim.Text(r))
	}
	rows := ui.Wrap(th.Clean(ui.Head(m.Body, bodyRows*68)), 68)
	if len(rows) > bodyRows {
		rows = append(rows[:bodyRows-1], th.Ellipsis+" the transcript shows all of it")
	}
	for _, r := range rows {
		lines = append(lines, "  "+r) // set off, and not joined to what stands beside it
	}
	for _, name := range slices.Sorted(maps.Keys(m.Properties)) {
		lines = append(lines, "  "+th.Dim.Text(th.Clean(name+": "+m.Properties[name])))
	}
	return lines
}

func deliveries(n int) string {
	switch n {
	case 0:
		return "for the first time"
	case 1:
		return "once before"
	}
	return fmt.Sprintf("%d times before", n)
}

func (a *app) settled(m settledMsg) tea.Cmd {
	if m.err != nil {
		return a.refused("Nothing became of the message", m.err)
	}
	return a.say(settledText[m.how])
}

// settledText says what became of a message.
var settledText = map[workflow.Settlement]string{
	workflow.Complete: "The message is completed: the hub has deleted it.",
	workflow.Abandon:  "The message is given back and waits again.",
	workflow.Reject:   "The message is rejected: it is among the dead letters.",
}
