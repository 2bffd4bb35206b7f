package tui

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dpslab/cmd/embeddedlab"
	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

// pipes is a listener without a network, so that the lab runs in virtual time.
type pipes struct {
	waiting chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func newPipes() *pipes { return &pipes{waiting: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8443} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.waiting <- there:
		return here, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// withLab is inBubble with the real engine against the real lab.
func withLab(t *testing.T, f func(*rig)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		open := embeddedlab.Open(emulator.Options{InMemory: true, Listener: p})
		newRig(t, dir, nil, func(ctx context.Context) (*workflow.Lab, error) {
			lab, err := open(ctx)
			if err == nil {
				lab.Dial = p.dial
			}
			return lab, err
		}).live(f)
	})
}

// until presses a key until the screen shows a text.
func (r *rig) until(key, text string) {
	r.t.Helper()
	for range 40 {
		if strings.Contains(r.screen(), text) {
			return
		}
		r.press(key)
	}
	r.see(text)
}

// describe opens the wizard from the home screen and types the name of a device.
func (r *rig) describe(name string) {
	r.t.Helper()
	r.press("n")
	r.until(enter, "> registration ID")
	r.press(name)
}

// chooseChain goes on to the certificates, and takes a chain instead of the
// self-signed one.
func (r *rig) chooseChain() {
	r.t.Helper()
	r.until(enter, "> certificate ")
	r.press(down)
}

// runToTheEnd takes every default that is left, and runs until all telemetry is
// sent.
func (r *rig) runToTheEnd() {
	r.t.Helper()
	r.until(enter, "What will run")
	r.press(enter)
	r.pass(20 * time.Second)
	r.see("sent 10 of 10")
}

// runNew describes and runs a device with every default.
func (r *rig) runNew(name string) {
	r.t.Helper()
	r.describe(name)
	r.runToTheEnd()
}

// runNewChain is runNew for a device with a chain, in a group.
func (r *rig) runNewChain(name string) {
	r.t.Helper()
	r.describe(name)
	r.chooseChain()
	r.runToTheEnd()
}

// pass lets virtual time go by.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	r.settle()
}

// Nothing is typed but a name and enter: from an empty home screen to accepted
// telemetry.
func TestFromNothingToTelemetry(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.see("Press n to describe one")
		r.describe("my-x509-device")
		r.until(enter, "What will run")
		r.see("my-x509-device.toml")
		r.press(enter)
		r.pass(time.Second)
		r.see("lab ● 127.0.0.1:8443")
		r.see("PUT register")
		r.see("202 assigning")
		r.see("wait 3 s")
		r.see("s left")
		r.pass(5 * time.Second)
		r.see("of 10")
		r.see("temperature")
		r.pass(12 * time.Second)
		r.see("sent 10 of 10   failed 0   at the hub 10   1.0/s")
		r.see("✓ assigned to lab-hub.azure-devices.net as my-x509-device")
		r.press("q")
		r.see("assigned lab-hub")
		r.see("30 days left")
		r.press("q")
		if err := r.wait(); err != nil {
			t.Error(err)
		}
		last := farewell(r.a)
		for _, want := range []string{"my-x509-device: assigned to lab-hub.azure-devices.net", "10 of 10 messages accepted", "dpslab run my-x509-device", "files in "} {
			if !strings.Contains(last, want) {
				t.Errorf("the last words lack %q:\n%s", want, last)
			}
		}
	})
}

func TestAChainInAGroup(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.describe("device-01")
		r.chooseChain()
		r.see("● chain")
		r.until(enter, "> enrollment")
		r.see("● group")
		r.runToTheEnd()
		r.see("✓ 2 signing CA")
		r.see("sent 10 of 10")
		r.press("\x1b[A", "\x1b[A", "\x1b[A")
		r.see("Signing CA")
		r.press("t", "g")
		r.see("Azure Resource Manager")
		r.see("GET https://management.azure.com/")
		r.press("G", "\t", "z", "G", enter)
		r.see("the device sent 3 certificates")
	})
}

// A run cancelled while polling is offered for resuming, and resuming asks for
// the result of the same operation.
func TestResumeFromTheBench(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.describe("truck-7")
		r.until(enter, "What will run")
		r.press(enter)
		r.pass(time.Second)
		r.press(ctrlC)
		r.see("■ cancelled")
		r.press(esc)
		r.see("■ can be resumed")
		r.press(enter)
		r.see("A registration was under way (operation")
		r.press(enter)
		r.pass(20 * time.Second)
		r.see("sent 10 of 10")
		r.press("\x1b[A")
		r.dontSee("PUT register")
		r.see("GET operation")
		r.see("200 assigned")
	})
}

func TestCopyAlwaysWritesAFile(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.runNew("press-3")
		r.press("y")
		r.see("Copy the request as")
		r.press(enter)
		r.see("The curl copy is in")
		path := filepath.Join(r.session.StateDir(), "copied-request.sh")
		text, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(text), "curl ") {
			t.Errorf("%s holds %q, %v", path, text, err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	})
}

// Every step can be cancelled with ctrl+c, and the next ctrl+c leaves.
func TestCtrlCAtAnyMoment(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, 10 * time.Millisecond, 300 * time.Millisecond, 3100 * time.Millisecond, 5 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			withLab(t, func(r *rig) {
				r.describe("d-1")
				r.until(enter, "What will run")
				_, _ = r.keys.Write([]byte(enter))
				time.Sleep(after)
				r.press(ctrlC)
				if r.over() {
					return // nothing ran yet: the first one leaves
				}
				r.pass(2 * time.Second)
				r.dontSee("cancelling")
				r.see("cancelled")
				r.press(ctrlC)
				if err := r.wait(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The chain screen compares files, wire, DPS, enrollment and hub, and says at
// which certificate a renewal has broken them.
func TestTheChainOfAGroupDevice(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.runNewChain("device-01")
		r.press("x")
		r.settle()
		r.see("device-01 · chain")
		r.see("3/3   verified")
		r.see("╰─device-01")
		r.see("no break between files")
		r.press(enter)
		r.see("Version: 3 (0x2)")
		r.press("G")
		r.see("Signature Value")
		r.press("y")
		r.see("The certificate is in")
		pem, err := os.ReadFile(filepath.Join(r.session.StateDir(), "copied-certificate.pem"))
		if err != nil || !strings.HasPrefix(string(pem), "-----BEGIN CERTIFICATE-----\n") {
			t.Errorf("copied %q, %v", pem, err)
		}
		r.press(esc, "k", "o")
		r.see("The openssl command is in")
		r.press(esc)
		_ = os.RemoveAll(filepath.Join(r.session.StateDir(), "devices"))
		r.press("k", "k", "k", "k", enter)
		r.pass(time.Second)
		r.press("x")
		r.settle()
		r.see("IoT Hub still expects this one")
		r.see("breaks")
	})
}

// RSA keys are searched for while the wizard is open, and a change of mind does
// not leave the wrong ones.
func TestAnRSADevice(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.describe("rsa-1")
		r.until(enter, "> key ")
		r.until(down, "● RSA 2048")
		r.press(down, "\x1b[A")
		r.runToTheEnd()
		r.press("x")
		r.see("RSA 2048")
	})
}

// The lab screen shows what runs leave behind, goes on while messages come, and
// switches a scenario that the next run meets.
func TestTheLabScreen(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.runNew("my-x509-device")
		r.press(esc, "l")
		r.settle()
		r.see("[1 enrolled]")
		r.see("✓ enabled")
		r.press("\t")
		r.see("● assigned")
		r.press("\t")
		r.see("message 10 of my-x509-device")
		r.press("\t")
		r.until("j", "> disabled")
		r.press(enter)
		r.pass(100 * time.Millisecond)
		r.see("disabled on")
		r.see("ON    0")
		r.pass(10 * time.Second) // the toast goes
		_, before := r.out.counts()
		r.pass(10 * time.Minute)
		if _, after := r.out.counts(); after != before {
			t.Errorf("an idle lab screen wrote %d bytes", after-before)
		}
		r.press(esc, enter, "k", enter)
		r.pass(20 * time.Second)
		r.see("registration failed")
		r.press(esc, "l")
		r.settle()
		r.see("! 1 of")
		r.press("c")
		r.pass(100 * time.Millisecond)
		r.see("0 of ")
		r.pass(10 * time.Second)
		r.press("\t", "\t", "\t")
		r.until("j", "> disabled")
		r.press("p", "another-device", "\t", "\t", "7", enter)
		r.see("is no number above 0 to 1")
		r.press("\x7f", "1", enter)
		r.pass(10 * time.Second)
		r.see("another-device")
		r.press(esc, enter, enter)
		r.pass(20 * time.Second)
		r.dontSee("registration failed")
	})
}

// Messages that come while the screen is open show within a second or so, and
// nothing is read once it is left.
func TestTheInboxIsLive(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.runNew("d-1")
		r.press(esc, "l")
		r.settle()
		r.press("\t", "\t")
		r.see("10 messages")
		if _, err := r.session.Start("d-1", workflow.RunOptions{Only: []workflow.StepID{workflow.StepTelemetry}, Count: 3}); err != nil {
			t.Fatal(err)
		}
		r.pass(5 * time.Second)
		r.see("13 messages")
		r.see("message 13 of d-1")
		r.press(esc)
		looks := r.a.looks
		r.pass(10 * time.Second)
		if r.a.looks != looks {
			t.Errorf("%d looks at the lab after its screen was left", r.a.looks-looks)
		}
	})
}
