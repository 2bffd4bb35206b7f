package ui

import (
	"fmt"
	"strings"

	"dpslab/tui/theme"
	"dpslab/workflow"
)

// Problem draws what went wrong and what to do, in rows of at most w cells:
// what came back, why, the fix, and what a support ticket needs.
func Problem(th *theme.Theme, p *workflow.Problem, w int) []string {
	text := p.Summary
	if p.Op != "" {
		text = p.Op + ": " + p.Summary
	}
	var rows []string
	for i, r := range Wrap(th.Clean(text), w-2) {
		lead := "  "
		if i == 0 {
			lead = th.Bad.Text(th.Failed) + " "
		}
		rows = append(rows, lead+th.Bad.Text(r))
	}
	rows = append(rows, Labelled(th, "why", p.Why, w)...)
	rows = append(rows, Labelled(th, "fix", p.Fix, w)...)
	if facts := problemFacts(p); facts != "" {
		for _, r := range Wrap(th.Clean(facts), w-2) {
			rows = append(rows, "  "+th.Dim.Text(r))
		}
	}
	return rows
}

// Labelled draws a wrapped text behind a short label; nothing for an empty one.
func Labelled(th *theme.Theme, label, text string, w int) []string {
	if text == "" {
		return nil
	}
	var rows []string
	for i, r := range Wrap(th.Clean(text), w-6) {
		if i == 0 {
			rows = append(rows, "  "+th.Strong.Text(label)+" "+r)
			continue
		}
		rows = append(rows, "      "+r)
	}
	return rows
}

func problemFacts(p *workflow.Problem) string {
	var facts []string
	if p.Status != 0 {
		facts = append(facts, fmt.Sprintf("HTTP %d", p.Status))
	}
	if p.Code != "" {
		facts = append(facts, "code "+p.Code)
	}
	if p.Rule != "" {
		facts = append(facts, "rule "+p.Rule)
	}
	if p.TrackingID != "" {
		facts = append(facts, "tracking ID "+p.TrackingID)
	}
	return strings.Join(facts, ", ")
}
