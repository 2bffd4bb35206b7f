package pki

import (
	"crypto/x509"
	"testing"
	"time"
)

func TestDeepAuthority(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{1, 2, 3} {
		files := AuthorityFiles{Dir: t.TempDir()}
		made, err := CreateDeepAuthority(t.Context(), files, ECP256, "line-3", ValidFor(time.Now(), 3650), nil, depth)
		if err != nil {
			t.Fatal(err)
		}
		if files.Intermediates() != depth || len(made.Upper) != depth-1 {
			t.Fatalf("%d intermediate CAs, want %d", files.Intermediates(), depth)
		}
		_, leaf, err := CreateDeviceChain(t.Context(), files, DeviceFiles{Dir: t.TempDir(), RegistrationID: "d"}, ChainOptions{
			Authority: "line-3", Algorithm: ECP256, AuthorityValidity: ValidFor(time.Now(), 3650), Validity: ValidFor(time.Now(), 30),
		})
		if err != nil {
			t.Fatal(err)
		}
		chain := made.FullChain(leaf)
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(made.Root.Certificate)
		for _, c := range chain[1 : len(chain)-1] {
			between.AddCert(c)
		}
		usage := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		found, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: usage})
		if err != nil || len(found[0]) != depth+2 || len(chain) != depth+2 {
			t.Errorf("depth %d: %v, a chain of %d", depth, err, len(chain))
		}
		again, err := CreateDeepAuthority(t.Context(), files, ECP256, "line-3", ValidFor(time.Now(), 3650), nil, 1)
		if err != nil || len(again.Upper) != depth-1 {
			t.Errorf("depth %d: opened again with %d above (%v)", depth, len(again.Upper), err)
		}
	}
}

func TestDeepAuthorityRefusesDepth(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{0, MaxIntermediates + 1} {
		if _, err := CreateDeepAuthority(t.Context(), AuthorityFiles{Dir: t.TempDir()}, ECP256, "x", ValidFor(time.Now(), 1), nil, depth); err == nil {
			t.Errorf("depth %d was made", depth)
		}
	}
}
