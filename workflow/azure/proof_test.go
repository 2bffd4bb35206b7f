package azure_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow/azure"
	"dpslab/workflow/wire"
)

// stages collects what a proof reports; do, if not nil, is called for each.
type stages struct {
	all []azure.ProofProgress
	do  func(azure.ProofProgress)
}

func (s *stages) report(p azure.ProofProgress) {
	s.all = append(s.all, p)
	if s.do != nil {
		s.do(p)
	}
}

func (s *stages) String() string {
	var names []string
	for _, p := range s.all {
		names = append(names, string(p.Stage))
	}
	return strings.Join(names, " ")
}

const callsOfAProof = "get signing certificate, upload signing certificate, generate verification code, verify signing certificate"

func TestProvePossession(t *testing.T) {
	t.Parallel()
	for name, o := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, ca := startLab(t), newRoot(t, "my root")
			c := l.certificates(t, o)
			p := azure.Proof{Name: "my-root", CA: ca.Certificate, Signer: signer(ca.Key)}
			var s stages
			held, err := azure.ProvePossession(t.Context(), c, p, s.report)
			if err != nil || !held.Verified || held.Thumbprint != pki.Thumbprint1(ca.Certificate) {
				t.Fatalf("got %+v, %v", held, err)
			}
			if s.String() != "absent uploaded code signed verified" || l.operations() != callsOfAProof {
				t.Errorf("stages %s by %s", &s, l.operations())
			}
			end := s.all[len(s.all)-1]
			if !end.Uploaded || end.ETag != held.ETag || end.Code != "" || end.Name != "my-root" || end.Note == "" {
				t.Errorf("ends with %+v", end)
			}
			// Once more: it is read, and no key is asked for.
			p.Signer = func(context.Context) (crypto.Signer, error) { return nil, errors.New("the key was asked for") }
			again, err := azure.ProvePossession(t.Context(), c, p, nil)
			if err != nil || again.ETag != held.ETag || l.operations() != callsOfAProof+", get signing certificate" {
				t.Errorf("again: %+v, %v by %s", again, err, l.operations())
			}
		})
	}
}

// TestProofThatIsBrokenOff ends a proof at every stage and starts it again.
func TestProofThatIsBrokenOff(t *testing.T) {
	t.Parallel()
	const read, upload, code, verify = "get signing certificate", "upload signing certificate", "generate verification code", "verify signing certificate"
	for stage, want := range map[azure.ProofStage][]string{
		azure.ProofAbsent:   {read, upload, code, verify},
		azure.ProofUploaded: {read, code, verify},
		azure.ProofCode:     {read, verify}, // with the code that was kept
		azure.ProofSigned:   {read, verify},
		azure.ProofVerified: {read},
	} {
		t.Run(string(stage), func(t *testing.T) {
			t.Parallel()
			l, ca, killed := startLab(t), newRoot(t, "my root"), errors.New("killed")
			c := l.certificates(t, azure.CertificateOptions{})
			p := azure.Proof{Name: "my-root", CA: ca.Certificate, Signer: signer(ca.Key)}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			s := stages{do: func(at azure.ProofProgress) {
				if at.Stage == stage {
					cancel(killed)
				}
			}}
			if _, err := azure.ProvePossession(ctx, c, p, s.report); stage != azure.ProofVerified && !errors.Is(err, killed) {
				t.Fatalf("broken off: %v", err)
			}
			l.mu.Lock()
			l.exchanges = nil
			l.mu.Unlock()
			p.Resume = s.all[len(s.all)-1]
			held, err := azure.ProvePossession(t.Context(), c, p, nil)
			if err != nil || !held.Verified || l.operations() != strings.Join(want, ", ") {
				t.Errorf("got %+v, %v by %s", held, err, l.operations())
			}
		})
	}
}

// TestProofAmongOthers has somebody else change the certificate at each stage.
func TestProofAmongOthers(t *testing.T) {
	t.Parallel()
	for _, stage := range []azure.ProofStage{azure.ProofAbsent, azure.ProofUploaded, azure.ProofCode, azure.ProofSigned} {
		t.Run(string(stage), func(t *testing.T) {
			t.Parallel()
			l, ca, ctx := startLab(t), newRoot(t, "my root"), t.Context()
			c, done := l.certificates(t, azure.CertificateOptions{}), false
			s := stages{do: func(at azure.ProofProgress) {
				if at.Stage != stage || done {
					return
				}
				done = true
				tag := "*"
				if stage == azure.ProofAbsent {
					if _, err := c.Put(ctx, "my-root", ca.Certificate, "", false); err != nil {
						t.Error(err)
					}
				}
				if _, _, err := c.VerificationCode(ctx, "my-root", tag); err != nil {
					t.Error(err)
				}
			}}
			held, err := azure.ProvePossession(ctx, c, azure.Proof{Name: "my-root", CA: ca.Certificate, Signer: signer(ca.Key)}, s.report)
			if err != nil || !held.Verified || !done {
				t.Errorf("got %+v, %v after %s", held, err, &s)
			}
		})
	}
}

func TestProofWithAStaleCode(t *testing.T) {
	t.Parallel()
	l, ca, ctx := startLab(t), newRoot(t, "my root"), t.Context()
	c := l.certificates(t, azure.CertificateOptions{})
	for name, resume := range map[string]func(tag string) azure.ProofProgress{
		"the etag is another one": func(string) azure.ProofProgress {
			return azure.ProofProgress{Stage: azure.ProofCode, Name: "my-root", ETag: "AAAAAAAAAAA=", Code: "OLD"}
		},
		"DPS has forgotten the code": func(tag string) azure.ProofProgress {
			return azure.ProofProgress{Stage: azure.ProofCode, Name: "my-root", ETag: tag, Code: "OLD"}
		},
	} {
		put, err := c.Put(ctx, "my-root", ca.Certificate, "", false)
		if err != nil {
			t.Fatal(err)
		}
		p := azure.Proof{Name: "my-root", CA: ca.Certificate, Signer: signer(ca.Key), Resume: resume(put.ETag)}
		held, err := azure.ProvePossession(ctx, c, p, nil)
		if err != nil || !held.Verified {
			t.Fatalf("%s: %+v, %v", name, held, err)
		}
		if _, err := c.Delete(ctx, "my-root", "*"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProofByTheWrongKey(t *testing.T) {
	t.Parallel()
	l, ca := startLab(t), newRoot(t, "my root")
	c := l.certificates(t, azure.CertificateOptions{})
	locked := errors.New("the pass phrase is wrong")
	for want, sign := range map[error]func(context.Context) (crypto.Signer, error){
		azure.ErrWrongSigner: signer(newRoot(t, "my root").Key),
		locked:               func(context.Context) (crypto.Signer, error) { return nil, locked },
	} {
		if _, err := azure.ProvePossession(t.Context(), c, azure.Proof{Name: "my-root", CA: ca.Certificate, Signer: sign}, nil); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	leaf := newRoot(t, "leaf")
	certificate, err := pki.SelfSignedDevice(leaf.Key, "leaf", pki.ValidFor(time.Now(), 1))
	if err != nil {
		t.Fatal(err)
	}
	past, err := pki.RootCA(leaf.Key, "past", pki.ValidFor(time.Now().AddDate(0, 0, -9), 1))
	if err != nil {
		t.Fatal(err)
	}
	for want, ca := range map[error]*x509.Certificate{pki.ErrNotCA: certificate, pki.ErrIssuerExpired: past} {
		if _, err := azure.ProvePossession(t.Context(), c, azure.Proof{Name: "my-root", CA: ca, Signer: signer(leaf.Key)}, nil); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if _, err := azure.ProvePossession(t.Context(), c, azure.Proof{Name: "my-root"}, nil); err == nil {
		t.Error("proved nothing")
	}
	if _, err := c.Get(t.Context(), "my-root"); !errors.Is(err, azure.ErrNotFound) {
		t.Errorf("something was changed: %v", err)
	}
}

func TestProofOfATakenName(t *testing.T) {
	t.Parallel()
	l, ca, other, ctx := startLab(t), newRoot(t, "mine"), newRoot(t, "another"), t.Context()
	c := l.certificates(t, azure.CertificateOptions{})
	if _, err := c.Put(ctx, "my-root", other.Certificate, "", true); err != nil {
		t.Fatal(err)
	}
	p := azure.Proof{Name: "my-root", CA: ca.Certificate, Signer: signer(ca.Key)}
	_, err := azure.ProvePossession(ctx, c, p, nil)
	var taken *azure.NameTakenError
	if !errors.As(err, &taken) || taken.Thumbprint != pki.Thumbprint1(other.Certificate) || taken.Subject != "CN=another" {
		t.Fatalf("got %v", err)
	}
	p.Replace = true
	held, err := azure.ProvePossession(ctx, c, p, nil)
	if err != nil || !held.Verified || held.Thumbprint != pki.Thumbprint1(ca.Certificate) {
		t.Errorf("replaced: %+v, %v", held, err)
	}
	if all, err := c.List(ctx); err != nil || len(all) != 1 {
		t.Errorf("listed %v, %v", all, err)
	}
}

// An answer that is lost makes the repeated call a 412: the proof reads again.
func TestProofWithLostAnswers(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"upload signing certificate", "generate verification code", "verify signing certificate"} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			l, ca := startLab(t), newRoot(t, "my root")
			var times atomic.Int32
			m := l.WithRetry(func(_ context.Context, _ bool, call func() error) error {
				err := call()
				l.mu.Lock()
				last := l.exchanges[len(l.exchanges)-1].Operation
				l.mu.Unlock()
				if err == nil && last == lost && times.Add(1) == 1 {
					return call() // as if nothing had come
				}
				return err
			})
			c, err := m.Certificates(l.instance(), azure.CertificateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			held, err := azure.ProvePossession(t.Context(), c, azure.Proof{Name: "my-root", CA: ca.Certificate, Signer: signer(ca.Key)}, nil)
			if err != nil || !held.Verified || times.Load() < 1 {
				t.Errorf("got %+v, %v by %s", held, err, l.operations())
			}
		})
	}
}

// Somebody who changes the certificate all the time does not hold a proof up
// for ever.
func TestProofThatNeverSettles(t *testing.T) {
	t.Parallel()
	l, ca, ctx := startLab(t), newRoot(t, "my root"), t.Context()
	c := l.certificates(t, azure.CertificateOptions{})
	s := stages{do: func(at azure.ProofProgress) {
		if at.Stage == azure.ProofSigned {
			if _, _, err := c.VerificationCode(ctx, "my-root", "*"); err != nil {
				t.Error(err)
			}
		}
	}}
	_, err := azure.ProvePossession(ctx, c, azure.Proof{Name: "my-root", CA: ca.Certificate, Signer: signer(ca.Key)}, s.report)
	wantRefusal(t, err, http.StatusPreconditionFailed, "412001")
	if n := strings.Count(l.operations(), "get signing certificate"); n != 4 {
		t.Errorf("read %d times", n)
	}
}

func TestProofWithoutAnAccount(t *testing.T) {
	t.Parallel()
	l, ca := startLab(t), newRoot(t, "my root")
	c, err := l.as(t, "not.the.token").Certificates(l.instance(), azure.CertificateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = azure.ProvePossession(t.Context(), c, azure.Proof{Name: "my-root", CA: ca.Certificate, Signer: signer(ca.Key)}, nil)
	var access *azure.AccessError
	var refused *wire.ServiceError
	if !errors.As(err, &access) || !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized || !strings.Contains(fmt.Sprint(err), "az login") {
		t.Errorf("got %v", err)
	}
}

func TestProofOfACertificateUnderAnotherName(t *testing.T) {
	t.Parallel()
	l, ca, ctx := startLab(t), newRoot(t, "my root"), t.Context()
	c := l.certificates(t, azure.CertificateOptions{})
	if _, err := c.Put(ctx, "other-name", ca.Certificate, "", false); err != nil {
		t.Fatal(err)
	}
	_, err := azure.ProvePossession(ctx, c, azure.Proof{Name: "my-root", CA: ca.Certificate, Signer: signer(ca.Key)}, nil)
	var refused *wire.ServiceError
	if !errors.As(err, &refused) || refused.Status/100 != 4 {
		t.Errorf("got %v", err)
	}
	if n := strings.Count(l.operations(), "upload signing certificate"); n > 3 {
		t.Errorf("uploaded %d times", n)
	}
}
