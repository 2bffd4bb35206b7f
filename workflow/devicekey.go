package workflow

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"dpslab/profiles"
	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// givenKey is the key that the profile's symmetric_key_env holds; empty when it
// names none.
func (r *run) givenKey() (dps.Secret, error) {
	name := r.profile.Identity.SymmetricKeyEnv
	if name == "" {
		return dps.Secret{}, nil
	}
	op := "read the symmetric key"
	key := dps.NewSecret(r.session.config.Getenv(name))
	if key.Empty() {
		return key, &Problem{
			Kind: Usage, Op: op, Summary: "environment variable " + name + " is not set",
			Fix: "Set it before dpslab starts, or take identity.symmetric_key_env out of the profile to have the key asked of DPS.",
		}
	}
	if err := dps.CheckKey(key); err != nil {
		return key, &Problem{Kind: Usage, Op: op, Summary: name + ": " + err.Error(), Fix: "Copy it again from the enrollment."}
	}
	return key, nil
}

// deviceKey is the device's own symmetric key: the one that was given, or that
// of the enrollment, which who may read enrollments can ask for. It stays in
// memory.
func (r *run) deviceKey(ctx context.Context) (dps.Secret, error) {
	key, err := r.givenKey()
	if err == nil && key.Empty() {
		key, err = r.enrolledKey(ctx)
	}
	if err != nil {
		return key, err
	}
	if r.profile.Enrollment.Kind != profiles.EnrollmentGroup || r.profile.Identity.DerivedKey {
		return key, nil
	}
	derived, err := dps.DeriveKey(key, r.registrationID())
	if err != nil {
		return derived, fmt.Errorf("derive the device's key from the group's: %w", err)
	}
	return derived, nil
}

// enrolledKey asks DPS for the key of the enrollment, or a person.
func (r *run) enrolledKey(ctx context.Context) (dps.Secret, error) {
	t, err := r.resolve(ctx)
	if err != nil {
		return dps.Secret{}, err
	}
	if t.authorize == nil {
		return r.askKey(ctx)
	}
	keys, err := r.enrolledKeys(ctx, r.serviceClient(t))
	if err != nil {
		var refused *wire.ServiceError
		if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
			p := problemOf("ask for the key of the enrollment", err)
			p.Summary, p.Fix = "DPS has no such enrollment", "Run the step \"enrollment\" first."
			return dps.Secret{}, p
		}
		return dps.Secret{}, err
	}
	if keys == nil || keys.PrimaryKey == "" {
		return dps.Secret{}, &Problem{
			Kind: Refused, Op: "ask for the key of the enrollment", Summary: "the enrollment does not attest by symmetric key",
			Fix: "Run the step \"enrollment\" to make it so, or change identity.attestation in the profile.",
		}
	}
	return dps.NewSecret(keys.PrimaryKey), nil
}

// enrolledKeys reads the keys that DPS holds for the profile's enrollment.
func (r *run) enrolledKeys(ctx context.Context, service *dps.ServiceClient) (*dps.SymmetricKeyAttestation, error) {
	var a *dps.AttestationMechanism
	err := r.retry(ctx, true, func() (err error) {
		if r.profile.Enrollment.Kind == profiles.EnrollmentGroup {
			a, err = service.GroupAttestation(ctx, r.profile.Enrollment.ID)
		} else {
			a, err = service.EnrollmentAttestation(ctx, r.profile.Identity.RegistrationID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.SymmetricKey, nil
}

func (r *run) askKey(ctx context.Context) (dps.Secret, error) {
	if r.session.config.Ask == nil {
		return dps.Secret{}, &Problem{
			Kind: Usage, Op: "read the symmetric key", Summary: "the profile names no key, and DPS cannot be asked for it: " + r.target.why,
			Fix: "Name the environment variable that holds the key in identity.symmetric_key_env.",
		}
	}
	of := "device " + r.profile.Identity.RegistrationID
	if r.profile.Enrollment.Kind == profiles.EnrollmentGroup && !r.profile.Identity.DerivedKey {
		of = "enrollment group " + r.profile.Enrollment.ID
	}
	answer, err := r.session.config.Ask(ctx, Question{Key: keySymmetricKeyEnv, Prompt: "Symmetric key of the " + of, Secret: true})
	if err != nil {
		return dps.Secret{}, err
	}
	key := dps.NewSecret(answer)
	if err := dps.CheckKey(key); err != nil {
		return key, &Problem{Kind: Usage, Op: "read the symmetric key", Summary: err.Error(), Fix: "Copy it again from the enrollment."}
	}
	return key, nil
}
