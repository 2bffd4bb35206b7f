package workflow

import (
	"strconv"
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
// are made in no time; with a pass phrase it is the derivation from it that takes
// long, and that begins early too.
func (s *Session) wanted(a Answers) (preparation, bool) {
	algorithm := pki.Algorithm(value(a, keyAlgorithm))
	if a == nil || notX509(a) || fromFiles(a) {
		return preparation{}, false
	}
	p := preparation{algorithm: algorithm, count: 1}
	if value(a, keySource) == profiles.SourceChain {
		p.count += s.missingCAs(a, keyAuthority) + s.missingCAs(a, keySecondaryAuthority)
	}
	if name := value(a, keyPassphraseEnv); name != "" {
		p.secret = s.config.Getenv(name)
	}
	if value(a, keySecondary) == yes {
		p.count++
	}
	slow := strings.HasPrefix(string(algorithm), "rsa-") || p.secret != ""
	return p, slow
}

// missingCAs counts the keys of an authority that is not there yet: the root's
// and those of the intermediate CAs.
func (s *Session) missingCAs(a Answers, key string) int {
	name := value(a, key)
	ca := pki.AuthorityFiles{Dir: s.config.Store.Paths.AuthorityDir(name)}
	if name == "" || ca.Exists() {
		return 0
	}
	depth, err := strconv.Atoi(value(a, keyIntermediates))
	if err != nil || depth < 1 || depth > pki.MaxIntermediates {
		depth = 1 // the field says what is wrong with it
	}
	return 1 + depth
}

// takeStock hands over the prepared keys, nil when there are none.
func (s *Session) takeStock() *pki.Stock {
	s.mu.Lock()
	defer s.mu.Unlock()
	stock := s.prepared.stock
	s.prepared = preparation{}
	return stock
}
