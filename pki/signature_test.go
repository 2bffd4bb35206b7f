package pki

import (
	"crypto"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSignaturesOfAllKinds: what cannot be checked here is not called altered,
// and what was altered is.
func TestSignaturesOfAllKinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key       []string // of openssl genpkey
		sign      []string // of openssl req -x509
		algorithm string
		check     signatureCheck
	}{
		"EC":                  {[]string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}, nil, "ecdsa-with-SHA256", signatureGood},
		"Ed25519":             {[]string{"-algorithm", "ED25519"}, nil, "ED25519", signatureGood},
		"Ed448":               {[]string{"-algorithm", "ED448"}, nil, "ED448", signatureUnchecked},
		"RSA 512":             {[]string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512"}, nil, "sha256WithRSAEncryption", signatureUnchecked},
		"RSA 768":             {[]string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:768"}, nil, "sha256WithRSAEncryption", signatureUnchecked},
		"RSA-PSS":             {[]string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, []string{"-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"}, "rsassaPss", signatureGood},
		"RSA-PSS, other salt": {[]string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, []string{"-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:20"}, "rsassaPss", signatureUnchecked},
		"RSA-PSS key":         {[]string{"-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"}, nil, "rsassaPss", signatureUnchecked},
		"SHA-1":               {[]string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, []string{"-sha1"}, "sha1WithRSAEncryption", signatureGood},
		"MD5":                 {[]string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, []string{"-md5"}, "md5WithRSAEncryption", signatureUnchecked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			openssl(t, dir, nil, append([]string{"genpkey", "-out", "k"}, c.key...)...)
			openssl(t, dir, nil, append([]string{"req", "-x509", "-key", "k", "-subj", "/CN=press-3", "-days", "90", "-out", "c.pem", "-addext", "basicConstraints=critical,CA:FALSE"}, c.sign...)...)
			path := filepath.Join(dir, "c.pem")
			cert := must[[]*x509.Certificate](t)(ReadCertificates(path))[0]
			if got := checkSignature(cert, cert); got != c.check {
				t.Errorf("the check says %d, want %d", got, c.check)
			}
			report := must[*Inspection](t)(Inspect(path, InspectOptions{}))
			text := report.Text()
			if strings.Contains(text, "altered") || strings.Contains(text, "not its own") || !strings.Contains(text, "Signature Algorithm: "+c.algorithm) ||
				report.Certificates[0].SignatureAlgorithm != c.algorithm || strings.Contains(text, "unknown") || !report.Certificates[0].SelfSigned {
				t.Errorf("the text is\n%s", text)
			}
			if said := strings.Contains(text, "cannot be checked here"); said != (c.check == signatureUnchecked && name != "MD5") {
				t.Errorf("that it cannot be checked: %v\n%s", said, text)
			}
			if c.check != signatureGood {
				return
			}
			der := append([]byte{}, cert.Raw...)
			der[len(der)-1] ^= 1
			if err := os.WriteFile(path, der, 0o600); err != nil {
				t.Fatal(err)
			}
			if text := must[*Inspection](t)(Inspect(path, InspectOptions{})).Text(); !strings.Contains(text, "its signature is not its own") {
				t.Errorf("altered, it reads\n%s", text)
			}
		})
	}
}

// TestNames writes names as openssl does, and as JSON output does.
func TestNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for subject, json := range map[string]string{
		`/CN=device-01`:                      `CN=device-01`,
		`/C=DE/O=Contoso, Inc./CN=device-01`: `CN=device-01,O=Contoso\, Inc.,C=DE`,
		`/O=say "hi"; <x>/CN=a\\b`:           `CN=a\\b,O=say \"hi\"\; \<x\>`,
		`/O=#1 \+ 2/CN=a`:                    `CN=a,O=\#1 \+ 2`,
		`/O= padded /CN=a=b`:                 `CN=a=b,O=\ padded\ `,
		`/O=Contoso+CN=device-01`:            `O=Contoso+CN=device-01`,
	} {
		args := []string{"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k", "-out", "c", "-subj", subject}
		if strings.Contains(subject, "Contoso+CN") {
			args = append(args, "-multivalue-rdn")
		}
		openssl(t, dir, nil, args...)
		c := must[[]*x509.Certificate](t)(ReadCertificates(filepath.Join(dir, "c")))[0]
		want := strings.TrimPrefix(strings.TrimSpace(openssl(t, dir, nil, "x509", "-in", "c", "-noout", "-subject")), "subject=")
		if got := nameText(c.RawSubject); got != want {
			t.Errorf("%s: got %s, openssl prints %s", subject, got, want)
		}
		if got := distinguishedName(c.RawSubject); got != json {
			t.Errorf("%s: got %s, want %s", subject, got, json)
		}
	}
}

// TestLargeRSAChain: three RSA 4096 certificates fit into 4096 bytes, but not
// with the signature that goes along.
func TestLargeRSAChain(t *testing.T) {
	t.Parallel()
	s := &scene{&mill{t: t}, t.TempDir()}
	key := must[crypto.Signer](t)(oneOf[RSA4096]())
	root := s.makeWith(key, nil, "the root", asCA)
	between := s.makeWith(key, root, "the middle", asCA)
	leaf := s.makeWith(key, between, "press-3", asDevice)
	s.certs("a.pem", leaf, between, root)
	if n := len(root.Raw) + len(between.Raw) + len(leaf.Raw); n >= 4096 {
		t.Fatalf("the chain is %d bytes: this tests nothing", n)
	}
	if got := rulesOf(must[*Report](t)(Verify([]string{s.dir}, VerifyOptions{})).Findings); !strings.Contains(got, "F15 warning") {
		t.Errorf("got %s", got)
	}
}
