package pki

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"software.sslmate.com/src/go-pkcs12"
)

// oneOf makes each kind of key once for all tests: RSA 4096 takes a second.
var oneOf = func() map[Algorithm]func() (crypto.Signer, error) {
	keys := map[Algorithm]func() (crypto.Signer, error){}
	for _, a := range Algorithms() {
		keys[a] = sync.OnceValues(func() (crypto.Signer, error) { return a.GenerateKey(context.Background()) })
	}
	return keys
}()

// greeter is a TLS server that wants a client certificate and answers with its
// common name.
type greeter struct {
	url, caFile string
	roots       *x509.CertPool
	root        Issuer
}

func newGreeter(t *testing.T, dir string) greeter {
	t.Helper()
	f := newFamily(t, ECP256)
	key := newKey(t, ECP256)
	server := must[*x509.Certificate](t)(ServerCertificate(key.Public(), "localhost", []string{"localhost"}, nil, month(), f.root))
	g := greeter{roots: x509.NewCertPool(), root: f.root, caFile: filepath.Join(dir, "server-ca.pem")}
	g.roots.AddCert(f.root.Certificate)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s", r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: key}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: g.roots,
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	g.url = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	if err := WriteCertificates(g.caFile, f.root.Certificate); err != nil {
		t.Fatal(err)
	}
	return g
}

// caseFile is one cell of the matrix: a client certificate in some form.
type caseFile struct {
	Name       string `json:"name"`
	CN         string `json:"cn"`
	Cert       string `json:"cert,omitempty"` // PEM
	Key        string `json:"key,omitempty"`  // PEM
	PFX        string `json:"pfx,omitempty"`
	Passphrase string `json:"passphrase,omitempty"`

	public []byte // PEM of the public key
}

// matrix writes every key type × encryption × container.
func matrix(t *testing.T, dir string, g greeter) []caseFile {
	t.Helper()
	var all []caseFile
	for _, a := range Algorithms() {
		key := must[crypto.Signer](t)(oneOf[a]())
		cn := "device-" + string(a)
		c := must[*x509.Certificate](t)(DeviceCertificate(key.Public(), cn, month(), g.root))
		chain := []*x509.Certificate{c, g.root.Certificate}
		public := []byte(publicOf(key.Public()))
		put := func(name string, data []byte) string {
			path := filepath.Join(dir, string(a)+"-"+name)
			if _, err := WriteOutput(path, data, WriteOptions{Secret: true}); err != nil {
				t.Fatal(err)
			}
			return path
		}
		cert := put("cert.pem", EncodeCertificates(chain...))
		for _, passphrase := range []string{"", "1234 é"} {
			tag := map[string]string{"": "plain", "1234 é": "closed"}[passphrase]
			pemKey := quick(t, key, passphrase)
			all = append(all,
				caseFile{Name: string(a) + " PEM " + tag, CN: cn, Cert: cert, Key: put(tag+".key.pem", pemKey), Passphrase: passphrase, public: public},
				caseFile{
					Name: string(a) + " PEM in one file " + tag, CN: cn, Passphrase: passphrase, public: public,
					Cert: put(tag+".both.pem", append(EncodeCertificates(chain...), pemKey...)),
				})
		}
		for _, e := range []PFXEncryption{PFXModern, PFXCompatible} {
			pfx := must[[]byte](t)(encodePFX(key, chain, []byte("1234"), e, fewIterations))
			all = append(all, caseFile{Name: string(a) + " PFX " + string(e), CN: cn, PFX: put(string(e)+".pfx", pfx), Passphrase: "1234", public: public})
		}
	}
	return all
}

// TestOthersReadOurs gives every key type in every container, closed and plain,
// to openssl, curl, Node and Go's own TLS, each against a server that demands a
// client certificate.
func TestOthersReadOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGreeter(t, dir)
	all := matrix(t, dir, g)
	t.Run("node", func(t *testing.T) {
		t.Parallel()
		nodeReads(t, g, all)
	})
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			opensslReads(t, dir, c)
			curlReads(t, dir, g, c)
			goReads(t, g, c)
		})
	}
}

func opensslReads(t *testing.T, dir string, c caseFile) {
	t.Helper()
	env := []string{"PASS=" + c.Passphrase}
	key := c.Key
	if key == "" {
		key = c.Cert
	}
	var pub string
	if c.PFX != "" {
		text := openssl(t, dir, env, "pkcs12", "-in", c.PFX, "-passin", "env:PASS", "-nodes")
		if strings.Count(text, "BEGIN CERTIFICATE") != 2 {
			t.Errorf("openssl finds other certificates:\n%s", text)
		}
		path := c.PFX + ".out.pem"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		pub = openssl(t, dir, env, "pkey", "-in", path, "-pubout", "-outform", "DER")
	} else {
		pub = openssl(t, dir, env, "pkey", "-in", key, "-passin", "env:PASS", "-pubout", "-outform", "DER")
	}
	if !bytes.Equal([]byte(pub), c.public) {
		t.Error("openssl reads another key")
	}
}

func curlReads(t *testing.T, dir string, g greeter, c caseFile) {
	t.Helper()
	args := []string{"-sS", "--noproxy", "*", "--cacert", g.caFile, g.url}
	switch {
	case c.PFX != "":
		args = append(args, "--cert-type", "P12", "--cert", c.PFX+":"+c.Passphrase)
	case c.Passphrase != "":
		args = append(args, "--cert", c.Cert+":"+c.Passphrase)
	default:
		args = append(args, "--cert", c.Cert)
	}
	if c.Key != "" {
		args = append(args, "--key", c.Key)
	}
	out, err := tryTool(t, dir, nil, "curl", args...)
	if err != nil || out != "hello "+c.CN {
		t.Errorf("curl: %v, %s", err, out)
	}
}

func goReads(t *testing.T, g greeter, c caseFile) {
	t.Helper()
	var id tls.Certificate
	var err error
	switch {
	case c.PFX != "":
		key, leaf, above, err := pkcs12.DecodeChain(must[[]byte](t)(os.ReadFile(c.PFX)), c.Passphrase)
		if err != nil || len(above) != 1 {
			t.Fatalf("%d certificates above, %v", len(above), err)
		}
		id = tls.Certificate{Certificate: [][]byte{leaf.Raw, above[0].Raw}, PrivateKey: key}
	case c.Passphrase == "" && c.Key != "":
		id, err = tls.LoadX509KeyPair(c.Cert, c.Key)
	case c.Key != "":
		id, err = LoadIdentity(c.Cert, c.Key, []byte(c.Passphrase))
	default:
		id, err = LoadIdentity(c.Cert, c.Cert, []byte(c.Passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: g.roots, Certificates: []tls.Certificate{id}}}}
	defer client.CloseIdleConnections()
	answer, err := client.Get(g.url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); string(body) != "hello "+c.CN {
		t.Errorf("Go's TLS: %s", body)
	}
}

const nodeScript = `
const fs = require('fs'), https = require('https');
const {url, ca, cases} = JSON.parse(fs.readFileSync(0));
(async () => {
  for (const c of cases) {
    const o = {ca: fs.readFileSync(ca), passphrase: c.passphrase, agent: false};
    if (c.pfx) o.pfx = fs.readFileSync(c.pfx);
    else { o.cert = fs.readFileSync(c.cert); o.key = fs.readFileSync(c.key || c.cert); }
    await new Promise(done => {
      const say = s => { console.log(c.name + ': ' + s); done(); };
      try {
        https.get(url, o, r => { let b = ''; r.on('data', d => b += d); r.on('end', () => say(b)); }).on('error', e => say(e.message));
      } catch (e) { say(e.message); }
    });
  }
})();
`

func nodeReads(t *testing.T, g greeter, all []caseFile) {
	t.Helper()
	in := must[[]byte](t)(json.Marshal(map[string]any{"url": g.url, "ca": g.caFile, "cases": all}))
	cmd := exec.CommandContext(t.Context(), tool(t, "node"), "-e", nodeScript)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	var want strings.Builder
	for _, c := range all {
		fmt.Fprintf(&want, "%s: hello %s\n", c.Name, c.CN)
	}
	if string(out) != want.String() {
		t.Errorf("node says\n%s\nwant\n%s", out, want.String())
	}
}

// TestWeReadOthers lets the real openssl write every key type in every container
// and encryption; Sniff must find the same key, its certificate and the wrong
// pass phrase.
func TestWeReadOthers(t *testing.T) {
	t.Parallel()
	for name, newKey := range map[string][]string{
		"P-256":    {"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"},
		"P-384":    {"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"},
		"P-521":    {"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"},
		"RSA 2048": {"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"},
		"RSA 3072": {"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"},
		"RSA 4096": {"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			openssl(t, dir, nil, append(newKey, "-out", "k")...)
			openssl(t, dir, nil, "req", "-x509", "-key", "k", "-subj", "/CN=press-3", "-days", "30", "-out", "c")
			for _, c := range othersForms(strings.HasPrefix(name, "RSA")) {
				openssl(t, dir, nil, append(c.args, "-out", "out")...)
				weRead(t, dir, c)
			}
		})
	}
}

// otherForm is a way in which openssl writes the key k and the certificate c.
type otherForm struct {
	name   string
	args   []string
	closed bool
	certs  int
}

func othersForms(isRSA bool) []otherForm {
	pass := []string{"-passout", "pass:1234"}
	old := "ec"
	if isRSA {
		old = "rsa"
	}
	form := func(name string, closed bool, certs int, args ...string) otherForm {
		if closed {
			args = append(args, pass...)
		}
		return otherForm{name, args, closed, certs}
	}
	traditional := []string{old, "-in", "k"}
	if isRSA {
		traditional = append(traditional, "-traditional")
	}
	with := func(more ...string) []string { return append(append([]string{}, traditional...), more...) }
	return []otherForm{
		form("PKCS#8", false, 0, "pkey", "-in", "k"),
		form("PKCS#8 DER", false, 0, "pkey", "-in", "k", "-outform", "DER"),
		form("traditional", false, 0, traditional...),
		form("traditional DER", false, 0, with("-outform", "DER")...),
		form("traditional AES", true, 0, with("-aes256")...),
		form("traditional AES-192", true, 0, with("-aes192")...),
		form("traditional AES-128", true, 0, with("-aes128")...),
		form("traditional 3DES", true, 0, with("-des3")...),
		form("PBES2 AES-256", true, 0, "pkcs8", "-topk8", "-in", "k", "-v2", "aes-256-cbc"),
		form("PBES2 AES-128, SHA-1", true, 0, "pkcs8", "-topk8", "-in", "k", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"),
		form("PBES2 AES-192", true, 0, "pkcs8", "-topk8", "-in", "k", "-v2", "aes-192-cbc"),
		form("PBES2 3DES", true, 0, "pkcs8", "-topk8", "-in", "k", "-v2", "des3"),
		form("PBES2 DER", true, 0, "pkcs8", "-topk8", "-in", "k", "-v2", "aes-256-cbc", "-outform", "DER"),
		form("scrypt", true, 0, "pkcs8", "-topk8", "-in", "k", "-scrypt"),
		form("PFX", true, 1, "pkcs12", "-export", "-inkey", "k", "-in", "c"),
		form("PFX 100 000", true, 1, "pkcs12", "-export", "-inkey", "k", "-in", "c", "-iter", "100000"),
		form("PFX legacy", true, 1, "pkcs12", "-export", "-legacy", "-inkey", "k", "-in", "c"),
		form("PFX 3DES", true, 1, "pkcs12", "-export", "-descert", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1", "-inkey", "k", "-in", "c"),
		form("certificate DER", false, 1, "x509", "-in", "c", "-outform", "DER"),
		form("certificate with text", false, 1, "x509", "-in", "c", "-text"),
		form("trusted certificate", false, 1, "x509", "-in", "c", "-trustout"),
	}
}

func weRead(t *testing.T, dir string, c otherForm) {
	t.Helper()
	data := must[[]byte](t)(os.ReadFile(filepath.Join(dir, "out")))
	right := must[crypto.Signer](t)(ReadKey(filepath.Join(dir, "k"), nil))
	got := Sniff(data, []byte("1234"))
	if len(got.Problems()) > 0 || len(got.Certificates()) != c.certs {
		t.Errorf("%s: %d certificates, %v", c.name, len(got.Certificates()), got.Problems())
		return
	}
	for _, cert := range got.Certificates() {
		if !sameKey(cert.PublicKey, right.Public()) {
			t.Errorf("%s: another certificate", c.name)
		}
	}
	isKey := c.certs == 0 || c.closed
	if isKey && (got.Key() == nil || !sameKey(got.Key().Public(), right.Public())) {
		t.Errorf("%s: another key", c.name)
	}
	if !c.closed {
		return
	}
	if without := Sniff(data, nil); !without.NeedsPassphrase() {
		t.Errorf("%s: without a pass phrase: %v", c.name, without.Problems())
	}
	if wrong := Sniff(data, []byte("wrong")).Problems(); len(wrong) != 1 || !errors.Is(wrong[0], ErrWrongPassphrase) {
		t.Errorf("%s: with a wrong pass phrase: %v", c.name, wrong)
	}
}
