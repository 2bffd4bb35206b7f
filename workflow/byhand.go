package workflow

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"dpslab/profiles"
	"dpslab/workflow/wire"
)

// Manual is what somebody has to do elsewhere before a step can go on.
type Manual struct {
	What    string `json:"what"`              // "enroll device-01", in a few words
	Portal  string `json:"portal,omitempty"`  // the way through the Azure portal
	Command string `json:"command,omitempty"` // a shell command that does it
	File    string `json:"file,omitempty"`    // what is needed for it, or where its result is awaited
}

// String is all of it as lines of text.
func (m Manual) String() string {
	lines := []string{m.What}
	for _, part := range [][2]string{{"file: ", m.File}, {"in the portal: ", m.Portal}, {"or run: ", m.Command}} {
		if part[1] != "" {
			lines = append(lines, part[0]+part[1])
		}
	}
	return strings.Join(lines, "\n")
}

// lookEvery is how often is looked whether it is done.
const lookEvery = 5 * time.Second

// errNotDone is what a look finds as long as it is not done.
var errNotDone = errors.New("not done yet")

// hand shows what is to be done elsewhere and returns when it is: a person says
// so, or done finds it. done may be nil when nothing here can tell; the person's
// answer goes to it. Without a person it fails with the instructions.
func (r *run) hand(ctx context.Context, m Manual, q Question, done func(ctx context.Context, answer string) error) error {
	r.emit(Event{Kind: HandNeeded, Text: m.String(), Manual: &m})
	if r.session.config.Ask == nil {
		return &Problem{
			Kind: ByHand, Op: m.What, Summary: "somebody has to do this elsewhere, and nobody is here to wait for",
			Fix: m.String() + "\nThen run dpslab run " + r.name + " again.",
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	asking := q
	for {
		answer, err := r.askOrLook(ctx, asking, done)
		if err == nil && done != nil {
			err = done(ctx, answer)
		}
		if !errors.Is(err, errNotDone) {
			return err
		}
		asking.Prompt = "Not done yet. " + q.Prompt
	}
}

// askOrLook waits for the person or for what a look finds, whichever comes
// first.
func (r *run) askOrLook(ctx context.Context, q Question, done func(context.Context, string) error) (string, error) {
	asked, withdraw := context.WithCancel(ctx)
	defer withdraw()
	type reply struct {
		text string
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		text, err := r.session.config.Ask(asked, q)
		replies <- reply{text, err}
	}()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case got := <-replies:
			return strings.TrimSpace(got.text), got.err
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-ticker.C:
			if done == nil || done(ctx, "") != nil {
				continue // an error is told when the person says that it is done
			}
			withdraw()
			<-replies // the question is off the screen
			return "", nil
		}
	}
}

// admitted asks DPS, as the device, whether it would let the device in; the
// answer is errNotDone when it would not.
func (r *run) admitted(ctx context.Context) error {
	if r.profile.Identity.Attestation == profiles.AttestationTPM {
		return errNotDone // to ask would cost the TPM the key that it has for the hub
	}
	device, err := r.dpsClient(ctx)
	if err != nil {
		return err
	}
	_, err = device.RegistrationStatus(ctx, r.registrationID())
	var refused *wire.ServiceError
	if errors.As(err, &refused) {
		switch refused.Status {
		case http.StatusUnauthorized, http.StatusForbidden:
			return errNotDone
		case http.StatusNotFound:
			return nil // let in, and not registered yet
		}
	}
	var connect *wire.ConnectError
	if errors.As(err, &connect) && ctx.Err() == nil {
		r.warn("DPS cannot be asked whether it admits the device: " + problemOf("", err).Summary)
		return errNotDone
	}
	return err
}

// enrolledByHand waits until somebody has written the enrollment.
func (r *run) enrolledByHand(ctx context.Context, t *target) (string, error) {
	if err := r.admitted(ctx); err == nil {
		return "DPS admits the device: somebody has enrolled it", nil
	} else if !errors.Is(err, errNotDone) {
		return "", err
	}
	m := r.enrollmentByHand(t)
	q := Question{Key: "step." + string(StepEnrollment), Prompt: m.What + " (" + t.why + "). Press enter when it is done", Confirm: true}
	tpm := r.profile.Identity.Attestation == profiles.AttestationTPM
	err := r.hand(ctx, m, q, func(ctx context.Context, _ string) error {
		if tpm {
			return nil // the person's word counts
		}
		return r.admitted(ctx)
	})
	if err != nil {
		return "", err
	}
	return "somebody has enrolled the device", nil
}

// dpsName is the instance's name, for commands.
func (r *run) dpsName() string {
	if n := r.profile.Target.DPSName; n != "" {
		return n
	}
	name, _, _ := strings.Cut(r.profile.Target.ServiceEndpoint, ".")
	if name == "" {
		return "NAME"
	}
	return name
}

// enrollmentByHand says how somebody else writes the enrollment.
func (r *run) enrollmentByHand(t *target) Manual {
	i, e := r.profile.Identity, r.profile.Enrollment
	group := e.Kind == profiles.EnrollmentGroup
	kind, id, page := "individual enrollment", i.RegistrationID, "Individual enrollments › Add individual enrollment"
	command := []string{"az", "iot", "dps", "enrollment", "create", "--dps-name", r.dpsName(), "--enrollment-id", id}
	if group {
		kind, id, page = "enrollment group", e.ID, "Enrollment groups › Add enrollment group"
		command = []string{"az", "iot", "dps", "enrollment-group", "create", "--dps-name", r.dpsName(), "--enrollment-id", id}
	}
	m := Manual{What: "Write the " + kind + " " + id + " at DPS", Portal: r.dpsName() + " › Manage enrollments › " + page}
	switch i.Attestation {
	case profiles.AttestationSymmetricKey:
		m.Portal += " › Symmetric key"
		if !group {
			command = append(command, "--attestation-type", "symmetricKey")
		}
	case profiles.AttestationTPM:
		m.Portal += " › TPM"
		command = append(command, "--attestation-type", "tpm", "--endorsement-key", "KEY")
	default:
		m.File = r.certificateToEnroll()
		if group {
			m.Portal += " › X.509 intermediate certificates"
		} else {
			m.Portal += " › X.509 client certificates"
			command = append(command, "--attestation-type", "x509")
		}
		if e.CAReference != "" {
			m.File = ""
			command = append(command, "--ca-name", e.CAReference)
		} else {
			command = append(command, "--certificate-path", m.File)
		}
	}
	if !group && e.DeviceID != "" {
		command = append(command, "--device-id", e.DeviceID)
	}
	m.Command = shellLine(append(command, "--allocation-policy", e.AllocationPolicy))
	return m
}

// certificateToEnroll is the file with the certificate that an enrollment names.
func (r *run) certificateToEnroll() string {
	switch {
	case r.profile.Enrollment.Kind != profiles.EnrollmentGroup:
		return r.files().certificate
	case r.imports():
		return r.files().chain
	}
	return r.authorityFiles().IntermediateCertificate()
}

func shellLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = wire.ShellWord(w)
	}
	return strings.Join(quoted, " ")
}

// caByHand has somebody else upload a CA. Where nobody is there it is a step to
// skip: the enrollment tells whether it is needed.
func (r *run) caByHand(ctx context.Context, t *target, name, file string) (string, error) {
	if t.authorize == nil && r.admitted(ctx) == nil {
		return "", skipped{"DPS admits the device already"}
	}
	m := Manual{
		What: "Upload the CA " + name + " to DPS as verified", File: file,
		Portal:  r.dpsName() + " › Certificates › Add › Set certificate status to verified on upload",
		Command: shellLine([]string{"az", "iot", "dps", "certificate", "create", "--dps-name", r.dpsName(), "--certificate-name", name, "--path", file, "--verified", "true"}),
	}
	if r.session.config.Ask == nil {
		r.emit(Event{Kind: HandNeeded, Text: m.String(), Manual: &m})
		return "", skipped{t.why + ": somebody who may do it runs " + m.Command}
	}
	q := Question{Key: "step." + string(StepSigningCA), Prompt: m.What + " (" + t.why + "). Press enter when it is done", Confirm: true}
	if err := r.hand(ctx, m, q, nil); err != nil {
		return "", err
	}
	return name + " is uploaded, as somebody says", nil
}
