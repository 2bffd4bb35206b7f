package emulator

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"dpslab/pki"
	"dpslab/workflow/dps"
)

// checkDevicePath checks the ID scope and the registration ID of a device's
// request.
func (l *Lab) checkDevicePath(c *call) (registrationID string, err error) {
	id := c.args["id"]
	c.device = id
	if !strings.EqualFold(c.args["scope"], l.instance().IDScope) {
		return "", unknownIDScope.refuse()
	}
	if err := pki.CheckRegistrationID(id); err != nil {
		return "", refuse(400004, "Invalid RegistrationId").because("%v", err)
	}
	return id, nil
}

// readRegistration reads the body of register and of the status lookup. A body
// without a registration ID means the one in the path.
func (l *Lab) readRegistration(c *call, registrationID string) (body dps.DeviceRegistration, err error) {
	if err := c.jsonBody(&body); err != nil {
		return body, err
	}
	if body.RegistrationID == "" && l.forbids(registrationIDMissing) {
		return body, registrationIDMissing.refuse()
	}
	if body.RegistrationID != "" && !strings.EqualFold(body.RegistrationID, registrationID) {
		return body, idMismatch.refuse()
	}
	return body, nil
}

// register answers PUT /{idScope}/registrations/{registrationId}/register: the
// operation is on disk before the device hears of it.
func (l *Lab) register(c *call) error {
	id, err := l.checkDevicePath(c)
	if err != nil {
		return err
	}
	body, err := l.readRegistration(c, id)
	if err != nil {
		return err
	}
	if body.TPM != nil && c.r.Header.Get("Authorization") == "" {
		return l.challenge(c, id, body.TPM)
	}
	var admitted *admission
	err = l.store.view(func(t *tx) (err error) {
		admitted, err = l.attest(t, c, id)
		return err
	})
	if err != nil {
		return err
	}
	// Who cannot prove to be a device uses up nobody's quota.
	if err := throttle(l.registers, "", c.arrived); err != nil {
		return err
	}
	admitted.payload = body.Payload
	if admitted.entry.Attestation.TPM != nil {
		if err := admitted.giveHubKey(l.registrationResource(id), body.TPM); err != nil {
			return err
		}
	}
	op, err := l.beginOperation(id, admitted, c.arrived)
	if err != nil {
		return err
	}
	c.verdict = fmt.Sprintf("admitted by %s %s", admitted.entry.Kind, admitted.entry.ID)
	c.set("Location", "https://"+c.r.Host+"/"+url.PathEscape(l.instance().IDScope)+"/registrations/"+url.PathEscape(id)+"/register")
	c.set("Retry-After", fmt.Sprint(l.options.RetryAfter))
	c.json(http.StatusAccepted, dps.RegistrationOperationStatus{OperationID: op.ID, Status: dps.StatusAssigning})
	return nil
}

// operationStatus answers
// GET /{idScope}/registrations/{registrationId}/operations/{operationId}: 202
// while assigning, 200 when final. A body, which some clients send, is ignored.
func (l *Lab) operationStatus(c *call) error {
	id, err := l.checkDevicePath(c)
	if err != nil {
		return err
	}
	var op *operation
	err = l.store.view(func(t *tx) (err error) {
		if op, err = get[operation](t, bucketOperations, c.args["operation"]); err != nil {
			return err
		}
		if op != nil && !strings.EqualFold(op.RegistrationID, id) {
			op = nil
		}
		if op != nil && op.begunBy(c) {
			return nil
		}
		_, err = l.attest(t, c, id)
		return err
	})
	if err != nil {
		return err
	}
	if err := throttle(l.polls, id, c.arrived); err != nil { // see register
		return err
	}
	if op == nil {
		return unknownOperation.refuse()
	}
	if op.Result == nil && !op.Custom && !c.arrived.Before(op.ReadyAt) {
		// The timer that settles it has not come to its turn.
		if op, err = l.settleByID(op.ID, c.arrived); err != nil {
			return err
		}
	}
	if op.Result == nil {
		c.set("Retry-After", fmt.Sprint(l.options.RetryAfter))
		c.json(http.StatusAccepted, dps.RegistrationOperationStatus{
			OperationID: op.ID, Status: dps.StatusAssigning,
			RegistrationState: &dps.DeviceRegistrationResult{RegistrationID: id, Status: dps.StatusAssigning},
		})
		return nil
	}
	if c.verdict = describeResult(op.Result); op.Why != "" {
		c.verdict += " (" + op.Why + ")"
	}
	c.json(http.StatusOK, dps.RegistrationOperationStatus{
		OperationID: op.ID, Status: op.Result.Status, RegistrationState: forDevice(op.Result, c.version),
	})
	return nil
}

// begunBy reports whether the request comes from the device that began the
// operation, known by the certificate that it holds the key of.
func (o *operation) begunBy(c *call) bool {
	return len(c.presented()) > 0 && o.Credential.SHA256 != "" && c.leafThumbprint() == o.Credential.SHA256
}

// registrationLookup answers POST /{idScope}/registrations/{registrationId}:
// the device's registration as it stands, without beginning one.
func (l *Lab) registrationLookup(c *call) error {
	id, err := l.checkDevicePath(c)
	if err != nil {
		return err
	}
	if _, err := l.readRegistration(c, id); err != nil {
		return err
	}
	var have *registration
	err = l.store.view(func(t *tx) error {
		if _, err := l.attest(t, c, id); err != nil {
			return err
		}
		have, err = getRegistrationRecord(t, id)
		return err
	})
	if err != nil {
		return err
	}
	if have == nil { // guess U4, lookupUnassigned
		c.json(http.StatusOK, dps.DeviceRegistrationResult{RegistrationID: id, Status: dps.StatusUnassigned})
		return nil
	}
	c.verdict = describeResult(&have.DeviceRegistrationResult)
	c.json(http.StatusOK, forDevice(&have.DeviceRegistrationResult, c.version))
	return nil
}

// groupIDVersion is the first api-version that names the enrollment group in
// registrationState.x509 (guess U5).
const groupIDVersion = "2021-10-01"

// forDevice is a registration as a device sees it in an api-version.
func forDevice(r *dps.DeviceRegistrationResult, version string) *dps.DeviceRegistrationResult {
	if r.X509 == nil || version >= groupIDVersion {
		return r
	}
	older := *r
	older.X509 = &dps.X509RegistrationResult{}
	return &older
}

// describeResult says how a registration ended, for the lab's log.
func describeResult(r *dps.DeviceRegistrationResult) string {
	switch r.Status {
	case dps.StatusAssigned:
		return "assigned to " + r.AssignedHub + " as " + r.DeviceID
	case dps.StatusFailed:
		return fmt.Sprintf("failed %d %s", r.ErrorCode, r.ErrorMessage)
	}
	return r.Status
}
