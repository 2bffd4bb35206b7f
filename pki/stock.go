package pki

import (
	"bytes"
	"context"
	"sync"
)

// Stock is a few keys whose search begins before anybody needs them: while the
// form that asks for them is still open. [WithStock] gives it to the functions
// that make keys; they take from it what fits and search for the rest.
type Stock struct {
	algorithm  Algorithm
	passphrase []byte

	mu   sync.Mutex
	keys []stocked
}

// stocked is a key in the stock; giveUp ends its search. A key that is taken
// is its taker's, and goes on when the stock is stopped.
type stocked struct {
	key    *PendingKey
	giveUp context.CancelFunc
}

// NewStock begins the search for n keys at once, and the derivations from the
// pass phrase beside it; empty means keys without one. Stop ends what is not
// found yet.
func NewStock(a Algorithm, passphrase []byte, n int) *Stock {
	s := &Stock{algorithm: a, passphrase: bytes.Clone(passphrase)}
	for range n {
		ctx, giveUp := context.WithCancel(context.Background())
		s.keys = append(s.keys, stocked{StartKey(ctx, a, s.passphrase), giveUp})
	}
	return s
}

// Stop gives up the searches that are still going on. Keys that were found and
// never taken are forgotten. A nil stock is an empty one.
func (s *Stock) Stop() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		k.giveUp()
	}
	s.keys = nil
}

// Len is how many keys can still be taken.
func (s *Stock) Len() int {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

// take returns a key of the wanted kind, one that was found before one that is
// still searched for, or nil.
func (s *Stock) take(a Algorithm, passphrase []byte) *PendingKey {
	if s == nil || a != s.algorithm || !bytes.Equal(passphrase, s.passphrase) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) == 0 {
		return nil
	}
	at := 0
	for i, k := range s.keys {
		if k.key.Found() {
			at = i
			break
		}
	}
	k := s.keys[at].key
	s.keys = append(s.keys[:at:at], s.keys[at+1:]...)
	return k
}

type stockKey struct{}

// WithStock makes the functions of this package that are called with the
// context take their keys from s as long as it has fitting ones.
func WithStock(ctx context.Context, s *Stock) context.Context {
	return context.WithValue(ctx, stockKey{}, s)
}

func stockOf(ctx context.Context) *Stock {
	s, _ := ctx.Value(stockKey{}).(*Stock)
	return s
}
