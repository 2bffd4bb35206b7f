package tpm_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dpslab/workflow/dps"
	"dpslab/workflow/dps/tpm"
	"dpslab/workflow/dps/tpm/tpmtest"
	"dpslab/workflow/emulator/labtest"
	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

func open(t *testing.T, path string) *tpm.Device {
	t.Helper()
	d, err := tpm.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// enroll makes an individual enrollment for a TPM.
func enroll(t *testing.T, l *labtest.Lab, id string, d *tpm.Device) {
	t.Helper()
	ek, err := d.EndorsementKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e := &dps.IndividualEnrollment{RegistrationID: id}
	e.Attestation = dps.AttestationMechanism{
		Type: dps.AttestationTPM, TPM: &dps.TPMAttestation{EndorsementKey: base64.StdEncoding.EncodeToString(ek)},
	}
	if _, err := l.Service(t).PutEnrollment(t.Context(), e, ""); err != nil {
		t.Fatal(err)
	}
}

// The whole way of a device with a TPM: register, poll, look up, send. The key
// for the hub is there for a later process as well.
func TestTPMInTheLab(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	const id = "Press-7"
	path, l := tpmtest.Start(t), labtest.Start(t)
	me := open(t, path)
	enroll(t, l, id, me)
	var statuses []int
	o := l.Options(nil)
	o.Observe = func(x wire.Exchange, finished bool) {
		if finished {
			statuses = append(statuses, x.Status)
		}
	}
	observed := wire.NewClient(o)
	t.Cleanup(observed.Close)
	device := &dps.DeviceClient{
		Wire: observed, Host: l.DeviceHost, IDScope: l.IDScope, TPM: me,
	}
	if _, err := device.OperationStatus(ctx, id, "5.1"); !errors.Is(err, dps.ErrNoIdentity) {
		t.Errorf("asked before registering: %v", err)
	}
	answer, err := device.Register(ctx, dps.DeviceRegistration{RegistrationID: id})
	for err == nil && !dps.Final(answer.Status) {
		answer, err = device.OperationStatus(ctx, id, answer.OperationID)
	}
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != dps.StatusAssigned || statuses[0] != http.StatusUnauthorized || statuses[1] != http.StatusAccepted {
		t.Fatalf("ended %+v after %v", answer, statuses)
	}
	if looked, err := device.RegistrationStatus(ctx, id); err != nil || looked.Status != dps.StatusAssigned {
		t.Errorf("looked up %+v, %v", looked, err)
	}
	if err := device.ActivateHubKey(ctx, answer.RegistrationState); err != nil {
		t.Fatal(err)
	}
	if err := me.NotKept(); err != nil {
		t.Error(err)
	}
	if err := me.Close(); err != nil {
		t.Fatal(err)
	}

	later := open(t, path)
	t.Cleanup(func() { _ = later.Close() })
	r := answer.RegistrationState
	hub := &iothub.DeviceClient{
		Wire: l.Client(t, nil), Host: r.AssignedHub, DeviceID: r.DeviceID,
		Authorize: iothub.TPMAuthorizer(r.AssignedHub, r.DeviceID, later),
	}
	if err := hub.Send(ctx, iothub.Message{Body: []byte("21.5")}); err != nil {
		t.Error(err)
	}
}

func TestAnotherTPMIsRefusedInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	enrolled, stranger := open(t, tpmtest.Start(t)), open(t, tpmtest.Start(t))
	enroll(t, l, "press-7", enrolled)
	device := &dps.DeviceClient{Wire: l.Client(t, nil), Host: l.DeviceHost, IDScope: l.IDScope, TPM: stranger}
	_, err := device.Register(t.Context(), dps.DeviceRegistration{RegistrationID: "press-7"})
	var refused *wire.ServiceError
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound || refused.Code != "404201" {
		t.Errorf("got %v", err)
	}

	// What is for one TPM, another cannot open.
	var blob []byte
	take := &dps.DeviceClient{Wire: l.Client(t, nil), Host: l.DeviceHost, IDScope: l.IDScope, TPM: taker{enrolled, &blob}}
	if _, err := take.Register(t.Context(), dps.DeviceRegistration{RegistrationID: "press-7"}); !errors.Is(err, errTaken) {
		t.Fatal(err)
	}
	err = stranger.ActivateIdentity(t.Context(), blob)
	if err == nil || !strings.Contains(err.Error(), "endorsement key") {
		t.Errorf("the stranger: %v", err)
	}
	if _, err := stranger.Sign(t.Context(), []byte("x")); !errors.Is(err, dps.ErrNoIdentity) {
		t.Errorf("the stranger signs: %v", err)
	}
	if err := enrolled.ActivateIdentity(t.Context(), blob); err != nil {
		t.Errorf("whose it is: %v", err)
	}
}

var errTaken = errors.New("taken")

// taker is a TPM that gives the blob away.
type taker struct {
	dps.TPM
	blob *[]byte
}

func (k taker) ActivateIdentity(_ context.Context, blob []byte) error {
	*k.blob = blob
	return errTaken
}

// Keys are the same each time, and each activation replaces the key before.
func TestKeysStay(t *testing.T) {
	t.Parallel()
	path := tpmtest.Start(t)
	var first [2]string
	for round := range 2 {
		d := open(t, path)
		ek, ekErr := d.EndorsementKey(t.Context())
		srk, srkErr := d.StorageRootKey(t.Context())
		if err := errors.Join(ekErr, srkErr, d.Close()); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			first = [2]string{string(ek), string(srk)}
		}
		if first != [2]string{string(ek), string(srk)} || len(ek) < 256 || string(ek) == string(srk) {
			t.Errorf("round %d: other keys", round)
		}
	}
}

func TestSignIsHMAC(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	d := open(t, tpmtest.Start(t))
	t.Cleanup(func() { _ = d.Close() })
	enroll(t, l, "press-7", d)
	device := &dps.DeviceClient{Wire: l.Client(t, nil), Host: l.DeviceHost, IDScope: l.IDScope, TPM: d}
	for range 3 { // more often than a TPM has places for keys
		if _, err := device.Register(t.Context(), dps.DeviceRegistration{RegistrationID: "press-7"}); err != nil {
			t.Fatal(err)
		}
	}
	one, err := d.Sign(t.Context(), []byte("a"))
	if err != nil || len(one) != hmac.New(sha256.New, nil).Size() {
		t.Errorf("%x, %v", one, err)
	}
	if _, err := d.Sign(t.Context(), make([]byte, 1025)); err == nil {
		t.Error("1025 bytes were signed")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Sign(cancelled, []byte("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "not a device", file + "x": "this machine has none"} {
		if _, err := tpm.Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
