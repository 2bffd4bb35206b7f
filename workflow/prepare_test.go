package workflow

import (
	"testing"

	"dpslab/profiles"
)

func TestPrepareCountsKeys(t *testing.T) {
	t.Parallel()
	paths, err := profiles.DefaultPaths(t.TempDir(), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	s := NewSession(Config{Store: profiles.NewStore(paths), Getenv: func(string) string { return "secret" }})
	defer s.Close()
	rsa := func(more Answers) Answers {
		a := Answers{keyRegistrationID: "d", keyAlgorithm: "rsa-2048"}
		for k, v := range more {
			a[k] = v
		}
		return a
	}
	for _, tt := range []struct {
		name    string
		answers Answers
		want    int
		secret  string
	}{
		{"self-signed", rsa(nil), 1, ""},
		{"chain", rsa(Answers{keySource: profiles.SourceChain}), 3, ""},
		{"pass phrase", rsa(Answers{keyPassphraseEnv: "P"}), 1, "secret"},
		{"curve with a pass phrase", Answers{keyRegistrationID: "d", keyPassphraseEnv: "P"}, 1, "secret"},
		{"everything of a chain", rsa(Answers{
			keySource: profiles.SourceChain, keyMoreCertificates: yes, keyIntermediates: "2", keySecondaryAuthority: "other",
		}), 7, ""},
		{"rolling", rsa(Answers{keyMoreCertificates: yes, keySecondary: yes}), 2, ""},
		{"symmetric key", rsa(Answers{keyAttestation: profiles.AttestationSymmetricKey}), 0, ""},
		{"curve", Answers{keyRegistrationID: "d"}, 0, ""},
		{"nothing", nil, 0, ""},
	} {
		s.Prepare(tt.answers)
		if s.prepared.count != tt.want || s.prepared.secret != tt.secret || s.prepared.stock.Len() != tt.want {
			t.Errorf("%s: %d keys, %d in stock, want %d", tt.name, s.prepared.count, s.prepared.stock.Len(), tt.want)
		}
	}
	s.Prepare(rsa(nil))
	first := s.prepared.stock
	s.Prepare(rsa(Answers{keyValidDays: "7"}))
	if s.prepared.stock != first {
		t.Error("an answer that asks for no other keys began the search anew")
	}
	if s.takeStock() != first || s.takeStock() != nil {
		t.Error("the stock was not handed over once")
	}
	first.Stop()
}
