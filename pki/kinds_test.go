package pki

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeShowsTheTable keeps the README's copy of the table equal to the one
// that issues.
func TestReadmeShowsTheTable(t *testing.T) {
	t.Parallel()
	readme := string(must[[]byte](t)(os.ReadFile("../README.md")))
	var want strings.Builder
	want.WriteString("| kind | basicConstraints | keyUsage | extendedKeyUsage | key identifiers | common name |\n|---|---|---|---|---|---|\n")
	for _, k := range Kinds() {
		want.WriteString("| " + strings.Join([]string{k.Name, k.BasicConstraints, k.KeyUsage, k.ExtKeyUsage, k.KeyIdentifiers, k.CommonName}, " | ") + " |\n")
	}
	if !strings.Contains(readme, want.String()) {
		t.Errorf("the README lacks the table:\n%s", want.String())
	}
}
