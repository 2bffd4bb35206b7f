package pki

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"testing"
	"time"
)

func TestRenew(t *testing.T) {
	t.Parallel()
	f := newFamily(t, ECP256)
	key, other := newKey(t, ECP256), newKey(t, RSA2048)
	own := must[*x509.Certificate](t)(SelfSignedDevice(key, "press-3", ValidFor(time.Now().AddDate(0, 0, -40), 30)))
	v := ValidFor(time.Now(), 365)
	for name, c := range map[string]struct {
		old   *x509.Certificate
		how   Renewal
		key   crypto.PublicKey
		isCA  bool
		usage x509.KeyUsage
	}{
		"self-signed, same key":  {own, Renewal{Key: key}, key.Public(), false, x509.KeyUsageDigitalSignature},
		"self-signed, new key":   {own, Renewal{Key: other}, other.Public(), false, x509.KeyUsageDigitalSignature},
		"device, key elsewhere":  {f.device, Renewal{Issuer: &f.intermediate}, f.device.PublicKey, false, x509.KeyUsageDigitalSignature},
		"device, new key":        {f.device, Renewal{Issuer: &f.intermediate, Key: other}, other.Public(), false, x509.KeyUsageDigitalSignature},
		"intermediate, same key": {f.intermediate.Certificate, Renewal{Issuer: &f.root}, f.intermediate.Key.Public(), true, caUsage},
		"root, same key":         {f.root.Certificate, Renewal{Key: f.root.Key}, f.root.Key.Public(), true, caUsage},
		"server":                 {f.server, Renewal{Issuer: &f.intermediate}, f.server.PublicKey, false, x509.KeyUsageDigitalSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.how.Validity = v
			got := must[*x509.Certificate](t)(Renew(c.old, c.how))
			if !bytes.Equal(got.RawSubject, c.old.RawSubject) || !sameKey(got.PublicKey, c.key) || got.IsCA != c.isCA || got.KeyUsage != c.usage ||
				got.MaxPathLen != c.old.MaxPathLen || got.SerialNumber.Cmp(c.old.SerialNumber) == 0 || !got.NotBefore.Equal(v.NotBefore) || len(got.DNSNames) != len(c.old.DNSNames) {
				t.Errorf("renewed to %+v", Describe(got))
			}
		})
	}
	if _, err := Renew(own, Renewal{Validity: v}); !errors.Is(err, ErrKeyNeeded) {
		t.Errorf("self-signed without a key: %v", err)
	}
	if _, err := Renew(f.device, Renewal{Validity: v, Key: key}); !errors.Is(err, ErrIssuerNeeded) {
		t.Errorf("without its issuer: %v", err)
	}
	// A device below the CA that was renewed with the same key is still good.
	again := must[*x509.Certificate](t)(Renew(f.intermediate.Certificate, Renewal{Validity: v, Issuer: &f.root}))
	if err := f.device.CheckSignatureFrom(again); err != nil {
		t.Error(err)
	}
}

func TestFullChain(t *testing.T) {
	t.Parallel()
	f, stranger := newFamily(t, ECP256), newFamily(t, ECP256)
	device, ca, root := f.device, f.intermediate.Certificate, f.root.Certificate
	// The stranger's CAs have the same names and other keys.
	heap := []*x509.Certificate{stranger.root.Certificate, root, stranger.intermediate.Certificate, device, ca, root}
	for _, c := range []struct {
		in   []*x509.Certificate
		root bool
		want []*x509.Certificate
	}{
		{heap, true, []*x509.Certificate{device, ca, root}},
		{heap, false, []*x509.Certificate{device, ca}},
		{[]*x509.Certificate{ca, device}, true, []*x509.Certificate{device, ca}},
		{[]*x509.Certificate{f.selfSigned}, false, []*x509.Certificate{f.selfSigned}},
		{[]*x509.Certificate{root, ca}, true, []*x509.Certificate{ca, root}},
		{[]*x509.Certificate{device, root}, true, []*x509.Certificate{device}},
	} {
		got, err := FullChain(c.in, c.root)
		if err != nil || !bytes.Equal(EncodeCertificates(got...), EncodeCertificates(c.want...)) {
			t.Errorf("chain of %d, want %d, %v", len(got), len(c.want), err)
		}
	}
	if _, err := FullChain([]*x509.Certificate{device, f.selfSigned, ca}, true); !errors.Is(err, ErrNoChain) {
		t.Errorf("two devices: %v", err)
	}
	if _, err := FullChain(nil, true); !errors.Is(err, ErrNoChain) {
		t.Errorf("nothing: %v", err)
	}
}

func TestPendingKey(t *testing.T) {
	t.Parallel()
	p := startKey(t.Context(), RSA2048, []byte("1234"), fewIterations)
	key, data, err := p.Encode(t.Context())
	if err != nil || !p.Found() {
		t.Fatal(err)
	}
	if back, err := DecodeKey(data, []byte("1234")); err != nil || !sameKey(back.Public(), key.Public()) {
		t.Errorf("read back: %v", err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	slow := StartKey(ctx, RSA4096, nil)
	cancel(cause)
	if _, err := slow.Wait(t.Context()); !errors.Is(err, cause) {
		t.Errorf("given up: %v", err)
	}
	late, give := context.WithCancelCause(t.Context())
	give(cause)
	if _, err := (&PendingKey{found: make(chan struct{})}).Wait(late); !errors.Is(err, cause) {
		t.Errorf("not waited for: %v", err)
	}
}

func TestConvert(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	everything := append(append([]byte("text around\n"), s.cert...), s.key...)
	for name, c := range map[string]struct {
		in     []byte
		o      ConvertOptions
		secret bool
		want   []byte
		err    error
	}{
		"clean PEM":            {everything, ConvertOptions{To: ContainerPEM}, true, append(append([]byte{}, s.cert...), s.key...), nil},
		"certificate to DER":   {s.cert, ConvertOptions{To: ContainerDER}, false, s.der, nil},
		"DER to PEM":           {s.der, ConvertOptions{To: ContainerPEM}, false, s.cert, nil},
		"only the certificate": {everything, ConvertOptions{To: ContainerDER, Only: ItemCertificate}, false, s.der, nil},
		"only the key":         {everything, ConvertOptions{To: ContainerDER, Only: ItemKey}, true, s.pkcs8, nil},
		"two things as DER":    {everything, ConvertOptions{To: ContainerDER}, true, nil, ErrNothingToConvert},
		"no request":           {everything, ConvertOptions{To: ContainerPEM, Only: ItemRequest}, false, nil, ErrNothingToConvert},
		"PFX without a key":    {s.cert, ConvertOptions{To: ContainerPFX, Passphrase: []byte("1")}, false, nil, ErrNothingToConvert},
		"PFX without password": {everything, ConvertOptions{To: ContainerPFX}, true, nil, ErrPassphraseNeeded},
		"closed key":           {quick(t, newKey(t, ECP256), "1234"), ConvertOptions{To: ContainerPEM}, false, nil, ErrPassphraseNeeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, secret, err := convert(Sniff(c.in, nil), c.o, fewIterations)
			if !errors.Is(err, c.err) || !bytes.Equal(got, c.want) || secret != c.secret {
				t.Errorf("got %q, secret %v, %v", got, secret, err)
			}
		})
	}
	for _, e := range []PFXEncryption{"", PFXModern, PFXCompatible} {
		pfx, secret, err := convert(Sniff(everything, nil), ConvertOptions{To: ContainerPFX, Passphrase: []byte("1234"), Encryption: e}, fewIterations)
		if back := Sniff(pfx, []byte("1234")); err != nil || !secret || back.Format != "PFX" || len(back.Certificates()) != 1 || back.Key() == nil {
			t.Errorf("%q: %+v, %v", e, back, err)
		}
	}
	for path, want := range map[string]Container{"a.PFX": ContainerPFX, "a.p12": ContainerPFX, "a.cer": ContainerDER, "a.der": ContainerDER, "a.pem": ContainerPEM, "a": ContainerPEM} {
		if got := ContainerOf(path); got != want {
			t.Errorf("%s is %s", path, got)
		}
	}
}
