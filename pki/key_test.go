package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/youmark/pkcs8"
)

// quick is EncodeKey with few iterations.
func quick(t *testing.T, key crypto.Signer, passphrase string) []byte {
	t.Helper()
	return must[[]byte](t)(newSealer([]byte(passphrase), fewIterations).seal(key))
}

func TestKeyRoundTrip(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECP256, ECP384, ECP521, RSA2048} {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			key := newKey(t, a)
			for _, passphrase := range []string{"", "1234"} {
				data := quick(t, key, passphrase)
				back, err := DecodeKey(data, []byte(passphrase))
				if err != nil || !sameKey(back.Public(), key.Public()) {
					t.Errorf("pass phrase %q: %v", passphrase, err)
				}
				if _, err := DecodeKey(data, []byte("1234")); err != nil {
					t.Errorf("with a pass phrase, needed or not: %v", err)
				}
			}
		})
	}
}

// TestEncodeKeyAsDocumented pins what EncodeKey promises: the work is part of it.
func TestEncodeKeyAsDocumented(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), newKey(t, ECP256)
	path := filepath.Join(dir, "private", "k.pem")
	if err := WriteKey(path, key, []byte("pass phrase é")); err != nil {
		t.Fatal(err)
	}
	out := openssl(t, dir, nil, "asn1parse", "-in", path)
	for _, want := range []string{"PBES2", "PBKDF2", "hmacWithSHA256", ":0927C0", "aes-256-cbc"} { // 0x0927C0 = 600 000
		if !strings.Contains(out, want) {
			t.Errorf("openssl does not show %s:\n%s", want, out)
		}
	}
	block, _ := pem.Decode(must[[]byte](t)(os.ReadFile(path)))
	var info encryptedKeyInfo
	var params pbes2Params
	var kdf pbkdf2Params
	if !unmarshal(block.Bytes, &info) || !unmarshal(info.Algorithm.Parameters.FullBytes, &params) ||
		!unmarshal(params.KDF.Parameters.FullBytes, &kdf) || len(kdf.Salt) != 16 || kdf.Iterations != 600_000 {
		t.Errorf("parameters are %+v", kdf)
	}
	public := openssl(t, dir, []string{"PASS=pass phrase é"}, "pkey", "-in", path, "-passin", "env:PASS", "-pubout")
	spki, _ := pem.Decode([]byte(public))
	if want := must[[]byte](t)(x509.MarshalPKIXPublicKey(key.Public())); !bytes.Equal(spki.Bytes, want) {
		t.Error("openssl reads another key")
	}
}

// TestWeReadOpenSSLKeys lets the real openssl write keys, the how-to's own
// commands first.
func TestWeReadOpenSSLKeys(t *testing.T) {
	t.Parallel()
	const pass = "pass:1234"
	for name, c := range map[string]struct {
		encrypted bool
		commands  [][]string
	}{
		"the how-to's req": {true, [][]string{{
			"req", "-outform", "PEM", "-x509", "-sha256", "-newkey", "rsa:2048", "-keyout", "k.pem", "-out", "c.pem", "-days", "30",
			"-extensions", "usr_cert", "-addext", "extendedKeyUsage=clientAuth", "-subj", "/CN=my-x509-device", "-passout", pass,
		}}},
		"genrsa aes256":    {true, [][]string{{"genrsa", "-aes256", "-passout", pass, "-out", "k.pem", "2048"}}},
		"genrsa":           {false, [][]string{{"genrsa", "-out", "k.pem", "2048"}}},
		"traditional RSA":  {true, [][]string{{"genrsa", "-aes256", "-traditional", "-passout", pass, "-out", "k.pem", "2048"}}},
		"traditional 3DES": {true, [][]string{{"genrsa", "-des3", "-traditional", "-passout", pass, "-out", "k.pem", "2048"}}},
		"PKCS#1":           {false, [][]string{{"genrsa", "-traditional", "-out", "k.pem", "2048"}}},
		"ecparam":          {false, [][]string{{"ecparam", "-name", "prime256v1", "-genkey", "-out", "k.pem"}}},
		"traditional EC": {true, [][]string{
			{"ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "plain.pem"},
			{"ec", "-aes256", "-in", "plain.pem", "-passout", pass, "-out", "k.pem"},
		}},
		"genpkey": {true, [][]string{{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521", "-aes-192-cbc", "-pass", pass, "-out", "k.pem"}}},
		"scrypt": {true, [][]string{
			{"ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "plain.pem"},
			{"pkcs8", "-topk8", "-scrypt", "-in", "plain.pem", "-passout", pass, "-out", "k.pem"},
		}},
		"SHA-512 PRF": {true, [][]string{
			{"ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "plain.pem"},
			{"pkcs8", "-topk8", "-v2prf", "hmacWithSHA512", "-in", "plain.pem", "-passout", pass, "-out", "k.pem"},
		}},
		"SHA-1 PRF, 128 bits": {true, [][]string{
			{"ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "plain.pem"},
			{"pkcs8", "-topk8", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1", "-in", "plain.pem", "-passout", pass, "-out", "k.pem"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, args := range c.commands {
				openssl(t, dir, nil, args...)
			}
			path := filepath.Join(dir, "k.pem")
			if encrypted, err := KeyEncrypted(path); encrypted != c.encrypted || err != nil {
				t.Errorf("encrypted: %v, %v", encrypted, err)
			}
			if _, err := ReadKey(path, []byte("1234")); err != nil {
				t.Error(err)
			}
			if !c.encrypted {
				return
			}
			if _, err := ReadKey(path, nil); !errors.Is(err, ErrPassphraseNeeded) {
				t.Errorf("without a pass phrase: %v", err)
			}
			if _, err := ReadKey(path, []byte("12345")); !errors.Is(err, ErrWrongPassphrase) {
				t.Errorf("with a wrong pass phrase: %v", err)
			}
		})
	}
}

// TestUnreadableKeysSayWhatTheyAre covers files that are not what was asked for.
func TestUnreadableKeysSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	f := newFamily(t, ECP256)
	key := newKey(t, ECP256)
	der := must[[]byte](t)(x509.MarshalPKCS8PrivateKey(key))
	public := must[[]byte](t)(x509.MarshalPKIXPublicKey(key.Public()))
	x25519 := must[[]byte](t)(x509.MarshalPKCS8PrivateKey(must[*ecdh.PrivateKey](t)(ecdh.X25519().GenerateKey(rand.Reader))))
	block := func(label string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":          {[]byte(" \n"), "the file is empty"},
		"DER":            {der, "this is binary DER, not PEM: dpslab cert convert"},
		"certificate":    {EncodeCertificates(f.device), "this holds certificates only, no private key"},
		"public key":     {block("PUBLIC KEY", public), "this is a public key, not a private one"},
		"request":        {block("CERTIFICATE REQUEST", der), "a certificate signing request, not a private key"},
		"damaged":        {block("PRIVATE KEY", der[:len(der)-4]), "the PRIVATE KEY block holds a damaged key"},
		"cut off":        {quick(t, key, "")[:100], "the PEM block is damaged or cut off"},
		"another block":  {block("SSH2", der), "this holds SSH2 only"},
		"key agreement":  {block("PRIVATE KEY", x25519), "cannot sign"},
		"no envelope":    {block("ENCRYPTED PRIVATE KEY", der), "no EncryptedPrivateKeyInfo"},
		"UTF-16":         {[]byte("\xff\xfe-\x00-\x00"), "UTF-16 text"},
		"HTML":           {[]byte("<html>"), "this is HTML or XML"},
		"bare base64":    {[]byte("MIIBszCCAVmg"), "base64 without the BEGIN and END lines"},
		"something else": {[]byte("hello"), "this is not PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := DecodeKey(c.data, []byte("1234"))
			var e *FormatError
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || e.Fix == "" {
				t.Errorf("got %v, want %q and a fix", err, c.want)
			}
		})
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	return must[[]byte](t)(asn1.Marshal(v))
}

// changed is an encrypted key with other parameters.
func changed(t *testing.T, der []byte, change func(*encryptedKeyInfo, *pbes2Params)) []byte {
	t.Helper()
	var info encryptedKeyInfo
	var params pbes2Params
	if !unmarshal(der, &info) || !unmarshal(info.Algorithm.Parameters.FullBytes, &params) {
		t.Fatal("the good file is not good")
	}
	change(&info, &params)
	info.Algorithm.Parameters = asn1.RawValue{FullBytes: encode(t, params)}
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: encode(t, info)})
}

// TestHostileEncryption changes the parameters of a good file; none may panic
// or do the work it asks for.
func TestHostileEncryption(t *testing.T) {
	t.Parallel()
	key := newKey(t, ECP256)
	good, _ := pem.Decode(quick(t, key, "1234"))
	scryptDER := must[[]byte](t)(pkcs8.MarshalPrivateKey(key, []byte("1234"), &pkcs8.Opts{
		Cipher: pkcs8.AES256CBC, KDFOpts: pkcs8.ScryptOpts{SaltSize: 8, CostParameter: 1 << 4, BlockSize: 8, ParallelizationParameter: 1},
	}))
	pbkdf2 := func(change func(*pbkdf2Params)) func(*encryptedKeyInfo, *pbes2Params) {
		return func(_ *encryptedKeyInfo, p *pbes2Params) {
			var kdf pbkdf2Params
			if !unmarshal(p.KDF.Parameters.FullBytes, &kdf) {
				t.Fatal("no PBKDF2 parameters")
			}
			change(&kdf)
			p.KDF.Parameters = asn1.RawValue{FullBytes: encode(t, kdf)}
		}
	}
	scrypt := func(n, r, p int) func(*encryptedKeyInfo, *pbes2Params) {
		return func(_ *encryptedKeyInfo, params *pbes2Params) {
			params.KDF.Parameters = asn1.RawValue{FullBytes: encode(t, scryptParams{Salt: []byte("salt"), N: n, R: r, P: p})}
		}
	}
	for name, c := range map[string]struct {
		der    []byte
		change func(*encryptedKeyInfo, *pbes2Params)
		want   string
	}{
		"iterations":      {good.Bytes, pbkdf2(func(p *pbkdf2Params) { p.Iterations = 10_000_001 }), "10000001 PBKDF2 iterations, over the limit"},
		"no iterations":   {good.Bytes, pbkdf2(func(p *pbkdf2Params) { p.Iterations = 0 }), "PBKDF2 parameters cannot be read"},
		"hash":            {good.Bytes, pbkdf2(func(p *pbkdf2Params) { p.PRF.Algorithm = asn1.ObjectIdentifier{1, 2, 3} }), "hash that is not supported here (OID 1.2.3): openssl pkcs8 -topk8"},
		"scrypt memory":   {scryptDER, scrypt(1<<17, 8, 1), "over the limit of 64 MiB"},
		"scrypt overflow": {scryptDER, scrypt(1<<62, 1<<62, 1), "over the limit of 64 MiB"},
		"scrypt rounds":   {scryptDER, scrypt(2, 1, 1<<30), "over the limit of 64 MiB"},
		"scrypt odd cost": {scryptDER, scrypt(3, 1, 1), "scrypt parameters cannot be read"},
		"short IV": {good.Bytes, func(_ *encryptedKeyInfo, p *pbes2Params) {
			p.Cipher.Parameters = asn1.RawValue{FullBytes: encode(t, []byte("short"))}
		}, "initialization vector has the wrong length"},
		"GCM": {good.Bytes, func(_ *encryptedKeyInfo, p *pbes2Params) {
			p.Cipher.Algorithm = pkcs8.AES256GCM.OID()
		}, "cipher that is not supported here"},
		"KDF": {good.Bytes, func(_ *encryptedKeyInfo, p *pbes2Params) {
			p.KDF.Algorithm = asn1.ObjectIdentifier{1, 2, 3}
		}, "key derivation that is not supported here (OID 1.2.3): openssl pkcs8 -topk8"},
		"cut data": {good.Bytes, func(i *encryptedKeyInfo, _ *pbes2Params) { i.Data = i.Data[:17] }, "the encrypted part is cut off"},
		"no data":  {good.Bytes, func(i *encryptedKeyInfo, _ *pbes2Params) { i.Data = nil }, "the encrypted part is cut off"},
		"PKCS#12 scheme": {good.Bytes, func(i *encryptedKeyInfo, _ *pbes2Params) {
			i.Algorithm.Algorithm = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}
		}, "outdated scheme"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := changed(t, c.der, c.change)
			_, err := DecodeKey(data, []byte("1234"))
			var e *FormatError
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestRightPassphraseForAStrangeKey must not be blamed on the pass phrase.
func TestRightPassphraseForAStrangeKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openssl(t, dir, nil, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1", "-aes256", "-pass", "pass:1234", "-out", "k.pem")
	_, err := ReadKey(filepath.Join(dir, "k.pem"), []byte("1234"))
	var e *FormatError
	if !errors.As(err, &e) || !strings.Contains(e.What, "not supported here") {
		t.Errorf("got %v", err)
	}
}

func TestKeyBehindACertificateInOneFile(t *testing.T) {
	t.Parallel()
	f := newFamily(t, ECP256)
	key := newKey(t, ECP256)
	both := append(EncodeCertificates(f.device, f.root.Certificate), quick(t, key, "1234")...)
	if got, err := DecodeKey(both, []byte("1234")); err != nil || !sameKey(got.Public(), key.Public()) {
		t.Errorf("the key: %v", err)
	}
	if certs, err := DecodeCertificates(both); err != nil || len(certs) != 2 {
		t.Errorf("the certificates: %d, %v", len(certs), err)
	}
}

func TestDecodeCertificatesSaysWhatItIs(t *testing.T) {
	t.Parallel()
	f := newFamily(t, ECP256)
	key := newKey(t, ECP256)
	one := EncodeCertificates(f.device)
	broken := bytes.Replace(EncodeCertificates(f.device, f.root.Certificate), []byte("-----END"), []byte("----END"), 1)
	dir := t.TempDir()
	if err := errors.Join(WriteKey(filepath.Join(dir, "k"), key, nil), WriteCertificates(filepath.Join(dir, "c"), must[*x509.Certificate](t)(SelfSignedDevice(key, "a", month())))); err != nil {
		t.Fatal(err)
	}
	openssl(t, dir, nil, "pkcs12", "-export", "-inkey", "k", "-in", "c", "-passout", "pass:1234", "-out", "p")
	openssl(t, dir, nil, "req", "-new", "-key", "k", "-subj", "/CN=a", "-out", "r")
	openssl(t, dir, nil, "crl2pkcs7", "-nocrl", "-certfile", "c", "-out", "7")
	openssl(t, dir, nil, "x509", "-in", "c", "-trustout", "-out", "t")
	openssl(t, dir, nil, "pkey", "-in", "k", "-pubout", "-out", "pub")
	read := func(name string) []byte { return must[[]byte](t)(os.ReadFile(filepath.Join(dir, name))) }
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":       {nil, "the file is empty"},
		"DER":         {f.device.Raw, "this is binary DER, not PEM: dpslab cert convert"},
		"PFX":         {read("p"), "this is a PFX (PKCS#12) file, not PEM: dpslab cert convert"},
		"request":     {read("r"), "this is a certificate signing request, not a certificate"},
		"PKCS#7":      {read("7"), "this is a PKCS#7 bundle"},
		"trusted":     {read("t"), "a certificate with OpenSSL's trust settings"},
		"public key":  {read("pub"), "this holds a public key only"},
		"key":         {read("k"), "this holds a private key only, no certificate"},
		"damaged":     {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.device.Raw[:200]}), "certificate 1 is damaged"},
		"cut off":     {one[:len(one)/2], "the PEM block is damaged or cut off"},
		"one is lost": {broken, "1 of 2 certificates are damaged or cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := DecodeCertificates(c.data)
			var e *FormatError
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || e.Fix == "" {
				t.Errorf("got %v, want %q and a fix", err, c.want)
			}
		})
	}
	crlf := bytes.ReplaceAll(one, []byte("\n"), []byte("\r\n"))
	if certs, err := DecodeCertificates(append([]byte("Bag Attributes\r\n"), crlf...)); err != nil || len(certs) != 1 {
		t.Errorf("with CRLF and text before: %v", err)
	}
}
