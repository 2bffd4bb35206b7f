package pki

import (
	"bytes"
	"encoding/asn1"
	"testing"
)

// A derivation cannot hide its cost behind a long salt.
func TestDerivationBehindALongSalt(t *testing.T) {
	t.Parallel()
	for _, salt := range []int{8, 400, 600, 70_000} {
		der, err := asn1.Marshal(struct {
			OID    asn1.ObjectIdentifier
			Params struct {
				Salt       []byte
				Iterations int
			}
		}{oidPBKDF2, struct {
			Salt       []byte
			Iterations int
		}{bytes.Repeat([]byte{1}, salt), 1 << 30}})
		if err != nil {
			t.Fatal(err)
		}
		n, ok := derivation(der)
		if !ok || n >= 1 && n != 1<<30 {
			t.Errorf("with a salt of %d bytes: %d, %v", salt, n, ok)
		}
		work := 0
		if addWork(der, 10_000_000, &work, 0) {
			t.Errorf("with a salt of %d bytes the cost of 2^30 rounds is accepted", salt)
		}
	}
}
