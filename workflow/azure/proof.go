package azure

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"dpslab/pki"
	"dpslab/workflow/wire"
)

// ProofStage is how far a proof of possession has come.
type ProofStage string

// The stages, in their order.
const (
	ProofAbsent   ProofStage = "absent"   // DPS does not hold the CA certificate
	ProofUploaded ProofStage = "uploaded" // DPS holds it, possession is to be proved
	ProofCode     ProofStage = "code"     // DPS has made a verification code
	ProofSigned   ProofStage = "signed"   // a certificate with that code is signed
	ProofVerified ProofStage = "verified"
)

// Proof asks for the proof that the sender of a CA certificate holds its
// private key.
type Proof struct {
	Name string            // of the certificate at DPS
	CA   *x509.Certificate // a root or an intermediate CA

	// Signer gives the CA's private key. It is asked only when something is to
	// be signed, before anything at DPS changes.
	Signer func(context.Context) (crypto.Signer, error)

	// Note, which may be nil, hears of the verification certificate before it is
	// sent; an error means that it is not.
	Note func(pki.Issued) error

	// Replace allows to replace another certificate of that name.
	Replace bool

	// Resume is what was last reported by an attempt that was broken off. A zero
	// value is always right: DPS is read first anyhow, and only its code cannot be
	// read there.
	Resume ProofProgress
}

// ProofProgress is reported at each stage. It holds nothing secret; kept on
// disk it lets a broken off proof go on without a new code.
type ProofProgress struct {
	Stage    ProofStage
	Name     string
	ETag     string // of the certificate at this stage
	Code     string // from ProofCode on
	Uploaded bool   // this proof uploaded the certificate; false: it was there
	Note     string // a sentence for a person
}

// NameTakenError means that DPS holds another certificate of the name.
type NameTakenError struct {
	Name       string
	Thumbprint string // of the one that DPS holds, SHA-1
	Subject    string
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("DPS holds another certificate named %q (SHA-1 %s, subject %s)", e.Name, e.Thumbprint, e.Subject)
}

// ErrWrongSigner means that a private key does not belong to the CA
// certificate.
var ErrWrongSigner = errors.New("the private key does not belong to the CA certificate")

// proofRounds is how often DPS is read again when somebody else changed the
// certificate.
const proofRounds = 4

// ProvePossession brings a CA certificate from wherever it is to verified:
// upload it, have DPS make a verification code, sign a certificate whose CN is
// that code by the CA, send it. Each call carries the etag that the one before
// returned. Whenever DPS refuses an etag as stale, it is read again and the
// proof goes on from there; so a call may be repeated whose answer was lost.
//
// progress, which may be nil, hears of each stage when it is reached. A proof
// that is broken off can be started again at any time with the same Proof.
func ProvePossession(ctx context.Context, c *Certificates, p Proof, progress func(ProofProgress)) (*Certificate, error) {
	if p.CA == nil || p.Signer == nil {
		return nil, &ValueError{"proof of possession", "", "a CA certificate, and somebody who gives its key"}
	}
	run := &proving{c: c, p: p, state: p.Resume, report: progress}
	if run.report == nil {
		run.report = func(ProofProgress) {}
	}
	for round := 1; ; round++ {
		held, err := run.round(ctx)
		if err == nil || round == proofRounds || !run.stale(err) {
			return held, err
		}
		run.say(run.state.Stage, "DPS holds a newer state than the one read: reading it again")
	}
}

// proving is one proof under way.
type proving struct {
	c      *Certificates
	p      Proof
	key    crypto.Signer // nil: not asked for yet
	state  ProofProgress
	report func(ProofProgress)
	taken  bool // a conflict came once
}

// stale reports whether what was read before may not be so any more. A conflict
// may be that, once; or DPS holds the certificate under another name.
func (r *proving) stale(err error) bool {
	var refused *wire.ServiceError
	if !errors.As(err, &refused) {
		return false
	}
	if refused.Status == http.StatusConflict && !r.taken {
		r.taken = true
		return true
	}
	return refused.Status == http.StatusPreconditionFailed
}

// say reports a stage.
func (r *proving) say(stage ProofStage, format string, args ...any) {
	r.state.Stage, r.state.Name, r.state.Note = stage, r.p.Name, fmt.Sprintf(format, args...)
	r.report(r.state)
}

// round reads what DPS holds and does what is missing.
func (r *proving) round(ctx context.Context) (*Certificate, error) {
	held, err := r.c.Get(ctx, r.p.Name)
	switch {
	case errors.Is(err, ErrNotFound):
		held = nil
	case err != nil:
		return nil, err
	}
	if held != nil && r.same(held) && held.Verified {
		r.state.ETag, r.state.Code = held.ETag, ""
		r.say(ProofVerified, "DPS holds %s as verified", held.Name)
		return held, nil
	}
	if err := r.openKey(ctx); err != nil {
		return nil, err
	}
	if held, err = r.upload(ctx, held); err != nil || held.Verified {
		return held, err
	}
	return r.prove(ctx, held)
}

func (r *proving) same(held *Certificate) bool {
	return strings.EqualFold(held.Thumbprint, pki.Thumbprint1(r.p.CA))
}

// openKey gets the key, checks that it is the CA's and signs with it once, so
// that what cannot be proved changes nothing at DPS: a wrong key, a certificate
// that is not a CA's, a CA that has expired.
func (r *proving) openKey(ctx context.Context) error {
	if r.key != nil {
		return nil
	}
	key, err := r.p.Signer(ctx)
	if err != nil {
		return err
	}
	own, ok := r.p.CA.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !own.Equal(key.Public()) {
		return fmt.Errorf("%w %s", ErrWrongSigner, r.p.CA.Subject)
	}
	if _, err := sign(ctx, pki.Issuer{Certificate: r.p.CA, Key: key}, "trial"); err != nil {
		return err
	}
	r.key = key
	return nil
}

// sign makes the verification certificate: its CN is the code.
func sign(ctx context.Context, by pki.Issuer, code string) (*x509.Certificate, error) {
	key, err := pki.ECP256.GenerateKey(ctx)
	if err != nil {
		return nil, err
	}
	proof, err := pki.VerificationCertificate(key.Public(), code, pki.ValidFor(time.Now(), pki.VerificationDays), by)
	if err != nil {
		return nil, fmt.Errorf("sign the verification certificate: %w", err)
	}
	return proof, nil
}

// upload makes sure that DPS holds the CA certificate.
func (r *proving) upload(ctx context.Context, held *Certificate) (*Certificate, error) {
	tag := ""
	switch {
	case held == nil:
		r.state.ETag, r.state.Code = "", ""
		r.say(ProofAbsent, "DPS has no certificate named %s yet", r.p.Name)
	case r.same(held):
		r.state.ETag = held.ETag
		if r.state.Stage == "" || r.state.Stage == ProofAbsent {
			r.say(ProofUploaded, "DPS holds %s already, not verified", held.Name)
		}
		return held, nil
	case !r.p.Replace:
		return nil, &NameTakenError{Name: held.Name, Thumbprint: held.Thumbprint, Subject: held.Subject}
	default:
		tag, r.state.Code = held.ETag, ""
		r.say(ProofAbsent, "replacing the certificate that DPS holds as %s (SHA-1 %s)", held.Name, held.Thumbprint)
	}
	held, err := r.c.Put(ctx, r.p.Name, r.p.CA, tag, false)
	if err != nil {
		return nil, err
	}
	r.state.ETag, r.state.Uploaded = held.ETag, true
	r.say(ProofUploaded, "uploaded %s", held.Name)
	return held, nil
}

// prove answers DPS's challenge.
func (r *proving) prove(ctx context.Context, held *Certificate) (*Certificate, error) {
	kept := r.p.Resume
	resumed := kept.Code != "" && kept.ETag == held.ETag && kept.Name == held.Name
	if resumed {
		r.state.Code, r.state.ETag = kept.Code, kept.ETag
		r.say(ProofCode, "going on with the verification code %s", kept.Code)
	} else if err := r.newCode(ctx, held.ETag); err != nil {
		return nil, err
	}
	verified, err := r.verify(ctx)
	var refused *wire.ServiceError
	if resumed && errors.As(err, &refused) && refused.Status == http.StatusBadRequest {
		// The code that was kept is not the newest one, or DPS has forgotten it.
		if err := r.newCode(ctx, held.ETag); err != nil {
			return nil, err
		}
		return r.verify(ctx)
	}
	return verified, err
}

func (r *proving) newCode(ctx context.Context, tag string) error {
	r.p.Resume = ProofProgress{}
	code, held, err := r.c.VerificationCode(ctx, r.p.Name, tag)
	if err != nil {
		return err
	}
	r.state.Code, r.state.ETag = code, held.ETag
	r.say(ProofCode, "verification code %s", code)
	return nil
}

// verify signs a certificate whose CN is the code and sends it.
func (r *proving) verify(ctx context.Context) (*Certificate, error) {
	proof, err := sign(ctx, pki.Issuer{Certificate: r.p.CA, Key: r.key, Note: r.p.Note}, r.state.Code)
	if err != nil {
		return nil, err
	}
	r.say(ProofSigned, "signed a certificate with that code as its CN, by %s", r.p.CA.Subject)
	held, err := r.c.Verify(ctx, r.p.Name, r.state.ETag, proof)
	if err != nil {
		return nil, err
	}
	r.state.ETag, r.state.Code = held.ETag, ""
	if !held.Verified {
		return held, fmt.Errorf("%s: DPS took the certificate, yet %s is not verified", opVerify, held.Name)
	}
	r.say(ProofVerified, "possession of the key of %s is proved", held.Name)
	return held, nil
}
