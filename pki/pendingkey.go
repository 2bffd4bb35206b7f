package pki

import (
	"context"
	"crypto"
	"errors"
)

// PendingKey is a private key that is being searched for, with the derivation
// from its pass phrase running beside. It can be started while a form is still
// open, and taken when it is needed.
type PendingKey struct {
	found  chan struct{} // closed when key and err are set
	key    crypto.Signer
	err    error
	sealer *sealer
}

// StartKey begins the search for a key; when ctx ends, it is given up. An empty
// pass phrase means a key without one.
func StartKey(ctx context.Context, a Algorithm, passphrase []byte) *PendingKey {
	return startKey(ctx, a, passphrase, iterations)
}

// startKey takes a key from the context's stock, or begins the search for one.
func startKey(ctx context.Context, a Algorithm, passphrase []byte, iterations int) *PendingKey {
	if p := stockOf(ctx).take(a, passphrase); p != nil {
		return p
	}
	p := &PendingKey{found: make(chan struct{}), sealer: newSealer(passphrase, iterations)}
	go func() {
		defer close(p.found)
		p.key, p.err = a.GenerateKey(ctx)
	}()
	return p
}

// Wait returns the key when it is found, or the cause when ctx ends first.
func (p *PendingKey) Wait(ctx context.Context) (crypto.Signer, error) {
	select {
	case <-p.found:
		return p.key, p.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Found says whether Wait would return at once.
func (p *PendingKey) Found() bool {
	select {
	case <-p.found:
		return true
	default:
		return false
	}
}

// Encode waits for the key and encodes it as [EncodeKey] does. It works once.
func (p *PendingKey) Encode(ctx context.Context) (crypto.Signer, []byte, error) {
	key, err := p.Wait(ctx)
	if err != nil {
		return nil, nil, err
	}
	data, err := p.sealer.seal(key)
	return key, data, err
}

// write puts the key at path, once. When another process was faster, its key
// counts.
func (p *PendingKey) write(ctx context.Context, path string, passphrase []byte) (key crypto.Signer, made bool, err error) {
	key, data, err := p.Encode(ctx)
	if err != nil {
		return nil, false, err
	}
	err = writeNew(path, data, 0o600)
	if errors.Is(err, ErrExists) {
		key, err = ReadKey(path, passphrase)
		return key, false, err
	}
	return key, err == nil, err
}
