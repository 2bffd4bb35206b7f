package workflow

import (
	"strings"

	"dpslab/pki"
	"dpslab/profiles"
)

// preparation is the keys that are searched for while the wizard is still open.
type preparation struct {
	stock     *pki.Stock
	algorithm pki.Algorithm
	count     int
	secret    string // the pass phrase, kept in memory only
}

// Prepare begins the search for the keys that the answers so far will need, so
// that RSA keys are there when the last page is sent off. Calling it again with
// answers that need other keys begins anew; nil gives the search up. It returns
// at once.
func (s *Session) Prepare(a Answers) {
	want, ok := s.wanted(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.prepared; p.stock != nil && ok && p.algorithm == want.algorithm && p.count == want.count && p.secret == want.secret {
		return
	}
	s.prepared.stock.Stop()
	s.prepared = preparation{}
	if ok {
		want.stock = pki.NewStock(want.algorithm, []byte(want.secret), want.count)
		s.prepared = want
	}
}

// wanted says which keys a profile of these answers needs. Elliptic curve keys
// are made in no time and need no preparing.
func (s *Session) wanted(a Answers) (preparation, bool) {
	algorithm := pki.Algorithm(value(a, keyAlgorithm))
	if a == nil || fromFiles(a) || !strings.HasPrefix(string(algorithm), "rsa-") {
		return preparation{}, false
	}
	p := preparation{algorithm: algorithm, count: 1}
	if value(a, keySource) == profiles.SourceChain {
		ca := pki.AuthorityFiles{Dir: s.config.Store.Paths.AuthorityDir(value(a, keyAuthority))}
		if !ca.Exists() {
			p.count = 3 // root, intermediate, device
		}
	}
	if name := value(a, keyPassphraseEnv); name != "" {
		p.secret = s.config.Getenv(name)
	}
	return p, true
}

// takeStock hands over the prepared keys, nil when there are none.
func (s *Session) takeStock() *pki.Stock {
	s.mu.Lock()
	defer s.mu.Unlock()
	stock := s.prepared.stock
	s.prepared = preparation{}
	return stock
}
