package tui

import (
	"fmt"
	"testing"

	"dpslab/tui/theme"
)

// BenchmarkView is the cost of one frame, which is drawn for every message.
func BenchmarkView(b *testing.B) {
	for _, name := range []string{"home", "wizard-certificates", "bench-waiting", "bench-telemetry", "transcript"} {
		for _, size := range [][2]int{{80, 24}, {200, 50}} {
			b.Run(fmt.Sprintf("%s-%dx%d", name, size[0], size[1]), func(b *testing.B) {
				a := show(b, sceneOf(b, name), theme.Options{}, size[0], size[1])
				b.ReportAllocs()
				for b.Loop() {
					a.View()
				}
			})
		}
	}
}

// BenchmarkCursorMove is a key and its frame in a long list.
func BenchmarkCursorMove(b *testing.B) {
	names := make([]string, 10_000)
	for i := range names {
		names[i] = fmt.Sprintf("device-%05d", i)
	}
	s := scene{"many", func(a *app) { a.home.SetNames(names, nil) }}
	a := show(b, s, theme.Options{}, 80, 24)
	for b.Loop() {
		a.update(namedKeys["down"])
		a.View()
	}
}

// BenchmarkTranscriptMove is a key and its frame among 100,000 exchanges.
func BenchmarkTranscriptMove(b *testing.B) {
	s := sceneOf(b, "transcript")
	a := show(b, s, theme.Options{}, 80, 24)
	x := a.status.Exchanges.Newest()
	for range 100_000 - a.status.Exchanges.Len() {
		a.status.Exchanges.Add(x, "")
	}
	a.follow()
	for b.Loop() {
		a.update(namedKeys["up"])
		a.View()
	}
}
