package workflow_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dpslab/cmd/embeddedlab"
	"dpslab/pki"
	"dpslab/workflow"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator"
)

// What others wrote into the record stays: another device ID, a certificate to
// roll over to.
func TestEnrollmentKeepsWhatOthersWrote(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", nil)
	b.mustRun("d", workflow.StepCertificates, workflow.StepEnrollment)
	service := b.service()
	e, err := service.Enrollment(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.ECP256.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	next, err := pki.SelfSignedDevice(key, "d", pki.ValidFor(time.Now(), 9))
	if err != nil {
		t.Fatal(err)
	}
	e.DeviceID, e.RegistrationState = "truck-7", nil
	e.Attestation.X509.ClientCertificates.Secondary = &dps.X509CertificateWithInfo{Certificate: string(pki.EncodeCertificates(next))}
	if _, err := service.PutEnrollment(t.Context(), e, e.ETag); err != nil {
		t.Fatal(err)
	}
	b.replaceDeviceCertificate("d", pki.ValidFor(time.Now(), 5), "d")
	status := b.mustRun("d", workflow.StepEnrollment)
	if text := status.Step(workflow.StepEnrollment).Text; !strings.HasPrefix(text, "updated") {
		t.Fatalf("enrollment says %q", text)
	}
	e, err = service.Enrollment(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	secondary := e.Attestation.X509.ClientCertificates.Secondary
	if e.DeviceID != "truck-7" || secondary == nil || secondary.Info.SHA256Thumbprint != pki.Thumbprint256(next) {
		t.Errorf("device ID %q, secondary %+v", e.DeviceID, secondary)
	}
}

// losing is a connection to the lab that loses the answer to one request: it is
// carried out, and nobody hears of it.
type losing struct {
	net.Conn
	armed *atomic.Bool
}

func (c losing) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.armed.CompareAndSwap(true, false) {
		c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// A write whose answer was lost was carried out: the repeated one meets a
// conflict with itself, which is no failure.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		operation string
		answers   workflow.Answers
	}{
		{"put enrollment", nil},
		{"put enrollment group", chainInGroup},
		{"upload signing certificate", chainInGroup},
		{"get enrollment", nil},
		{"register", nil},
		{"operation status", nil},
	} {
		t.Run(strings.ReplaceAll(tt.operation, " ", "-"), func(t *testing.T) {
			t.Parallel()
			inBubble(t, emulator.Options{}, func(t *testing.T, b *bench) {
				var armed, used atomic.Bool
				dial := b.lab.Dial
				b.lab.Dial = func(ctx context.Context) (net.Conn, error) {
					c, err := dial(ctx)
					if err != nil {
						return nil, err
					}
					return losing{c, &armed}, nil
				}
				b.onEvent = func(e workflow.Event) {
					if e.Kind == workflow.ExchangeStarted && e.Exchange.Operation == tt.operation && used.CompareAndSwap(false, true) {
						armed.Store(true)
					}
				}
				b.device("d", tt.answers)
				b.mustRun("d")
				if !used.Load() || armed.Load() {
					t.Error("no answer was lost")
				}
				st, err := b.store.LoadState("d")
				if err != nil || !st.Enrollment.Created {
					t.Errorf("who made the enrollment is forgotten: %+v %v", st.Enrollment, err)
				}
			})
		})
	}
}

// A run on a joined lab goes on when the process that served it ends.
func TestRunOutlivesJoinedLab(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	o := emulator.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", RetryAfter: -1}
	owner, err := embeddedlab.Open(o)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.session = b.open(embeddedlab.Open(o))
	defer b.session.Close()
	var closed atomic.Bool
	b.onEvent = func(e workflow.Event) {
		if e.Kind == workflow.StepFinished && e.Step == workflow.StepEnrollment && closed.CompareAndSwap(false, true) {
			if err := owner.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	b.device("d", nil)
	if status := b.mustRun("d"); status.Telemetry.Received != 2 {
		t.Errorf("%d messages arrived", status.Telemetry.Received)
	}
	if !closed.Load() {
		t.Error("the lab's owner did not end")
	}
}
