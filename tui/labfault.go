package tui

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/screen"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// labIntent does what the lab screen proposed beyond switching; ok is false for
// an intent of another screen.
func (a *app) labIntent(i screen.Intent) (cmd tea.Cmd, ok bool) {
	p, ok := i.(screen.SetFaultParameters)
	if ok {
		a.overlay = a.newFaultForm(p.Fault)
	}
	return nil, ok
}

// newFaultForm asks where, how often and with what figure a scenario strikes.
// What the lab refused last time is in it again.
func (a *app) newFaultForm(f workflow.LabFault) *form {
	if tried, ok := a.triedFaults[f.Name]; ok {
		f.Operation, f.Device, f.Rate, f.Count, f.Value = tried.Operation, tried.Device, tried.Rate, tried.Count, tried.Value
	}
	var lines []string
	for _, r := range ui.Wrap(a.th.Clean(f.Title), 70) {
		lines = append(lines, a.th.Dim.Text(r))
	}
	o := &form{
		th: a.th, title: "Scenario " + a.th.Clean(f.Name), lines: lines,
		fields: faultFields(f),
	}
	o.submit = func(values []string) (tea.Cmd, string) {
		wanted, at, wrong := faultOf(f, values)
		if wrong != "" {
			o.at = at // there it can be put right
			return nil, wrong
		}
		return a.play(wanted), ""
	}
	return o
}

// faultFields are the texts that narrow a scenario; faultOf reads them.
func faultFields(f workflow.LabFault) []formField {
	number := func(zero bool, text string) string {
		if zero {
			return ""
		}
		return text
	}
	share := "all requests"
	if f.UsualRate > 0 {
		share = fmt.Sprintf("%g of the requests", f.UsualRate)
	}
	fields := []formField{
		newFormField("device", f.Device, "every device", "a registration ID or device ID, to spare all others"),
		newFormField("operation", f.Operation, "all it can strike", "one of "+strings.Join(f.Operations, ", ")),
		newFormField("share", number(f.Rate == 0, strconv.FormatFloat(f.Rate, 'g', -1, 64)), share, "the share of the requests it strikes, above 0 to 1: 0.3 is about every third"),
		newFormField("count", number(f.Count == 0, strconv.Itoa(f.Count)), "until switched off", "after how many strikes it ends"),
	}
	if f.Value != "" {
		fields = append(fields, newFormField("value", f.Value, "its default", "the scenario's own figure: a duration, seconds or a status, as the default shows"))
	}
	return fields
}

// faultOf reads the form's texts, or says which of them is wrong and why.
func faultOf(f workflow.LabFault, values []string) (_ workflow.LabFault, at int, wrong string) {
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	f.Device, f.Operation, f.Rate, f.Count = values[0], strings.ToLower(values[1]), 0, 0
	if f.Operation != "" && !slices.Contains(f.Operations, f.Operation) {
		return f, 1, "operation: " + f.Operation + " is none that it can strike; it is one of " + strings.Join(f.Operations, ", ")
	}
	var err error
	if v := values[2]; v != "" {
		if f.Rate, err = strconv.ParseFloat(v, 64); err != nil || !(f.Rate > 0 && f.Rate <= 1) {
			return f, 2, "share: " + v + " is no number above 0 to 1, such as 0.3"
		}
	}
	if v := values[3]; v != "" {
		if f.Count, err = strconv.Atoi(v); err != nil || f.Count < 1 {
			return f, 3, "count: " + v + " is no whole number from 1"
		}
	}
	if len(values) > 4 {
		f.Value = values[4]
	}
	return f, 0, ""
}

// play switches a scenario on with its parameters.
func (a *app) play(f workflow.LabFault) tea.Cmd {
	if a.triedFaults == nil {
		a.triedFaults = map[string]workflow.LabFault{}
	}
	a.triedFaults[f.Name] = f
	return a.do(func() tea.Msg {
		return faultsMsg{[]string{f.Name + strikes(f)}, true, a.session.PlayFault(context.Background(), f)}
	})
}

// strikes says how a scenario is narrowed.
func strikes(f workflow.LabFault) string {
	var parts []string
	if f.Device != "" {
		parts = append(parts, "for "+f.Device)
	}
	if f.Operation != "" {
		parts = append(parts, "at "+f.Operation)
	}
	if f.Rate != 0 {
		parts = append(parts, fmt.Sprintf("%g of the requests", f.Rate))
	}
	if f.Count != 0 {
		parts = append(parts, fmt.Sprintf("%d times", f.Count))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
