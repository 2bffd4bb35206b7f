package workflow

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"dpslab/profiles"
	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

// hubRemover deletes the device at its hub. The state file knows no etag of it,
// because DPS tells none: the device is read first, compared with what the state
// file does know, and deleted with the etag that was read.
func (r *run) hubRemover(ctx context.Context, hub *iothub.ServiceClient, c profiles.Creation) func(string) error {
	return func(tag string) error {
		if tag == "*" {
			return hub.DeleteDevice(ctx, c.Name, tag)
		}
		d, err := hub.Device(ctx, c.Name)
		if r.options.DryRun { // both requests are made, and neither is sent
			r.note("%s is the etag that reading the device tells", laterETag)
			return hub.DeleteDevice(ctx, c.Name, laterETag)
		}
		if err != nil {
			return err
		}
		if changes := r.hubDeviceChanges(d); len(changes) > 0 {
			return &deviceChangedError{device: described(c), since: "it was assigned", changes: changes}
		}
		err = hub.DeleteDevice(ctx, c.Name, d.ETag)
		if isStatus(err, http.StatusPreconditionFailed) {
			return changedUnderHand(ctx, hub, c, d, err)
		}
		return err
	}
}

// changedUnderHand is the error of a device that somebody changed between
// reading and deleting it. One that is gone by now is the hub's 404.
func changedUnderHand(ctx context.Context, hub *iothub.ServiceClient, c profiles.Creation, read *iothub.Device, refused error) error {
	changed := &deviceChangedError{device: described(c), since: "it was read a moment ago", refused: refused}
	now, err := hub.Device(ctx, c.Name)
	switch {
	case isStatus(err, http.StatusNotFound):
		return err
	case err != nil:
		changed.changes = []string{"what has changed could not be read: " + wire.RedactText(err.Error())}
	default:
		changed.changes = deviceDifferences(read, now)
	}
	return changed
}

// deviceDifferences tells how a device differs from how it was read. Keys are
// compared and not told.
func deviceDifferences(was, is *iothub.Device) []string {
	const none = "none"
	held, holds := was.Authentication, is.Authentication
	edge := map[bool]string{true: "yes", false: "no"}
	lines := differing([]comparison{
		{"generation", was.GenerationID, is.GenerationID}, // deleted, and made again
		{"status", was.Status, is.Status},
		{"status reason", cmp.Or(was.StatusReason, none), cmp.Or(is.StatusReason, none)},
		{"authentication", held.Type, holds.Type},
		{"primary thumbprint", cmp.Or(held.X509Thumbprint.Primary, none), cmp.Or(holds.X509Thumbprint.Primary, none)},
		{"secondary thumbprint", cmp.Or(held.X509Thumbprint.Secondary, none), cmp.Or(holds.X509Thumbprint.Secondary, none)},
		{"IoT Edge", edge[was.Capabilities.IoTEdge], edge[is.Capabilities.IoTEdge]},
	})
	if held.SymmetricKey != holds.SymmetricKey {
		lines = append(lines, "its symmetric keys")
	}
	return append(lines, differing([]comparison{{"etag", was.ETag, is.ETag}})...)
}

// hubDeviceChanges compares a device with what DPS made of it: enabled, and let
// in by the certificate that registered.
func (r *run) hubDeviceChanges(d *iothub.Device) []string {
	lines := differing([]comparison{{"status", "enabled", d.Status}})
	leaf, held := r.state.Registration.LeafSHA256, d.Authentication.X509Thumbprint
	if leaf != "" && r.profile.Identity.Attestation == profiles.AttestationX509 && !strings.EqualFold(leaf, held.Secondary) {
		lines = append(lines, differing([]comparison{{"primary thumbprint", leaf, held.Primary}})...)
	}
	return lines
}

// deviceChangedError says that a device at a hub is not as DPS made it, or not
// any more as it was read.
type deviceChangedError struct {
	device  string
	since   string // when it was as expected
	changes []string
	refused error // the hub's refusal; nil: it was not asked to delete
}

func (e *deviceChangedError) Error() string {
	text := e.device + " was changed since " + e.since
	if len(e.changes) > 0 {
		text += ": " + strings.Join(e.changes, "; ")
	}
	return text
}

func (e *deviceChangedError) Unwrap() error { return e.refused }

func (e *deviceChangedError) problem() *Problem {
	p := &Problem{Kind: Refused, Op: "delete the " + e.device, Status: http.StatusPreconditionFailed}
	p.Why = "Somebody changed it at the hub after DPS made it for this device; nothing was deleted."
	p.Fix = "Look at it first; retire with --force deletes it all the same."
	if e.refused != nil {
		p = problemOf(p.Op, e.refused) // keeps the tracking ID
		p.Why = "Somebody changed it at the hub while it was being retired: the etag that was sent is that of the device as it was read. It was not deleted."
		p.Fix = "Retire again, which reads it anew; with --force it is deleted as it is."
	}
	p.Summary = "the " + e.Error()
	return p
}
