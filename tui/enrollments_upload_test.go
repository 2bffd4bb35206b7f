package tui

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"dpslab/workflow"
)

// A CA and a certificate of this machine are uploaded from the lists, by choosing
// them or by a path; what is there already is left, another one only gives way
// when a person says so.
func TestUploadFromTheLists(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.runNewChain("device-01")
		r.press(esc, "e")
		r.pass(time.Second)
		r.press("u")
		r.pass(time.Second)
		r.see("only CAs and API Management certificates are uploaded")

		r.press("4")
		r.pass(time.Second)
		r.press("u")
		r.pass(2 * time.Second)
		r.see("root CA of the authority dpslab-ca")
		r.see("a file")
		r.press("j", enter)
		r.see("intermediate CA of the authority")
		r.press(enter)
		r.pass(2 * time.Second)
		r.see("> dpslab-ca-intermedi…")
		r.see("✓ verified")
		r.see("possession of its key is proved")
		r.pass(6 * time.Second)

		// The same file under the same name changes nothing; under the name of
		// another it is refused, and replaces it on a key.
		authority := filepath.Join(r.dir, "authorities", "dpslab-ca")
		roots, err := filepath.Glob(filepath.Join(authority, "certs", "*root*.pem"))
		if err != nil || len(roots) != 1 {
			t.Fatal(roots, err)
		}
		if _, err := r.a.side.service.DeleteSigningCertificate(context.Background(), "dpslab-ca", ""); err != nil {
			t.Fatal(err) // DPS takes no CA under two names
		}
		r.press("u")
		r.pass(2 * time.Second)
		r.until("j", "> a file")
		r.press(enter, "dpslab-ca-intermediate", "\t", roots[0], "\t", "\t", "\x7f\x7f\x7fno", enter)
		r.pass(2 * time.Second)
		r.see("Not uploaded: dpslab-ca-intermediate")
		r.see("DPS holds another")
		r.see("key f to replace it with this one")
		r.press("f")
		r.pass(2 * time.Second)
		r.see("not verified")
		r.see("p proves possession of its key")
		r.pass(6 * time.Second)

		r.press("5")
		r.pass(time.Second)
		r.press("u")
		r.pass(2 * time.Second)
		r.see("certificate and key of the device device-01")
		r.press(enter)
		r.see("Upload a certificate with its key")
		r.press(enter)
		r.pass(2 * time.Second)
		r.see("> device-01")
		r.see("device-01 is uploaded")
		r.pass(6 * time.Second)
		r.press("u")
		r.pass(2 * time.Second)
		r.press(enter, enter)
		r.pass(2 * time.Second)
		r.see("is there already, the same")
	})
}

// What the form takes, and what it says about the rest.
func TestUploadAnswers(t *testing.T) {
	t.Parallel()
	typed := workflow.CAFiles{Certificate: "c.pem", Key: "k.pem"}
	for _, c := range []struct {
		list   workflow.Listing
		typed  bool
		values []string
		wrong  string
		want   upload
	}{
		{workflow.ListCAs, false, []string{" a ", ""}, "", upload{list: workflow.ListCAs, name: "a", prove: true}},
		{workflow.ListCAs, false, []string{"a", "No"}, "", upload{list: workflow.ListCAs, name: "a"}},
		{workflow.ListCAs, false, []string{"a", "maybe"}, "prove: yes or no", upload{}},
		{workflow.ListCAs, false, []string{"", "yes"}, "name: one is needed", upload{}},
		{workflow.ListCAs, true, []string{"a", "", "", "yes"}, "certificate: a file is needed", upload{}},
		{workflow.ListCAs, true, []string{"a", "c.pem", "k.pem", "y"}, "", upload{list: workflow.ListCAs, name: "a", files: typed, prove: true}},
		{workflow.ListAPIM, true, []string{"a", "c.pem", "k.pem"}, "", upload{list: workflow.ListAPIM, name: "a", files: typed}},
		{workflow.ListAPIM, false, []string{"a"}, "", upload{list: workflow.ListAPIM, name: "a"}},
	} {
		got, wrong := upload{list: c.list}.answered(c.values, c.typed)
		if wrong != c.wrong || wrong == "" && got != c.want {
			t.Errorf("%q: %+v, %q", c.values, got, wrong)
		}
	}
}

// A file that is none is refused before anything is sent.
func TestUploadOfNoCertificate(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		none := filepath.Join(r.dir, "none.pem")
		if err := os.WriteFile(none, []byte("nothing\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r.press("e")
		r.pass(time.Second)
		r.press("4", "u")
		r.pass(2 * time.Second)
		r.see("Upload a CA to DPS")
		r.press(enter, "x", "\t", none, enter)
		r.pass(2 * time.Second)
		r.see("Not uploaded: x")
		r.see("holds no CA")
	})
}
