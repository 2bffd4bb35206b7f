package tpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

func sized(parts ...string) []byte {
	var all []byte
	for _, p := range parts {
		all = append(binary.BigEndian.AppendUint16(all, uint16(len(p))), p...)
	}
	return all
}

func TestParseActivation(t *testing.T) {
	t.Parallel()
	whole := sized("credential", "secret", "duplicate", "seed", "public", "note")
	a, err := parseActivation(whole)
	if err != nil || string(a.credential) != "credential" || string(a.duplicateSecret) != "seed" || string(a.note) != "note" {
		t.Errorf("%+v, %v", a, err)
	}
	for name, blob := range map[string][]byte{
		"empty": nil, "cut": whole[:len(whole)-1], "one byte more": append(bytes.Clone(whole), 0),
		"a part that is too large": sized(string(make([]byte, maxPart+1)), "", "", "", "", ""), "five parts": sized("a", "b", "c", "d", "e"),
	} {
		if _, err := parseActivation(blob); !errors.Is(err, errNotActivation) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseActivation(f *testing.F) {
	f.Add(sized("credential", "secret", "duplicate", "seed", "public", "note"))
	f.Add(sized("", "", "", "", "", ""))
	f.Add([]byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, blob []byte) {
		a, err := parseActivation(blob)
		if err != nil {
			return
		}
		again := sized(string(a.credential), string(a.credentialSecret), string(a.duplicate), string(a.duplicateSecret), string(a.public), string(a.note))
		if !bytes.Equal(again, blob) {
			t.Errorf("%x was read as %x", blob, again)
		}
	})
}
