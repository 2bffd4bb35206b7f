package emulator

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"dpslab/workflow/dps"
)

// operation is one registration under way or finished.
type operation struct {
	ID             string                        `json:"id"`
	RegistrationID string                        `json:"registration_id"` // as the device wrote it
	Entry          entryRef                      `json:"entry"`
	Credential     credential                    `json:"credential"`
	Activation     string                        `json:"activation,omitempty"` // TPM only: for registrationState
	Payload        json.RawMessage               `json:"payload,omitempty"`    // the device's own
	Created        time.Time                     `json:"created"`
	ReadyAt        time.Time                     `json:"ready_at"`
	Custom         bool                          `json:"custom,omitempty"` // a webhook picks the hub
	Result         *dps.DeviceRegistrationResult `json:"result,omitempty"` // nil while assigning
	Why            string                        `json:"why,omitempty"`    // it failed, for the lab's own log

	webhook *webhookOutcome // of this attempt to settle, never stored
}

// registration is a registration record: what the device sees, and what the
// service must remember for the next time.
type registration struct {
	dps.DeviceRegistrationResult
	Entry   entryRef    `json:"entry"`
	Current *assignment `json:"current,omitempty"` // survives a later failure
}

// assignment is the hub and the device that a registration led to.
type assignment struct {
	Hub       string `json:"hub"`
	DeviceID  string `json:"device_id"`
	Substatus string `json:"substatus"`
}

// Values of substatus.
const (
	initialAssignment  = "initialAssignment"
	deviceDataMigrated = "deviceDataMigrated"
	deviceDataReset    = "deviceDataReset"
	reprovisioned      = "reprovisionedToInitialAssignment" // guess U8: only on request
)

func getRegistrationRecord(t *tx, id string) (*registration, error) {
	return get[registration](t, bucketRegistrations, strings.ToLower(id))
}

func memberKey(groupID, registrationID string) string {
	return strings.ToLower(groupID) + "\x00" + strings.ToLower(registrationID)
}

// putRegistrationRecord writes a registration with a new etag and lists it
// under its group.
func putRegistrationRecord(t *tx, r, old *registration, now time.Time) error {
	n, err := t.next()
	if err != nil {
		return err
	}
	r.ETag, r.LastUpdatedDateTimeUTC = registrationTag(n, now), dataPlaneTime(now)
	if old != nil && old.Entry.Kind == group && !old.Entry.same(r.Entry) {
		if err := t.delete(bucketMembers, memberKey(old.Entry.ID, old.RegistrationID)); err != nil {
			return err
		}
	}
	if r.Entry.Kind == group {
		if err := t.putText(bucketMembers, memberKey(r.Entry.ID, r.RegistrationID), ""); err != nil {
			return err
		}
	}
	return put(t, bucketRegistrations, strings.ToLower(r.RegistrationID), r)
}

// timeKey orders operations by time.
func timeKey(at time.Time, operationID string) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano()))) + operationID
}

// newOperationID is 5.<16 hex digits>.<GUID>; the digits stand for the ID scope.
func (l *Lab) newOperationID() string {
	scope := sha256.Sum256([]byte(l.instance().IDScope))
	return fmt.Sprintf("5.%x.%s", scope[:8], uuid.NewString())
}

// beginOperation writes down that an admitted device wants to be registered.
// When assigning takes no time the result is written in the same commit.
func (l *Lab) beginOperation(registrationID string, a *admission, now time.Time) (*operation, error) {
	op := &operation{
		ID: l.newOperationID(), RegistrationID: registrationID,
		Entry: a.entry.entryRef, Credential: a.credential, Activation: a.activation, Payload: a.payload,
		Created: now.UTC(), ReadyAt: now.Add(l.options.AssignDelay).UTC(),
	}
	op.Custom = a.entry.AllocationPolicy == dps.AllocationCustom
	l.faults.begin(op.ID, registrationID)
	immediate := l.options.AssignDelay == 0 && !op.Custom && !l.faults.holds(op.ID)
	err := l.store.update(func(t *tx) error {
		op.Result = nil
		if err := forgetOldOperations(t, now); err != nil {
			return err
		}
		if err := t.putText(bucketHistory, timeKey(op.Created, op.ID), ""); err != nil {
			return err
		}
		if immediate {
			return l.settle(t, op, now)
		}
		if err := putAssigning(t, op, now); err != nil {
			return err
		}
		if err := t.putText(bucketPending, timeKey(op.ReadyAt, op.ID), ""); err != nil {
			return err
		}
		return put(t, bucketOperations, op.ID, op)
	})
	if err == nil && !immediate {
		l.settleLater(op.ID, op.ReadyAt)
		return op, nil
	}
	l.faults.ended(op.ID)
	return op, err
}

// putAssigning shows a registration as being under way.
func putAssigning(t *tx, op *operation, now time.Time) error {
	old, err := getRegistrationRecord(t, op.RegistrationID)
	if err != nil {
		return err
	}
	r := &registration{Entry: op.Entry}
	if old != nil {
		*r = *old
		r.Entry = op.Entry
	}
	r.DeviceRegistrationResult = dps.DeviceRegistrationResult{
		RegistrationID: op.RegistrationID, Status: dps.StatusAssigning,
		CreatedDateTimeUTC: cmp.Or(r.CreatedDateTimeUTC, dataPlaneTime(now)),
	}
	return putRegistrationRecord(t, r, old, now)
}

// forgetPerRegister bounds the work of forgetting; two a time outrun what comes.
const forgetPerRegister = 2

// forgetOldOperations drops operations whose ID can no longer be resolved.
func forgetOldOperations(t *tx, now time.Time) error {
	limit := timeKey(now.Add(-operationLifetime), "")
	var old []string
	cursor := t.cursor(bucketHistory)
	for key, _ := cursor.First(); key != nil && string(key) < limit && len(old) < forgetPerRegister; key, _ = cursor.Next() {
		old = append(old, string(key))
	}
	for _, key := range old {
		if err := t.delete(bucketOperations, key[8:]); err != nil {
			return err
		}
		if err := t.delete(bucketHistory, key); err != nil {
			return err
		}
	}
	return nil
}

// settle ends an operation: it decides, writes the registration and the hub's
// device, and keeps the result with the operation.
func (l *Lab) settle(t *tx, op *operation, now time.Time) error {
	old, err := getRegistrationRecord(t, op.RegistrationID)
	if err != nil {
		return err
	}
	e, err := lookAtEntry(t, op.Entry)
	if err != nil {
		return err
	}
	r, err := l.decide(t, op, e, old, now)
	if err != nil {
		return err
	}
	if err := putRegistrationRecord(t, r, old, now); err != nil {
		return err
	}
	op.Result = &r.DeviceRegistrationResult
	if err := t.delete(bucketPending, timeKey(op.ReadyAt, op.ID)); err != nil {
		return err
	}
	return put(t, bucketOperations, op.ID, op)
}

// decide makes the registration that an operation ends with.
func (l *Lab) decide(t *tx, op *operation, e *entry, old *registration, now time.Time) (*registration, error) {
	r := &registration{Entry: op.Entry}
	r.RegistrationID, r.CreatedDateTimeUTC = op.RegistrationID, dataPlaneTime(now)
	if old != nil {
		r.CreatedDateTimeUTC = cmp.Or(old.CreatedDateTimeUTC, r.CreatedDateTimeUTC)
		r.Current = old.Current
	}
	op.describeAttestation(&r.DeviceRegistrationResult)
	fail := func(f *refusal) *registration {
		r.Status, r.ErrorCode, r.ErrorMessage = dps.StatusFailed, f.code, f.message
		op.Why = f.why
		return r
	}
	if e == nil {
		return fail(entryGone.refuse()), nil
	}
	if e.Kind == individual {
		r.RegistrationID = e.ID // in the case of the enrollment
	}
	if e.ProvisioningStatus == dps.ProvisioningDisabled {
		r.Status = dps.StatusDisabled
		return r, nil
	}
	fault := l.faults.strikeOf(op.ID)
	if fault != nil {
		if fault.scenario.assign(&r.DeviceRegistrationResult); r.Status != "" {
			return r, nil
		}
	}
	hub, refused := l.pickHub(op, e, r.Current)
	if refused != nil {
		return fail(refused), nil
	}
	r.Payload = op.webhook.payload()
	if err := l.place(t, op, e, r, hub, now); err != nil {
		return nil, err
	}
	r.Status, r.AssignedHub, r.DeviceID, r.Substatus = dps.StatusAssigned, r.Current.Hub, r.Current.DeviceID, r.Current.Substatus
	if fault != nil {
		fault.scenario.assign(&r.DeviceRegistrationResult)
	}
	return r, nil
}

// describeAttestation says in a registration how the device proved itself.
func (o *operation) describeAttestation(r *dps.DeviceRegistrationResult) {
	groupID := ""
	if o.Entry.Kind == group {
		groupID = o.Entry.ID
	}
	switch {
	case o.Credential.SHA256 != "":
		r.X509 = &dps.X509RegistrationResult{EnrollmentGroupID: groupID}
	case o.Activation != "":
		r.TPM = &dps.TPMRegistrationResult{AuthenticationKey: o.Activation}
	default:
		r.SymmetricKey = &dps.SymmetricKeyRegistrationResult{EnrollmentGroupID: groupID}
	}
}

// settleByID ends an operation if nobody has ended it yet and no scenario holds
// it. Where a webhook picks the hub it is asked first: no transaction waits for
// it.
func (l *Lab) settleByID(id string, now time.Time) (*operation, error) {
	if l.faults.holds(id) {
		return read(l.store, func(t *tx) (*operation, error) { return get[operation](t, bucketOperations, id) })
	}
	outcome, err := l.askWebhook(id)
	if err != nil {
		return nil, err
	}
	if outcome != nil && l.assigner.ctx.Err() != nil {
		return nil, errClosed // the next start asks again
	}
	var op *operation
	err = l.store.update(func(t *tx) (err error) {
		op, err = get[operation](t, bucketOperations, id)
		if err != nil {
			return err
		}
		if op == nil {
			return unknownOperation.refuse()
		}
		if op.Result != nil {
			return nil
		}
		op.webhook = outcome
		return l.settle(t, op, now)
	})
	if err == nil {
		l.faults.ended(id)
	}
	return op, err
}

// assigner settles operations when their time has come.
type assigner struct {
	ctx     context.Context // ends with the lab
	stop    context.CancelFunc
	running sync.WaitGroup
}

func (a *assigner) begin() { a.ctx, a.stop = context.WithCancel(context.Background()) }

// heldPause is how often an operation is looked at that a scenario holds.
const heldPause = time.Second

func (l *Lab) settleLater(id string, at time.Time) {
	l.assigner.running.Go(func() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		for {
			select {
			case <-timer.C:
			case <-l.assigner.ctx.Done():
				return
			}
			if !l.faults.holds(id) {
				// An operation that cannot be written now stays pending: the
				// next poll or the next start tries again.
				_, _ = l.settleByID(id, time.Now())
				return
			}
			if time.Since(at) > operationLifetime {
				l.faults.ended(id) // nobody can ask for it any more
				return
			}
			timer.Reset(heldPause)
		}
	})
}

func (a *assigner) close() {
	a.stop()
	a.running.Wait()
}

// resumePending takes up the operations that an earlier process left.
func (l *Lab) resumePending() error {
	type left struct {
		id string
		at time.Time
	}
	var all []left
	err := l.store.view(func(t *tx) error {
		cursor := t.cursor(bucketPending)
		for key, _ := cursor.First(); key != nil; key, _ = cursor.Next() {
			all = append(all, left{string(key[8:]), time.Unix(0, int64(binary.BigEndian.Uint64(key)))})
		}
		return nil
	})
	for _, p := range all {
		l.settleLater(p.id, p.at)
	}
	return err
}
