package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"dpslab/profiles"
	"dpslab/workflow/doctor"
	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// assigningLimit is how long a run polls before it gives up for now. The
// operation stays in the state file, so that a later run can go on with it.
const assigningLimit = 5 * time.Minute

// registration registers the device, or takes up the operation that an earlier
// run began, and polls until DPS has decided.
func (r *run) registration(ctx context.Context) (string, error) {
	device, err := r.dpsClient(ctx)
	if err != nil {
		return "", err
	}
	resumed := r.options.Resume && Resumable(r.state)
	if resumed {
		r.note("taking up operation %s", r.state.Registration.OperationID)
	} else if err := r.register(ctx, device); err != nil {
		return "", err
	}
	result, err := r.poll(ctx, device, time.Now().Add(assigningLimit))
	if resumed && isStatus(err, http.StatusNotFound) {
		r.warn("DPS no longer knows operation " + r.state.Registration.OperationID + ": registering anew")
		if err := r.register(ctx, device); err != nil {
			return "", err
		}
		result, err = r.poll(ctx, device, time.Now().Add(assigningLimit))
	}
	if err != nil {
		return "", err
	}
	if device.TPM != nil && result.Status == dps.StatusAssigned {
		if err := device.ActivateHubKey(ctx, result); err != nil {
			return "", err
		}
		r.note("the TPM holds the key for the hub now")
	}
	return r.verdict(result)
}

// payload is what the device sends along, nil for nothing.
func payload(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

func isStatus(err error, status int) bool {
	var refused *wire.ServiceError
	return errors.As(err, &refused) && refused.Status == status
}

// register begins an operation and saves it before anything else happens.
func (r *run) register(ctx context.Context, device *dps.DeviceClient) error {
	id := r.registrationID()
	var answer *dps.OperationAnswer
	err := r.retry(ctx, true, func() (err error) {
		answer, err = device.Register(ctx, dps.DeviceRegistration{RegistrationID: id, Payload: payload(r.profile.Identity.Payload)})
		return err
	})
	if err != nil {
		return err
	}
	if answer.OperationID == "" {
		return &Problem{Kind: Refused, Op: "register " + id, Summary: "the answer carries no operation ID", Fix: "Run the step again."}
	}
	now := time.Now().UTC()
	r.state.Registration = profiles.Registration{
		OperationID: answer.OperationID, Submitted: now, Status: answer.Status,
		AssignedHub: r.state.Registration.AssignedHub, DeviceID: r.state.Registration.DeviceID,
		LeafSHA256: r.state.Certificate.SHA256,
	}
	r.emit(Event{Kind: StatusChanged, Registration: &Registration{RegistrationID: id, OperationID: answer.OperationID, Status: answer.Status}})
	return r.schedule(answer, 1)
}

// schedule saves when the next poll is due, then tells it.
func (r *run) schedule(answer *dps.OperationAnswer, attempt int) error {
	now := time.Now()
	due := now.Add(answer.PollDelay())
	r.state.Registration.PollDue = due.UTC()
	if answer.PollDelay() <= 0 {
		r.saveSoon() // nothing to wait for
	} else if err := r.save(); err != nil {
		return fmt.Errorf("save the operation before waiting: %w", err)
	}
	poll := &Poll{Attempt: attempt, Since: now, Due: due, OperationID: r.state.Registration.OperationID}
	if answer.HasRetryAfter {
		seconds := int(answer.RetryAfter / time.Second)
		poll.RetryAfter = &seconds
	}
	r.emit(Event{Kind: PollScheduled, Poll: poll})
	return nil
}

// poll asks for the operation's status when it is due, until it is final.
func (r *run) poll(ctx context.Context, device *dps.DeviceClient, until time.Time) (*dps.DeviceRegistrationResult, error) {
	id := r.registrationID()
	for attempt := 1; ; attempt++ {
		if err := sleep(ctx, time.Until(r.state.Registration.PollDue)); err != nil {
			return nil, err
		}
		var answer *dps.OperationAnswer
		err := r.retry(ctx, true, func() (err error) {
			answer, err = device.OperationStatus(ctx, id, r.state.Registration.OperationID)
			return err
		})
		if err != nil {
			return nil, err
		}
		if dps.Final(answer.Status) {
			return r.settle(answer)
		}
		if time.Now().After(until) {
			return nil, &Problem{
				Kind: Refused, Op: "register " + id, Rule: "R14",
				Summary: fmt.Sprintf("still %s after %s", answer.Status, assigningLimit),
				Why:     "A custom allocation webhook is slow, device data is being moved between hubs, or the service is busy.",
				Fix:     "Resume later: the operation is kept and is not registered a second time.",
			}
		}
		if err := r.schedule(answer, attempt+1); err != nil {
			return nil, err
		}
	}
}

// settle notes what DPS decided.
func (r *run) settle(answer *dps.OperationAnswer) (*dps.DeviceRegistrationResult, error) {
	result := answer.RegistrationState
	if result == nil {
		return nil, &Problem{Kind: Refused, Op: "register", Summary: "status " + answer.Status + " without a registrationState", Fix: "Run the step again."}
	}
	if result.Status == "" {
		result.Status = answer.Status
	}
	s := &r.state.Registration
	s.Status, s.Substatus, s.ETag = result.Status, result.Substatus, result.ETag
	s.ErrorCode, s.ErrorMessage = result.ErrorCode, wire.RedactText(result.ErrorMessage)
	s.AssignedHub, s.DeviceID = result.AssignedHub, result.DeviceID
	s.PollDue = time.Time{}
	if s.Status == dps.StatusAssigned {
		r.assigned(result)
	} else {
		r.registeredAgain(result)
	}
	r.emit(Event{Kind: StatusChanged, Registration: &Registration{
		RegistrationID: r.profile.Identity.RegistrationID, OperationID: answer.OperationID,
		Status: s.Status, Substatus: s.Substatus, AssignedHub: s.AssignedHub, DeviceID: s.DeviceID,
		ETag: s.ETag, ErrorCode: s.ErrorCode, ErrorMessage: s.ErrorMessage,
	}})
	r.saveSoon()
	return result, nil
}

// lookup asks for the registration without registering.
func (r *run) lookup(ctx context.Context) (*Registration, error) {
	if r.profile.Identity.Attestation == profiles.AttestationTPM {
		return r.lookupRecord(ctx)
	}
	device, err := r.dpsClient(ctx)
	if err != nil {
		return nil, err
	}
	id := r.registrationID()
	var result *dps.DeviceRegistrationResult
	err = r.retry(ctx, true, func() (err error) {
		result, err = device.RegistrationStatus(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Registration{
		RegistrationID: id, Status: result.Status, Substatus: result.Substatus, AssignedHub: result.AssignedHub,
		DeviceID: result.DeviceID, ETag: result.ETag, ErrorCode: result.ErrorCode, ErrorMessage: wire.RedactText(result.ErrorMessage),
		Updated: result.LastUpdatedDateTimeUTC,
	}, nil
}

// lookupRecord asks the service API. A TPM has room for one key: to ask as the
// device would cost it the one that it has for the hub.
func (r *run) lookupRecord(ctx context.Context) (*Registration, error) {
	t, err := r.resolve(ctx)
	if err != nil {
		return nil, err
	}
	if t.authorize == nil {
		return nil, &Problem{
			Kind: Usage, Op: "look up the registration of " + r.name, Summary: "a TPM device is looked up with the rights of a service, and there are none: " + t.why,
			Fix: "Run the step \"registration\": it registers again, which changes nothing for a device that is assigned.",
		}
	}
	var s *dps.DeviceRegistrationState
	err = r.retry(ctx, true, func() (err error) {
		s, err = r.serviceClient(t).RegistrationState(ctx, r.registrationID())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Registration{
		RegistrationID: s.RegistrationID, Status: s.Status, Substatus: s.Substatus, AssignedHub: s.AssignedHub,
		DeviceID: s.DeviceID, ETag: s.ETag, ErrorCode: s.ErrorCode, ErrorMessage: wire.RedactText(s.ErrorMessage),
		Updated: s.LastUpdatedDateTimeUTC,
	}, nil
}

// verdict is the step's end: assigned, or a problem that says why not.
func (r *run) verdict(result *dps.DeviceRegistrationResult) (string, error) {
	id := r.registrationID()
	if result.Status == dps.StatusAssigned && result.AssignedHub != "" && result.DeviceID != "" {
		return fmt.Sprintf("assigned to %s as %s (%s)", result.AssignedHub, result.DeviceID, result.Substatus), nil
	}
	advice := doctor.ExplainRegistration(result.Status, result.ErrorCode)
	p := &Problem{
		Kind: Refused, Op: "register " + id, Summary: "status " + result.Status,
		Why: advice.Why, Fix: advice.Fix, Rule: advice.Rule, Status: http.StatusOK,
	}
	if result.ErrorCode != 0 {
		p.Code = fmt.Sprint(result.ErrorCode)
		p.Summary += " " + p.Code
	}
	if result.ErrorMessage != "" {
		p.Summary += ": " + wire.RedactText(result.ErrorMessage)
	}
	return "", p
}
