package dps

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bounds of a symmetric key of an enrollment, in bytes before base64.
const (
	MinKeySize = 16
	MaxKeySize = 64
)

// CheckKey checks a symmetric key of an enrollment: base64 of 16 to 64 bytes.
// The error never quotes the key.
func CheckKey(key Secret) error {
	raw, err := base64.StdEncoding.DecodeString(key.Reveal())
	if err != nil {
		return errors.New("symmetric key is not base64: was it cut when copied?")
	}
	if len(raw) < MinKeySize || len(raw) > MaxKeySize {
		return fmt.Errorf("symmetric key has %d bytes, it must have %d to %d", len(raw), MinKeySize, MaxKeySize)
	}
	return nil
}

// DeriveKey gives a device's key in a symmetric-key enrollment group:
// HMAC-SHA256 of the lower-case registration ID under the group key. Both keys
// are base64. Register under the lower-case ID as well: registration IDs are
// compared without regard to case, a key is not.
func DeriveKey(groupKey Secret, registrationID string) (Secret, error) {
	derived, err := DeriveDeviceKey(groupKey.Reveal(), strings.ToLower(registrationID))
	return NewSecret(derived), err
}

// registrationKeyName is the policy that a device's token for DPS names.
const registrationKeyName = "registration"

// DeviceKeyAuthorizer signs a token for each call of a device that attests by
// symmetric key: that of its individual enrollment, or one from [DeriveKey].
func DeviceKeyAuthorizer(idScope, registrationID string, key Secret) Authorizer {
	return func(context.Context) (Secret, error) {
		return Token(registrationResource(idScope, registrationID), registrationKeyName, key, time.Now().Add(tokenLife))
	}
}

func registrationResource(idScope, registrationID string) string {
	return idScope + "/registrations/" + registrationID
}

// Signer makes HMAC-SHA256 of text with a key that need not be known here.
type Signer func(ctx context.Context, text []byte) ([]byte, error)

// KeySigner signs with a key, base64.
func KeySigner(key Secret) Signer {
	return func(_ context.Context, text []byte) ([]byte, error) {
		raw, err := base64.StdEncoding.DecodeString(key.Reveal())
		if err != nil {
			return nil, errors.New("shared access key is not base64")
		}
		mac := hmac.New(sha256.New, raw)
		mac.Write(text)
		return mac.Sum(nil), nil
	}
}
