package workflow

import (
	"crypto/x509"
	"os"
	"slices"
	"strings"
	"time"

	"dpslab/pki"
	"dpslab/profiles"
)

// ChainView is a device's certificates in the four places where they matter:
// files on this machine, what the device sent, what DPS holds as a signing
// certificate, what the enrollment names. It holds no private key.
type ChainView struct {
	Device     string
	Source     string // self-signed | chain, as in the profile
	Enrollment string // "individual" or the group: "group line-3"
	// Instead is what the device proves who it is with where that is no
	// certificate, as [Attestation] names it; such a device has no chain.
	Instead string
	// Elements stand from the root down to the device; certificates that are not
	// in the device's own chain come after it.
	Elements []ChainElement
	Findings []ChainFinding // of the files, the worst first
	Breaks   []ChainBreak   // where the four places disagree
	Sent     ChainSent
	Held     ChainHeld
	Named    ChainNamed
	Complete bool // the files lead up to a self-signed certificate
}

// ChainElement is one certificate. One that is in no file has thumbprints and,
// when the device sent it, names.
type ChainElement struct {
	Role      string // "root CA", "intermediate CA", "device"; "another certificate" for one outside the chain
	Subject   string // "CN = device-01"
	Issuer    string
	Key       string // "EC P-256"
	NotBefore time.Time
	NotAfter  time.Time
	SHA1      string // 40 upper-case hex digits; what DPS and the portal show
	SHA256    string // 64 upper-case hex digits; what IoT Hub keeps
	File      string // empty: no file holds it
	Position  int    // in the file, from 1
	Text      string // as openssl x509 -text writes it
	PEM       string
	Depth     int  // below the top of the chain
	Outside   bool // not in the device's own chain

	Sent     int    // position in what the device sent, from 1; 0: not sent
	Held     string // the name under which DPS holds it as a signing certificate
	Verified bool   // and possession of its key is proved
	Named    bool   // the enrollment names it
	AtHub    bool   // IoT Hub knows the device by it, as far as the last registration tells
}

// ChainFinding is one thing that the rules F01 to F18 found in the files.
type ChainFinding struct {
	Rule     string
	Severity string // error | warning | info
	Element  int    // index of the certificate, -1: about a file as a whole
	Observed string
	Why      string
	Fix      string
}

// ChainBreak is a place where the chain is interrupted: the reason why DPS or
// IoT Hub will refuse the device, or did.
type ChainBreak struct {
	Element int    // index of the certificate at which it breaks
	Rule    string // diagnostic rule
	Text    string
	Fix     string
}

// ChainSent is what went over the wire.
type ChainSent struct {
	Known     bool
	At        time.Time // of the exchange; zero when only the state file tells
	Operation string
	Count     int // certificates; 0 when only the state file tells of the first
}

// ChainHeld is the signing certificate at DPS, as this device's runs saw it last.
type ChainHeld struct {
	Name     string // empty: none was uploaded by this device
	Verified bool
	SHA1     string // empty: not known to this machine
}

// ChainNamed is the certificate that the enrollment names, as written last.
type ChainNamed struct {
	Known  bool // there is an enrollment
	SHA256 string
}

// Chain reads a device's certificates and compares the places where they
// matter. It reads files, the state and the journal of the last run, and asks no
// service. A profile that cannot be used is a *Problem; broken certificate files
// are findings.
func (s *Session) Chain(name string) (ChainView, error) {
	profile, err := s.load(name)
	if err != nil {
		return ChainView{}, err
	}
	state, err := s.config.Store.LoadState(name)
	if err != nil {
		return ChainView{}, localProblem("read the state of "+name, err)
	}
	b := chainBuilder{profile: profile, state: state, now: time.Now()}
	b.view = ChainView{Device: name, Source: profile.Identity.Source, Enrollment: profile.Enrollment.Kind}
	if profile.Enrollment.Kind == profiles.EnrollmentGroup {
		b.view.Enrollment += " " + profile.Enrollment.ID
	}
	if !byCertificate(profile) {
		b.view.Instead = Attestation(profile)
	}
	if err := b.files(s.chainFiles(name, profile), s.knownPassphrase(profile)); err != nil {
		return ChainView{}, problemOf("read the certificates of "+name, err)
	}
	history := s.History(name)
	defer history.Exchanges.Close()
	b.sent(history.Exchanges.Recording())
	b.held()
	b.named()
	b.breaks()
	return b.view, nil
}

// chainFiles are the files of the device's chain that are there, each CA's own
// file before the one that repeats it.
func (s *Session) chainFiles(name string, p *profiles.Profile) []string {
	paths := s.config.Store.Paths
	device := pki.DeviceFiles{Dir: paths.DeviceDir(name), RegistrationID: p.Identity.RegistrationID}
	all := []string{device.SelfSignedCertificate(), device.SelfSignedKey()}
	switch p.Identity.Source {
	case profiles.SourceFiles:
		all = []string{device.Certificate(), device.FullChain(), device.Key()}
	case profiles.SourceChain:
		a := pki.AuthorityFiles{Dir: paths.AuthorityDir(p.Identity.Authority)}
		all = []string{
			a.RootCertificate(), a.IntermediateCertificate(), device.Certificate(), device.FullChain(),
			a.RootKey(), a.IntermediateKey(), device.Key(),
		}
	}
	return slices.DeleteFunc(all, func(path string) bool {
		_, err := os.Stat(path)
		return err != nil
	})
}

// knownPassphrase is the one that the environment gives. Nobody is asked and no
// command is run for a look at certificates, which need none.
func (s *Session) knownPassphrase(p *profiles.Profile) []byte {
	if p.Identity.PassphraseEnv == "" {
		return nil
	}
	return []byte(s.config.Getenv(p.Identity.PassphraseEnv))
}

// chainBuilder collects a ChainView.
type chainBuilder struct {
	profile *profiles.Profile
	state   *profiles.State
	now     time.Time
	view    ChainView
	device  int // index of the device certificate, -1: none is there
}

// files reads the certificates on disk and what the rules say of them.
func (b *chainBuilder) files(paths []string, passphrase []byte) error {
	b.device = -1
	if len(paths) == 0 {
		return nil
	}
	id := b.profile.Identity.RegistrationID
	report, err := pki.Verify(paths, pki.VerifyOptions{RegistrationID: id, Passphrase: passphrase, Now: b.now})
	if err != nil {
		return err
	}
	b.chain(ownChain(report.Chains, id))
	b.strangers(paths)
	for _, f := range report.Findings {
		if f.Rule == "F18" { // both thumbprints stand in the view already
			continue
		}
		b.view.Findings = append(b.view.Findings, ChainFinding{
			Rule: f.Rule, Severity: string(f.Severity), Element: b.elementAt(f.File, f.Certificate),
			Observed: f.Observed, Why: f.Why, Fix: f.Fix,
		})
	}
	return nil
}

// ownChain chooses the chain of the device itself among those that were built.
func ownChain(chains []pki.Chain, id string) *pki.Chain {
	for i, c := range chains {
		if strings.EqualFold(c.Elements[0].Certificate.Subject.CommonName, id) {
			return &chains[i]
		}
	}
	if len(chains) == 1 {
		return &chains[0]
	}
	return nil
}

func (b *chainBuilder) chain(c *pki.Chain) {
	if c == nil {
		return
	}
	b.view.Complete = c.Complete
	for i, e := range slices.Backward(c.Elements) {
		role := "intermediate CA"
		switch {
		case i == 0:
			role = "device"
		case i == len(c.Elements)-1 && c.Complete:
			role = "root CA"
		}
		element := chainElement(e.Certificate, role)
		element.File, element.Position, element.Depth = e.File, e.Position, len(c.Elements)-1-i
		b.view.Elements = append(b.view.Elements, element)
	}
	b.device = len(b.view.Elements) - 1
}

// strangers adds certificates of the files that are not above the device: a CA
// that was made anew, for example.
func (b *chainBuilder) strangers(paths []string) {
	for _, path := range paths {
		certificates, err := pki.ReadCertificates(path)
		if err != nil {
			continue // a key, or broken: Verify says which
		}
		for i, c := range certificates {
			if b.bySHA256(pki.Thumbprint256(c)) >= 0 {
				continue
			}
			e := chainElement(c, "another certificate")
			e.File, e.Position, e.Outside = path, i+1, true
			b.view.Elements = append(b.view.Elements, e)
		}
	}
}

func chainElement(c *x509.Certificate, role string) ChainElement {
	facts := pki.Describe(c)
	return ChainElement{
		Role: role, Subject: facts.Subject, Issuer: facts.Issuer, Key: keyLabel(facts.KeyAlgorithm),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), SHA1: facts.SHA1, SHA256: facts.SHA256,
		Text: pki.CertificateText(c), PEM: string(pki.EncodeCertificates(c)),
	}
}

// keyLabel is an algorithm as the wizard calls it.
func keyLabel(algorithm string) string {
	for _, o := range algorithmOptions() {
		if o.Value == algorithm {
			return o.Label
		}
	}
	return algorithm
}

// elementAt finds the certificate that a finding is about. A file that holds
// one certificate stands for it; the heap knows a certificate by the first file
// that has it, so a leaf in its full chain is found by position too.
func (b *chainBuilder) elementAt(file string, position int) int {
	for i, e := range b.view.Elements {
		if e.File == file && (e.Position == position || position == 0 && e.Position == 1) {
			return i
		}
	}
	return -1
}

func (b *chainBuilder) bySHA256(thumbprint string) int {
	return slices.IndexFunc(b.view.Elements, func(e ChainElement) bool {
		return thumbprint != "" && strings.EqualFold(e.SHA256, thumbprint)
	})
}

// sent takes the newest exchange in which the device was asked for its
// certificate; without one, the state file still knows the leaf.
func (b *chainBuilder) sent(exchanges Recording) {
	if leaf := b.state.Registration.LeafSHA256; leaf != "" {
		i := b.known(ChainElement{SHA256: strings.ToUpper(leaf)})
		b.view.Elements[i].AtHub = b.state.Registration.AssignedHub != ""
		b.view.Sent.Known = true
	}
	for i := exchanges.Len() - 1; i >= 0; i-- {
		if !exchanges.Kind(i).Asked {
			continue
		}
		x, err := exchanges.Read(i)
		if err != nil || x.TLS == nil || x.RequestHeader.Get("Authorization") != "" {
			continue // a person's or a service's call: devices with a certificate show no token
		}
		b.view.Sent = ChainSent{Known: true, At: x.Started, Operation: x.Operation, Count: len(x.TLS.Client)}
		for n, c := range x.TLS.Client {
			i := b.known(ChainElement{Subject: c.Subject, Issuer: c.Issuer, NotAfter: c.NotAfter, SHA1: c.SHA1, SHA256: c.SHA256})
			b.view.Elements[i].Sent = n + 1
		}
		return
	}
	if i := b.bySHA256(b.state.Registration.LeafSHA256); i >= 0 {
		b.view.Elements[i].Sent = 1
	}
}

// known finds a certificate among the elements or adds it as one that no file
// holds.
func (b *chainBuilder) known(e ChainElement) int {
	for i, have := range b.view.Elements {
		if e.SHA256 != "" && have.SHA256 == e.SHA256 || e.SHA1 != "" && strings.EqualFold(have.SHA1, e.SHA1) {
			if have.Subject == "" {
				b.view.Elements[i].Subject, b.view.Elements[i].Issuer, b.view.Elements[i].NotAfter = e.Subject, e.Issuer, e.NotAfter
			}
			return i
		}
	}
	e.Role, e.Outside = "another certificate", true
	b.view.Elements = append(b.view.Elements, e)
	return len(b.view.Elements) - 1
}

// held marks the signing certificate at DPS.
func (b *chainBuilder) held() {
	ca := b.state.SigningCertificate
	b.view.Held = ChainHeld{Name: ca.Name, Verified: ca.Verified, SHA1: ca.SHA1}
	if ca.Name == "" || ca.SHA1 == "" {
		return
	}
	i := b.known(ChainElement{SHA1: ca.SHA1})
	b.view.Elements[i].Held, b.view.Elements[i].Verified = ca.Name, ca.Verified
}

// named marks the certificate that the enrollment names.
func (b *chainBuilder) named() {
	e := b.state.Enrollment
	b.view.Named = ChainNamed{Known: e.Kind != "", SHA256: e.SHA256}
	if e.SHA256 != "" {
		b.view.Elements[b.known(ChainElement{SHA256: e.SHA256})].Named = true
	}
}
