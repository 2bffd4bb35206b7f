package pki

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
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

// TestRenewForeignCA renews CAs that openssl made, of every shape, and asks
// openssl whether what they signed is good below the renewed ones.
func TestRenewForeignCA(t *testing.T) {
	t.Parallel()
	for name, extensions := range map[string]string{
		"plain":            "subjectKeyIdentifier=hash",
		"another SKI":      "subjectKeyIdentifier=0102030405060708",
		"no SKI":           "subjectKeyIdentifier=none",
		"name constraints": "nameConstraints=excluded;DNS:example.com\nsubjectKeyIdentifier=hash\nextendedKeyUsage=clientAuth,serverAuth",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ca := foreignCA(t, dir, extensions)
			key := must[crypto.Signer](t)(ReadKey(filepath.Join(dir, "ca.key"), nil))
			renewed := must[*x509.Certificate](t)(Renew(ca, Renewal{Key: key, Validity: ValidLike(time.Now(), ca)}))
			if !bytes.Equal(renewed.RawSubject, ca.RawSubject) || renewed.MaxPathLen != -1 || !isCA(renewed) || renewed.KeyUsage != caUsage {
				t.Errorf("renewed to %+v", Describe(renewed))
			}
			if len(ca.SubjectKeyId) > 0 && !bytes.Equal(renewed.SubjectKeyId, ca.SubjectKeyId) {
				t.Errorf("the key identifier is %X, was %X", renewed.SubjectKeyId, ca.SubjectKeyId)
			}
			if days := renewed.NotAfter.Sub(renewed.NotBefore); days != ca.NotAfter.Sub(ca.NotBefore) {
				t.Errorf("good for %s", days)
			}
			if len(renewed.ExtKeyUsage) != len(ca.ExtKeyUsage) || len(renewed.ExcludedDNSDomains) != len(ca.ExcludedDNSDomains) {
				t.Errorf("what it may sign has changed: lost %v", NotKept(ca, renewed))
			}
			path := filepath.Join(dir, "renewed.pem")
			if err := WriteCertificates(path, renewed); err != nil {
				t.Fatal(err)
			}
			openssl(t, dir, nil, "verify", "-purpose", "sslclient", "-CAfile", path, "leaf.pem")
			// With another key it is another CA.
			other := must[*x509.Certificate](t)(Renew(ca, Renewal{Key: newKey(t, ECP256), Validity: month()}))
			if bytes.Equal(other.SubjectKeyId, ca.SubjectKeyId) || !bytes.Equal(other.RawSubject, ca.RawSubject) {
				t.Error("another key has the old one's identifier, or another subject")
			}
		})
	}
}

// foreignCA makes ca.pem with a subject of several parts, its key and leaf.pem
// below it, as openssl does it.
func foreignCA(t *testing.T, dir, extensions string) *x509.Certificate {
	t.Helper()
	config := "[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=ca\nutf8=yes\nstring_mask=nombstr\n[dn]\nC=DE\nO=Acme GmbH\nCN=Acme Root\n" +
		"[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n" + extensions +
		"\n[leaf]\nbasicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\n"
	if !strings.Contains(extensions, "none") {
		config += "authorityKeyIdentifier=keyid:always\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "o.cnf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	openssl(t, dir, nil, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "1000", "-config", "o.cnf")
	openssl(t, dir, nil, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=dev-1")
	openssl(t, dir, nil, "x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "100", "-out", "leaf.pem", "-extfile", "o.cnf", "-extensions", "leaf")
	return must[*x509.Certificate](t)(readOne(filepath.Join(dir, "ca.pem")))
}

// TestRenewLevels renews an intermediate CA without a path length below one
// with a path length, and a self-signed device that says it is a CA.
func TestRenewLevels(t *testing.T) {
	t.Parallel()
	key := newKey(t, ECP256)
	root := Issuer{Certificate: must[*x509.Certificate](t)(RootCA(key, "top", month())), Key: key}
	open := must[*x509.Certificate](t)(IntermediateCA(newKey(t, ECP256).Public(), "open", month(), -1, root))
	again := must[*x509.Certificate](t)(Renew(open, Renewal{Validity: month(), Issuer: &root}))
	if again.MaxPathLen != -1 {
		t.Errorf("path length %d", again.MaxPathLen)
	}
	device := must[*x509.Certificate](t)(issue(template{
		kind: "device that says it is a CA", ca: true, keyUsage: x509.KeyUsageDigitalSignature, extKeyUsage: clientAuth, selfSigned: true, deviceName: true,
	}, nil, "press-1", month(), Issuer{Key: key}, nil))
	if fixed := must[*x509.Certificate](t)(Renew(device, Renewal{Validity: month(), Key: key})); fixed.IsCA || !hasClientAuth(fixed) {
		t.Errorf("renewed to %+v", Describe(fixed))
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
		{[]*x509.Certificate{ca, device}, false, []*x509.Certificate{device, ca}},
		{[]*x509.Certificate{f.selfSigned}, false, []*x509.Certificate{f.selfSigned}},
		{[]*x509.Certificate{root, ca}, true, []*x509.Certificate{ca, root}},
	} {
		got, err := FullChain(c.in, c.root)
		if err != nil || !bytes.Equal(EncodeCertificates(got...), EncodeCertificates(c.want...)) {
			t.Errorf("chain of %d, want %d, %v", len(got), len(c.want), err)
		}
	}
	// What is missing is said, and the part comes along.
	for _, c := range []struct {
		in      []*x509.Certificate
		root    bool
		want    int
		subject string
	}{
		{[]*x509.Certificate{device, root}, true, 1, "CN = device-01"},
		{[]*x509.Certificate{device, root}, false, 1, "CN = device-01"},
		{[]*x509.Certificate{device, ca}, true, 2, "CN = test intermediate"},
	} {
		got, err := FullChain(c.in, c.root)
		var missing *MissingIssuerError
		if !errors.As(err, &missing) || missing.Subject != c.subject || len(got) != c.want {
			t.Errorf("chain of %d, want %d, %v", len(got), c.want, err)
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
