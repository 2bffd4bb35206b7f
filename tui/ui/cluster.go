package ui

import "github.com/charmbracelet/x/ansi"

// firstCluster splits plain text after its first grapheme cluster.
func firstCluster(s string) (first, rest string) {
	if s == "" {
		return "", ""
	}
	_, _, n, _ := ansi.DecodeSequence(s, ansi.NormalState, nil)
	return s[:n], s[n:]
}
