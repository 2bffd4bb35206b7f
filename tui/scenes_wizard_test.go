package tui

import (
	"slices"
	"strings"

	"dpslab/workflow"
)

func wizardScenes() []scene {
	return []scene{
		{"wizard-where", wizard()},
		{"wizard-where-azure", wizard("down", "enter")},
		{"wizard-identity", wizard("enter", "m", "y", "-", "d", "e", "v", ".")},
		{"wizard-certificates", wizard("enter", "t", "8", "enter", "enter", "enter", "right")},
		{"wizard-authority", func(a *app) {
			wizard(slices.Concat([]string{"enter", "t", "8"}, slices.Repeat([]string{"enter"}, 3), []string{"down", "enter", "enter", "enter"})...)(a)
			a.update(authoritiesMsg{[]string{"factory-ca", "line-1", "line-2", "line-3", "line-4", "plant-温度", "test-ca"}})
			press(a, "down", "down")
		}},
		{"wizard-enrollment", wizard(slices.Concat([]string{"enter", "t", "8", "enter", "enter", "enter", "right"}, slices.Repeat([]string{"enter"}, 7))...)},
		{"wizard-telemetry", wizard(slices.Concat([]string{"enter", "t", "8"}, slices.Repeat([]string{"enter"}, 15))...)},
		{"wizard-why", wizard("enter", "?")},
		{"wizard-why-choice", wizard("?")},
		{"wizard-pages", wizard("enter", "t", "8", "enter", "ctrl+g", "down", "down")},
		{"wizard-voids", editor("3", "right", "right")},
		{"wizard-edit", editor("enter")},
		{"wizard-edit-review", editor(slices.Repeat([]string{"enter"}, 24)...)},
		{"wizard-missing", func(a *app) {
			wizard("enter", "t", "8", "enter", "enter", "enter", "down", "down", "enter")(a)
			press(a, slices.Concat(strings.Split("/home/ada/t8.pem", ""), []string{"enter", "enter"}, strings.Split("T8_PASS", ""))...)
			a.wizard.SetMissing(map[workflow.Lookup]bool{{File: "/home/ada/t8.pem"}: true, {Variable: "T8_PASS"}: true})
		}},
		{"wizard-missing-review", func(a *app) {
			sceneNamed("wizard-missing").set(a)
			press(a, slices.Repeat([]string{"enter"}, 12)...)
		}},
		{"wizard-review", wizard(slices.Concat([]string{"enter", "t", "8", "enter", "enter", "enter", "right"}, slices.Repeat([]string{"enter"}, 17))...)},
	}
}

// sceneNamed is a scene that another one goes on from.
func sceneNamed(name string) scene {
	for _, s := range wizardScenes() {
		if s.name == name {
			return s
		}
	}
	panic("no scene " + name)
}
