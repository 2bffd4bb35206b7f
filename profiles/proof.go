package profiles

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// Proof is a proof of possession that is under way and belongs to no device: the
// verification code that DPS made for a signing certificate, kept so that a
// proof that was broken off goes on with it. The code is no secret: nobody can
// use it but who holds the CA's private key.
type Proof struct {
	Version        int    `toml:"version"`
	Host           string `toml:"host"` // of Azure Resource Manager, or the lab's
	SubscriptionID string `toml:"subscription_id"`
	ResourceGroup  string `toml:"resource_group"`
	DPSName        string `toml:"dps_name"`
	Name           string `toml:"name"` // of the certificate at DPS

	SHA1 string    `toml:"sha1"` // of the certificate that the code was made for, upper-case hex
	ETag string    `toml:"etag"` // of DPS's record with that code: another one has another code, or none
	Code string    `toml:"code"`
	At   time.Time `toml:"at"`
}

// proofPath is a file for each certificate, so that two proofs do not meet.
func (p Paths) proofPath(q Proof) string {
	place := strings.ToLower(strings.Join([]string{q.Host, q.SubscriptionID, q.ResourceGroup, q.DPSName, q.Name}, "\n"))
	sum := sha256.Sum256([]byte(place))
	return filepath.Join(p.State, "proofs", hex.EncodeToString(sum[:8])+extension)
}

// LoadProof finds the proof that is under way for the place that q names: host,
// instance and certificate. None is a zero Code without an error.
func (s *Store) LoadProof(q Proof) (Proof, error) {
	path := s.Paths.proofPath(q)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Proof{}, nil
	}
	if err != nil {
		return Proof{}, fmt.Errorf("reading the proof under way: %w", err)
	}
	var found Proof
	if _, err := toml.Decode(string(data), &found); err != nil {
		return Proof{}, decodeError(path, data, err, "remove the file: DPS makes a new code")
	}
	if found.Version != StateVersion || s.Paths.proofPath(found) != path {
		return Proof{}, nil // of another build, or of another place
	}
	return found, nil
}

// KeepProof writes a proof that is under way.
func (s *Store) KeepProof(q Proof) error {
	q.Version = StateVersion
	var b strings.Builder
	b.WriteString("# Written by dpslab: a proof of possession that is under way. Do not edit.\n")
	if err := toml.NewEncoder(&b).Encode(q); err != nil {
		return fmt.Errorf("encoding the proof under way: %w", err)
	}
	if err := replaceFile(s.Paths.proofPath(q), []byte(b.String())); err != nil {
		return fmt.Errorf("writing the proof under way: %w", err)
	}
	return nil
}

// DropProof forgets a proof; that there is none is fine.
func (s *Store) DropProof(q Proof) error {
	if err := os.Remove(s.Paths.proofPath(q)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the proof under way: %w", err)
	}
	return nil
}
