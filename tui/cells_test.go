package tui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// Every row is as wide for a terminal that measures by code point as for one
// that measures by grapheme cluster, so that borders stand in both. Names that
// people made of joined emoji cannot promise that; scenes have none but the ones
// that say so.
func TestNoWidthIsAmbiguous(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		if strings.Contains(s.name, "emoji") || strings.Contains(s.name, "wide") {
			continue
		}
		for _, look := range looks {
			for _, size := range sizes {
				for i, row := range strings.Split(show(t, s, look.options, size[0], size[1]).View(), "\n") {
					if byCluster, byRune := ansi.StringWidth(row), ansi.StringWidthWc(row); byCluster != byRune {
						t.Errorf("%s, %s, %dx%d, row %d: %d cells by cluster, %d by code point: %q", s.name, look.name, size[0], size[1], i, byCluster, byRune, ansi.Strip(row))
					}
				}
			}
		}
	}
}
