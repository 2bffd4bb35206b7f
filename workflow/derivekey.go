package workflow

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/dps"
)

// DerivedKey says where a device's key stands that was derived from the key of
// its enrollment group. It holds no secret.
type DerivedKey struct {
	RegistrationID string // in lower case, as the device must register
	Group          string
	File           string // base64 and a newline, mode 0600
	Unchanged      bool   // the file held this key already
	Next           string // commands that make a device of it, a line each
}

// DerivesKeys says whether keys of devices are derived from the enrollment's own:
// it is a group that attests by symmetric key.
func (e *Enrollment) DerivesKeys() bool {
	return e.Group && e.Attestation == dps.AttestationSymmetricKey
}

// DerivedID checks a registration ID and gives the form that its key is derived
// from: lower case, because DPS compares registration IDs without regard to case
// and a key is another for each spelling. The error says what is wrong with it.
func DerivedID(id string) (string, error) {
	if err := checkID(pki.CheckRegistrationID)(id, nil); err != nil {
		return "", err
	}
	return strings.ToLower(id), nil
}

// DerivedKeyFile is where the key of a device of a group goes when nobody names a
// file.
func (v *Service) DerivedKeyFile(group, id string) string {
	return filepath.Join(v.session.config.Store.Paths.Data, "keys", portable(group), portable(strings.ToLower(id))+".key")
}

// DeriveKey reads the primary key of a symmetric-key enrollment group, derives a
// device's key from it (HMAC-SHA256 of the registration ID in lower case) and
// writes that to a file with mode 0600; an empty name is DerivedKeyFile. Neither
// key gets anywhere else. Nothing at the service is changed, so a read-only
// session may. Another file of that name stays and is an error; its errors are
// *Problem.
func (v *Service) DeriveKey(ctx context.Context, group, id, file string) (*DerivedKey, error) {
	op := "derive the key of " + id
	lower, err := DerivedID(id)
	if err != nil {
		return nil, &Problem{Kind: Usage, Op: op, Summary: "the registration ID " + err.Error()}
	}
	if _, err := DerivedID(group); err != nil { // it becomes a folder's name
		return nil, &Problem{Kind: Usage, Op: op, Summary: "the group's ID " + err.Error()}
	}
	facts, err := v.Attestation(ctx, true, group)
	if err != nil {
		return nil, err
	}
	if facts.Type != dps.AttestationSymmetricKey || facts.PrimaryKey.Empty() {
		return nil, &Problem{
			Kind: Refused, Op: op, Summary: "the enrollment group " + group + " does not attest by symmetric key",
			Fix: "Choose a group that does; the devices of this one prove themselves otherwise.",
		}
	}
	key, err := dps.DeriveKey(facts.PrimaryKey, lower)
	if err != nil {
		return nil, problemOf(op, err)
	}
	own := file == ""
	if own {
		file = v.DerivedKeyFile(group, lower)
	}
	unchanged, err := writeKey(op, file, key, own)
	if err != nil {
		return nil, err
	}
	return &DerivedKey{RegistrationID: lower, Group: group, File: file, Unchanged: unchanged, Next: v.deviceOfKey(group, lower, file)}, nil
}

// writeKey writes a key that is not there yet; in a place of this program's own
// with its folders.
func writeKey(op, file string, key Secret, own bool) (unchanged bool, err error) {
	text := []byte(key.Reveal() + "\n")
	if own {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return false, problemOf(op, err)
		}
	}
	_, err = pki.WriteOutput(file, text, pki.WriteOptions{Secret: true})
	if !errors.Is(err, pki.ErrExists) {
		if err != nil {
			return false, problemOf(op, err)
		}
		return false, nil
	}
	if held, readErr := os.ReadFile(file); readErr == nil && bytes.Equal(held, text) {
		if err := os.Chmod(file, 0o600); err != nil {
			return true, problemOf(op, err)
		}
		return true, nil
	}
	return false, &Problem{Kind: LocalFile, Op: op, Summary: file + " is there already and holds something else", Fix: "Name another file, or move that one away."}
}

// deviceOfKey is how a device with a derived key is described and registered: the
// key comes from the environment, and the group stays as it is.
func (v *Service) deviceOfKey(group, id, file string) string {
	name := portable(id)
	words := []string{"dpslab", "new", name, "--attestation", profiles.AttestationSymmetricKey}
	if name != id {
		words = append(words, "--registration-id", id)
	}
	words = append(words, "--enrollment", profiles.EnrollmentGroup, "--enrollment-id", group, "--symmetric-key-env", "DEVICE_KEY", "--derived-key", yes)
	if v.target.lab == nil {
		words = append(words, "--target", profiles.TargetAzure, "--id-scope", v.target.idScope, "--service-endpoint", v.target.serviceHost, "--credential", profiles.CredentialNone)
	}
	return strings.Join([]string{
		`export DEVICE_KEY="$(cat ` + ShellWord(file) + `)"`,
		shellLine(append(words, "--yes")),
		shellLine([]string{"dpslab", "register", name}),
	}, "\n")
}

// portable is an ID as a name of a file: no drive and no stream of Windows.
func portable(id string) string { return strings.ReplaceAll(id, ":", "-") }
