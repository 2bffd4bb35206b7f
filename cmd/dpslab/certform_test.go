package main

import (
	"strings"
	"testing"

	"dpslab/pki"
	"dpslab/workflow"
)

func TestFormOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		to, out string
		want    pki.ConvertOptions
		fix     string // of the refusal
	}{
		{"", "a.cer", pki.ConvertOptions{To: pki.ContainerDER}, ""},
		{"", "a", pki.ConvertOptions{To: pki.ContainerPEM}, ""},
		{"P12", "a", pki.ConvertOptions{To: pki.ContainerPFX}, ""},
		{".cer", "a.pem", pki.ConvertOptions{To: pki.ContainerDER}, ""},
		{"crt", "a", pki.ConvertOptions{To: pki.ContainerPEM}, ""},
		{"pkcs8", "a", pki.ConvertOptions{To: pki.ContainerPEM, Only: pki.ItemKey}, ""},
		{"text", "a", pki.ConvertOptions{}, "dpslab cert inspect FILE"},
		{"sec1", "a", pki.ConvertOptions{}, "openssl pkey -traditional"},
		{"fullchain", "a", pki.ConvertOptions{}, "dpslab cert fullchain"},
		{"csr", "a", pki.ConvertOptions{}, "dpslab cert csr"},
		{"p7b", "a", pki.ConvertOptions{}, "openssl crl2pkcs7"},
		{"JKS", "a", pki.ConvertOptions{}, "--to pfx"},
		{"openssh", "a", pki.ConvertOptions{}, "ssh-keygen"},
		{"xml", "a", pki.ConvertOptions{}, "pem, der or pfx"},
	} {
		got, err := formOf(tt.to, tt.out)
		if got.To != tt.want.To || got.Only != tt.want.Only {
			t.Errorf("%q, %s: %+v", tt.to, tt.out, got)
		}
		problem, _ := err.(*workflow.Problem)
		if (problem != nil) != (tt.fix != "") || problem != nil && !strings.Contains(problem.Fix, tt.fix) {
			t.Errorf("%q: %v", tt.to, err)
		}
	}
	if _, err := convertOptions("pkcs8", "certificate", "a"); err == nil {
		t.Error("--to pkcs8 --only certificate")
	}
}

// A new certificate is none that the check-up warns of at once.
func TestANewCertificateIsNoFinding(t *testing.T) {
	t.Parallel()
	home, dir := t.TempDir(), t.TempDir()
	dpslab(t, home, "cert", "new", "press-3", "--out", dir).want(t, 0)
	r := dpslab(t, home, "cert", "verify", dir).want(t, 0)
	if !strings.Contains(r.stdout, "0 errors, 0 warnings") {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
	dpslab(t, home, "cert", "convert", dir+"/device-key.pem", "--to", "pkcs8", "--out", dir+"/again.pem").want(t, 0)
}
