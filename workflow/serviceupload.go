package workflow

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"dpslab/pki"
	"dpslab/profiles"
)

// Local is something on this machine that can be uploaded to a target.
type Local struct {
	Name  string // what it would be called there
	About string // what it is, in a few words
	Files CAFiles
}

// mostLocal bounds how many profiles are looked through for certificates.
const mostLocal = 200

// LocalCAs lists the CAs of this machine that DPS could hold: the root and the
// intermediate CA of each authority, in the order of their names.
func (v *Service) LocalCAs() ([]Local, error) {
	names, err := v.session.Authorities()
	if err != nil {
		return nil, problemOf("list the authorities", err)
	}
	var out []Local
	for _, n := range names {
		if !(pki.AuthorityFiles{Dir: v.session.config.Store.Paths.AuthorityDir(n)}).Exists() {
			continue
		}
		out = append(out,
			Local{Name: n, About: "root CA of the authority " + n, Files: CAFiles{Authority: n}},
			Local{Name: n + "-intermediate", About: "intermediate CA of the authority " + n, Files: CAFiles{Authority: n, ByIntermediate: true}})
	}
	return out, nil
}

// LocalCertificates lists the device certificates of this machine that have their
// key here, that of the target's own profile first. Profiles beyond the first 200
// are not looked at.
func (v *Service) LocalCertificates() ([]Local, error) {
	names, err := v.session.Names()
	if err != nil {
		return nil, problemOf("list the profiles", err)
	}
	names = names[:min(len(names), mostLocal)]
	var own, out []Local
	for _, n := range names {
		p, err := v.session.load(n)
		if err != nil || p.Identity.Attestation != profiles.AttestationX509 {
			continue
		}
		r := &run{session: v.session, name: n, profile: p}
		f := r.files()
		if !v.session.there(f.chain) || !v.session.there(f.key) {
			continue
		}
		l := Local{Name: apimCertificate(p), About: "certificate and key of the device " + n, Files: CAFiles{Certificate: f.chain, Key: f.key}}
		if env := p.Identity.PassphraseEnv; env != "" {
			l.Files.Passphrase = NewSecret(v.session.config.Getenv(env))
		}
		if n == v.device {
			own = append(own, l)
			continue
		}
		out = append(out, l)
	}
	return append(own, out...), nil
}

func (s *Session) there(path string) bool { return !s.Missing(Lookup{File: path}) }

// UploadCA uploads a CA that DPS does not hold under a name; possession of its
// key is still to be proved. The same one is left as it is (uploaded is false).
// Another one of that name gives way with ReplaceExisting; else it is returned
// together with a *Problem.
func (v *Service) UploadCA(ctx context.Context, name string, f CAFiles) (held *SigningCertificate, uploaded bool, err error) {
	op := "upload signing certificate " + name
	if err := v.mayWrite(op); err != nil {
		return nil, false, err
	}
	f = v.located(f)
	ca, err := readCA(op, f.Certificate)
	if err != nil {
		return nil, false, err
	}
	tag := ""
	held, err = v.SigningCertificate(ctx, name)
	switch {
	case err == nil && strings.EqualFold(held.Thumbprint, pki.Thumbprint1(ca)):
		return held, false, nil
	case err == nil && !f.ReplaceExisting:
		return held, false, anotherOfThatName(op, "DPS", held.Thumbprint, held.Subject)
	case err == nil:
		tag = held.ETag
	case !isNotFound(err):
		return nil, false, err
	}
	held, err = v.UploadSigningCertificate(ctx, name, f.Certificate, false, tag)
	return held, err == nil, err
}

// anotherOfThatName refuses to write over a certificate that is not the same.
func anotherOfThatName(op, where, thumbprint, subject string) *Problem {
	return &Problem{
		Kind: Refused, Op: op, Rule: "F14", Summary: fmt.Sprintf("%s holds another certificate of that name (SHA-1 %s, subject %s)", where, thumbprint, subject),
		Fix: "Choose another name, or replace it.",
	}
}

func isNotFound(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status == http.StatusNotFound
}

// UploadAPIM uploads a certificate with its private key to an API Management
// service, as a PFX made in memory with a password that nobody needs again. The
// files may be PEM, DER or PFX; their pass phrase is asked for where it is needed
// and not given. The same certificate is left as it is (uploaded is false).
// Another one of that ID gives way with ReplaceExisting; else it is returned
// together with a *Problem.
func (v *Service) UploadAPIM(ctx context.Context, a APIM, id string, f CAFiles) (held *APIMCertificate, uploaded bool, err error) {
	op := "upload certificate " + id + " to API Management"
	if err := v.mayWrite(op); err != nil {
		return nil, false, err
	}
	chain, data, password, err := v.pfxOf(ctx, op, f)
	if err != nil {
		return nil, false, problemOf(op, err)
	}
	tag := ""
	held, err = v.APIMCertificate(ctx, a, id)
	switch {
	case err == nil && strings.EqualFold(held.Thumbprint, pki.Thumbprint1(chain[0])):
		return held, false, nil
	case err == nil && !f.ReplaceExisting:
		return held, false, anotherOfThatName(op, cmp.Or(a.Service, "API Management"), held.Thumbprint, held.Subject)
	case err == nil:
		tag = held.ETag
	case !isNotFound(err):
		return nil, false, err
	}
	held, _, err = v.PutAPIMPFX(ctx, a, id, data, password, tag)
	return held, err == nil, err
}

// pfxOf makes a PFX of a certificate and its key, and the password for it.
func (v *Service) pfxOf(ctx context.Context, op string, f CAFiles) (chain []*x509.Certificate, data []byte, password Secret, err error) {
	held, err := v.opened(ctx, f.Certificate, f.Passphrase)
	if err != nil {
		return nil, nil, password, err
	}
	chain, key, keyFile := held.Certificates(), held.Key(), f.Certificate
	if f.Key != "" && f.Key != f.Certificate {
		keyFile = f.Key
		if key, err = v.signer(ctx, f); err != nil {
			return nil, nil, password, err
		}
	}
	switch {
	case len(chain) == 0:
		return nil, nil, password, &Problem{Kind: LocalFile, Op: op, Summary: f.Certificate + " holds no certificate", Fix: "dpslab cert inspect " + ShellWord(f.Certificate) + " shows what is in it."}
	case key == nil:
		return nil, nil, password, &Problem{Kind: LocalFile, Op: op, Rule: "F02", Summary: keyFile + " holds no private key", Fix: "Name the file with the private key too."}
	}
	if err := pki.CheckKey(chain, key, f.Certificate, keyFile); err != nil {
		return nil, nil, password, err
	}
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // never fails since Go 1.24: the process ends instead
	password = NewSecret(base64.RawURLEncoding.EncodeToString(raw))
	data, err = pki.EncodePFX(key, chain, []byte(password.Reveal()), pki.PFXModern)
	return chain, data, password, err
}

// opened reads a file, with a pass phrase that a person is asked for where one is
// needed and none was given.
func (v *Service) opened(ctx context.Context, path string, known Secret) (*pki.Contents, error) {
	held, err := pki.ReadAny(path, []byte(known.Reveal()))
	if err == nil && held.NeedsPassphrase() && v.session.config.Ask != nil {
		var answer string
		answer, err = v.session.config.Ask(ctx, Question{Key: keyPassphraseEnv, Prompt: "Pass phrase of " + path, Secret: true})
		if err == nil {
			held, err = pki.ReadAny(path, []byte(answer))
		}
	}
	if err == nil {
		err = errors.Join(held.Problems()...)
	}
	return held, err
}
