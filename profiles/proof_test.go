package profiles

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestProof(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	at := Proof{Host: "management.azure.com", SubscriptionID: "11111111-2222-3333-4444-555555555555", ResourceGroup: "rg", DPSName: "contoso", Name: "line-3"}
	if found, err := s.LoadProof(at); err != nil || found != (Proof{}) {
		t.Fatalf("none: %+v, %v", found, err)
	}
	kept := at
	kept.Code, kept.ETag, kept.SHA1, kept.At = "C0DE", `"AAAAAAAAAAE="`, "AB", time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if err := s.KeepProof(kept); err != nil {
		t.Fatal(err)
	}
	kept.Version = StateVersion
	asked := at
	asked.ResourceGroup, asked.DPSName = "RG", "Contoso" // Azure tells no case apart
	if found, err := s.LoadProof(asked); err != nil || found != kept {
		t.Errorf("%+v, %v", found, err)
	}
	other := at
	other.Name = "line-4"
	if found, err := s.LoadProof(other); err != nil || found != (Proof{}) {
		t.Errorf("another's: %+v, %v", found, err)
	}
	path := s.Paths.proofPath(at)
	if err := os.WriteFile(path, []byte("version = ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.LoadProof(at); err == nil || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("broken: %v", err)
	}
	for range 2 {
		if err := s.DropProof(at); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}

// FuzzProof reads any text as a proof under way.
func FuzzProof(f *testing.F) {
	f.Add("version = 1\nhost = \"h\"\nname = \"n\"\ncode = \"C\"\nat = 2026-03-01T12:00:00Z\n")
	f.Add("version = 2\n")
	f.Add("code = [")
	s := tempStore(f)
	f.Fuzz(func(t *testing.T, text string) {
		at := Proof{Host: "h", Name: "n"}
		if err := replaceFile(s.Paths.proofPath(at), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if found, err := s.LoadProof(at); err == nil && found.Code != "" && (!strings.EqualFold(found.Host, "h") || !strings.EqualFold(found.Name, "n")) {
			t.Errorf("another's: %+v", found)
		}
	})
}
