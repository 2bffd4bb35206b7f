package dps

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"dpslab/workflow/wire"
)

// TPM is what a device asks of its TPM 2.0 at DPS and at IoT Hub. Package tpm
// has the real one. Its methods are called one at a time.
type TPM interface {
	// EndorsementKey and StorageRootKey give public keys, as TPM2B_PUBLIC.
	EndorsementKey(ctx context.Context) ([]byte, error)
	StorageRootKey(ctx context.Context) ([]byte, error)

	// ActivateIdentity takes the blob of an authenticationKey, decoded, which
	// only the TPM with these two keys can open. The HMAC key inside is the one
	// that Sign uses from then on.
	ActivateIdentity(ctx context.Context, blob []byte) error

	// Sign makes HMAC-SHA256 of text with the key that was activated last.
	// ErrNoIdentity says that there is none.
	Sign(ctx context.Context, text []byte) ([]byte, error)
}

// ErrNoIdentity says that a TPM holds no activated key yet: register first.
var ErrNoIdentity = errors.New("the TPM holds no key of this device: register first")

// TPMAuthorizer signs a token for resource with the TPM's activated key, for
// each call.
func TPMAuthorizer(t TPM, resource, keyName string) Authorizer {
	return func(ctx context.Context) (Secret, error) {
		return SignToken(ctx, resource, keyName, t.Sign, time.Now().Add(tokenLife))
	}
}

// ActivateHubKey gives the TPM the key for the hub, which an assigned
// registration carries. It takes the place of the key for DPS: after it, ask
// DPS by a new registration only.
func (c *DeviceClient) ActivateHubKey(ctx context.Context, r *DeviceRegistrationResult) error {
	const what = "activate the hub's key in the TPM"
	if r == nil || r.TPM == nil || r.TPM.AuthenticationKey == "" {
		return errors.New(what + ": the registration carries no authenticationKey")
	}
	if err := activate(ctx, c.TPM, r.TPM.AuthenticationKey); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func activate(ctx context.Context, t TPM, authenticationKey string) error {
	blob, err := base64.StdEncoding.DecodeString(authenticationKey)
	if err != nil {
		return errors.New("authenticationKey is not base64")
	}
	return t.ActivateIdentity(ctx, blob)
}

// tpmKeys reads what a device says of its TPM.
func (c *DeviceClient) tpmKeys(ctx context.Context) (*TPMAttestation, error) {
	ek, err := c.TPM.EndorsementKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the endorsement key of the TPM: %w", err)
	}
	srk, err := c.TPM.StorageRootKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the storage root key of the TPM: %w", err)
	}
	return &TPMAttestation{
		EndorsementKey: base64.StdEncoding.EncodeToString(ek),
		StorageRootKey: base64.StdEncoding.EncodeToString(srk),
	}, nil
}

// challengeBody answers the first request of a TPM, with 401.
type challengeBody struct {
	AuthenticationKey string `json:"authenticationKey"`
	KeyName           string `json:"keyName"`
}

// answerChallenge makes a request of a TPM device without a credential; the 401
// that comes carries a key for the TPM, and signed with that it is made again.
func (c *DeviceClient) answerChallenge(ctx context.Context, q wire.Request, registrationID string) (*wire.Answer, error) {
	q.Accept = []int{http.StatusUnauthorized}
	answer, err := c.Wire.Do(ctx, q)
	if err != nil || answer.Status != http.StatusUnauthorized {
		return answer, err
	}
	var challenge challengeBody
	if json.Unmarshal(answer.Body, &challenge) != nil || challenge.AuthenticationKey == "" {
		return nil, answer.Refusal() // a 401 like any other
	}
	if err := activate(ctx, c.TPM, challenge.AuthenticationKey); err != nil {
		return nil, fmt.Errorf("%s: answer the challenge of DPS with the TPM: %w", q.Operation, err)
	}
	q.Accept = nil
	return c.signed(ctx, q, TPMAuthorizer(c.TPM, registrationResource(c.IDScope, registrationID), registrationKeyName))
}

// signed makes a request with a token.
func (c *DeviceClient) signed(ctx context.Context, q wire.Request, authorize Authorizer) (*wire.Answer, error) {
	token, err := authorize(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", q.Operation, err)
	}
	q.Header = q.Header.Clone()
	q.Header.Set("Authorization", token.Reveal())
	return c.Wire.Do(ctx, q)
}
