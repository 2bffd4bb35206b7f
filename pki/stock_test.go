package pki

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

func TestStock(t *testing.T) {
	t.Parallel()
	s := NewStock(ECP256, nil, 3)
	defer s.Stop()
	ctx := WithStock(t.Context(), s)
	dir := t.TempDir()

	first, made, err := EnsureKey(ctx, filepath.Join(dir, "a.pem"), ECP256, nil)
	if err != nil || !made || s.Len() != 2 {
		t.Fatalf("made %v, %d left: %v", made, s.Len(), err)
	}
	again, made, err := EnsureKey(ctx, filepath.Join(dir, "a.pem"), ECP256, nil)
	if err != nil || made || s.Len() != 2 || !sameKey(first.Public(), again.Public()) {
		t.Errorf("a key that is there used up the stock: made %v, %d left: %v", made, s.Len(), err)
	}
	// What does not fit is searched for.
	if k, _, err := EnsureKey(ctx, filepath.Join(dir, "b.pem"), ECP384, nil); err != nil || s.Len() != 2 || DescribeKey(k.Public()) != "ec-p384" {
		t.Errorf("another algorithm: %d left: %v", s.Len(), err)
	}
	if _, _, err := ensureKey(ctx, filepath.Join(dir, "c.pem"), ECP256, []byte("secret"), 1000); err != nil || s.Len() != 2 {
		t.Errorf("another pass phrase: %d left: %v", s.Len(), err)
	}
	files := AuthorityFiles{Dir: filepath.Join(dir, "ca")}
	if _, err := CreateAuthority(ctx, files, ECP256, "ca", month(), nil); err != nil || s.Len() != 0 {
		t.Errorf("an authority took its keys elsewhere: %d left: %v", s.Len(), err)
	}
	// An empty stock is none.
	if _, made, err := EnsureKey(ctx, filepath.Join(dir, "d.pem"), ECP256, nil); err != nil || !made {
		t.Errorf("with an empty stock: %v", err)
	}
}

// A key that was taken is its taker's; the rest is given up.
func TestStockStopped(t *testing.T) {
	t.Parallel()
	s := NewStock(RSA2048, nil, 2)
	left := s.keys[1].key
	taken := s.take(RSA2048, nil)
	if taken == left {
		left = s.keys[0].key
	}
	s.Stop()
	if _, err := taken.Wait(t.Context()); err != nil {
		t.Errorf("the taken key: %v", err)
	}
	if _, err := left.Wait(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("a stopped search ends with %v", err)
	}
	if s.Len() != 0 {
		t.Errorf("%d keys left", s.Len())
	}
}
