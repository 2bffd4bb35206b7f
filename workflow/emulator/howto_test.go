package emulator

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dpslab/workflow/dps"
)

// The how-to "use X.509 certificates over HTTPS without an SDK" by hand, with
// its own openssl and curl commands. Changed are only: the pass phrase 1234 is
// given on the command line since there is no terminal, and curl is told where
// the lab is (--connect-to), whom to trust (--cacert) and to be quiet (-s).

// command runs a command in dir and gives its output.
func command(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, complaints.String())
	}
	return string(out), nil
}

func run(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	out, err := command(dir, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// howToFiles makes the files of the how-to, once for all tests: searching for
// RSA keys of 4096 bits takes seconds. TestMain removes them.
var howToFiles = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "dpslab-howto-*"); err != nil {
		return "", err
	}
	chain := make(chan error, 1)
	go func() { chain <- makeChain(dir) }()
	_, err = command(dir, "openssl", "req", "-outform", "PEM", "-x509", "-sha256", "-newkey", "rsa:4096", "-keyout", "device-key.pem", "-out", "device-cert.pem",
		"-days", "30", "-extensions", "usr_cert", "-addext", "extendedKeyUsage=clientAuth", "-subj", "/CN=my-x509-device", "-passout", "pass:1234")
	howToMade.Store(&dir)
	return dir, errors.Join(err, <-chain)
})

// howToMade is where howToFiles wrote, nil when it never ran.
var howToMade atomic.Pointer[string]

func files(t testing.TB) string {
	t.Helper()
	dir, err := howToFiles()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// chainConfig gives the certificates of the chain the extensions that the
// scripts and the tutorial behind the how-to give them.
const chainConfig = `
[req]
distinguished_name = name
prompt = no
[name]
CN = unused
[v3_ca]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
basicConstraints = critical, CA:true
keyUsage = critical, digitalSignature, cRLSign, keyCertSign
[usr_cert]
basicConstraints = CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
keyUsage = critical, nonRepudiation, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
`

const (
	rootCert  = "certs/azure-iot-test-only.root.ca.cert.pem"
	rootKey   = "private/azure-iot-test-only.root.ca.key.pem"
	interCert = "certs/azure-iot-test-only.intermediate.cert.pem"
	interKey  = "private/azure-iot-test-only.intermediate.key.pem"
	leafCert  = "certs/device-01.cert.pem"
	leafKey   = "private/device-01.key.pem"
	leafChain = "certs/device-01-full-chain.cert.pem"
)

// makeChain makes the files of the how-to's table.
func makeChain(dir string) error {
	for _, sub := range []string{"certs", "private"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "chain.cnf"), []byte(chainConfig), 0o600); err != nil {
		return err
	}
	steps := [][]string{
		{"genrsa", "-aes256", "-passout", "pass:1234", "-out", rootKey, "4096"},
		{"genrsa", "-aes256", "-passout", "pass:1234", "-out", interKey, "2048"},
		{"genrsa", "-out", leafKey, "2048"},
		{
			"req", "-new", "-x509", "-config", "chain.cnf", "-passin", "pass:1234", "-key", rootKey,
			"-subj", "/CN=Azure IoT Hub CA Cert Test Only", "-days", "30", "-sha256", "-extensions", "v3_ca", "-out", rootCert,
		},
	}
	steps = append(steps, issueSteps("/CN=Azure IoT Hub Intermediate Cert Test Only", interKey, interCert, rootCert, rootKey, "v3_ca")...)
	steps = append(steps, issueSteps("/CN=device-01", leafKey, leafCert, interCert, interKey, "usr_cert")...)
	for _, args := range steps {
		if _, err := command(dir, "openssl", args...); err != nil {
			return err
		}
	}
	var full []byte
	for _, name := range []string{leafCert, interCert, rootCert} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		full = append(full, raw...)
	}
	return os.WriteFile(filepath.Join(dir, leafChain), full, 0o600)
}

// issueSteps lets one CA sign a request of a key.
func issueSteps(subject, key, out, caCert, caKey, extensions string) [][]string {
	csr := out + ".csr"
	return [][]string{
		{"req", "-new", "-config", "chain.cnf", "-passin", "pass:1234", "-key", key, "-subj", subject, "-out", csr},
		{
			"x509", "-req", "-in", csr, "-CA", caCert, "-CAkey", caKey, "-passin", "pass:1234", "-CAcreateserial",
			"-days", "30", "-sha256", "-extfile", "chain.cnf", "-extensions", extensions, "-out", out,
		},
	}
}

func readFile(t testing.TB, dir, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// curl runs one of the how-to's commands; with -i the answer's head comes first.
func (l *Lab) curl(t testing.TB, dir string, args ...string) answer {
	t.Helper()
	out := run(t, dir, "curl", append(args, "-s", "--connect-to", "::"+l.ready.Address, "--cacert", l.ready.CAFile)...)
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(out)), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return answer{resp.StatusCode, resp.Header, body}
}

// registerByCurl follows the how-to from "register the device" to the end.
func registerByCurl(t *testing.T, l *Lab, dir, version, id, cert, key string) {
	t.Helper()
	base := "https://global.azure-devices-provisioning.net/" + l.ready.IDScope + "/registrations/" + id
	json := []string{"-H", "Content-Type: application/json", "-H", "Content-Encoding:  utf-8"}
	who := append([]string{"--cert", cert, "--key", key}, json...)

	begun := l.curl(t, dir, append(append([]string{"-L", "-i", "-X", "PUT"}, who...),
		"-d", `{"registrationId": "`+id+`"}`, base+"/register?api-version="+version)...)
	var op dps.RegistrationOperationStatus
	begun.into(t, &op)
	if begun.status != 202 || begun.header.Get("Retry-After") != "3" || begun.header.Get("Location") != base+"/register" ||
		!operationShape.MatchString(op.OperationID) || op.Status != "assigning" {
		t.Fatalf("%d %v %s", begun.status, begun.header, begun.body)
	}

	ended := l.curl(t, dir, append(append([]string{"-L", "-i", "-X", "GET"}, who...), base+"/operations/"+op.OperationID+"?api-version="+version)...)
	ended.into(t, &op)
	if ended.status != 200 || op.Status != "assigned" || op.RegistrationState.AssignedHub == "" || op.RegistrationState.DeviceID != id {
		t.Fatalf("%d %v %s", ended.status, ended.header, ended.body)
	}

	sent := l.curl(t, dir, append(append([]string{"-L", "-i", "-X", "POST"}, who...), "-d", `{"temperature": 30}`,
		"https://"+op.RegistrationState.AssignedHub+"/devices/"+id+"/messages/events?api-version=2020-03-13")...)
	if sent.status != 204 || len(sent.body) != 0 || sent.header.Get("x-ms-request-id") == "" {
		t.Fatalf("%d %v %s", sent.status, sent.header, sent.body)
	}
	events, err := l.Operator().Inbox(t.Context(), op.RegistrationState.AssignedHub, id, 0)
	if err != nil || len(events) == 0 || events[len(events)-1].Body != `{"temperature": 30}` {
		t.Errorf("%+v %v", events, err)
	}
}

// howToLab sends Retry-After as the service does, and assigns at once.
func howToLab(t *testing.T) *Lab {
	return start(t, func(o *Options) { o.RetryAfter, o.AssignDelay = 3, -1 })
}

func TestHowToSelfSigned(t *testing.T) {
	t.Parallel()
	dir := files(t)
	l := howToLab(t)
	cert, err := readCertificateText(readFile(t, dir, "device-cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	l.enroll(t, "my-x509-device", cert)
	for _, version := range []string{"2019-03-31", "2021-06-01"} {
		registerByCurl(t, l, dir, version, "my-x509-device", "device-cert.pem:1234", "device-key.pem")
	}
	// Without the certificate, as the how-to does not do it.
	refused := l.curl(t, dir, "-L", "-i", "-X", "PUT", "-H", "Content-Type: application/json", "-d", "{}",
		"https://global.azure-devices-provisioning.net/"+l.ready.IDScope+"/registrations/my-x509-device/register?api-version=2021-06-01")
	wantRefusal(t, refused, 401000, "Unauthorized")
}

func TestHowToChain(t *testing.T) {
	t.Parallel()
	dir := files(t)
	for name, verify := range map[string]func(*testing.T, *Lab){
		"verified at upload":  func(t *testing.T, l *Lab) { uploadByFlag(t, l, dir) },
		"proof of possession": func(t *testing.T, l *Lab) { uploadByProof(t, l, dir) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := howToLab(t)
			intermediate, err := readCertificateText(readFile(t, dir, interCert))
			if err != nil {
				t.Fatal(err)
			}
			l.enrollGroup(t, "azure-iot-test-only-group", intermediate)
			verify(t, l)
			for _, version := range []string{"2019-03-31", "2021-06-01"} {
				registerByCurl(t, l, dir, version, "device-01", leafChain, leafKey)
			}
			// The leaf alone leads nowhere.
			refused := l.curl(t, dir, "-L", "-i", "-X", "PUT", "--cert", leafCert, "--key", leafKey,
				"-H", "Content-Type: application/json", "-d", `{"registrationId": "device-01"}`,
				"https://global.azure-devices-provisioning.net/"+l.ready.IDScope+"/registrations/device-01/register?api-version=2021-06-01")
			wantRefusal(t, refused, 401002, "CA certificate not found")
		})
	}
}

func uploadByFlag(t *testing.T, l *Lab, dir string) {
	t.Helper()
	body := jsonText(t, map[string]any{"certificate": readFile(t, dir, rootCert), "isVerified": true})
	if a := l.manageCall(t, "2021-10-15", "PUT", "/certificates/azure-iot-test-only-root", body); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
}

// uploadByProof proves the root with the version of the reference page, which
// knows no flag.
func uploadByProof(t *testing.T, l *Lab, dir string) {
	t.Helper()
	const path, version = "/certificates/azure-iot-test-only-root", "2018-01-22"
	var r struct {
		ETag       string
		Properties struct {
			VerificationCode string
			IsVerified       bool
		}
	}
	body := jsonText(t, map[string]any{"certificate": readFile(t, dir, rootCert)})
	l.manageCall(t, version, "PUT", path, body).into(t, &r)
	l.manageCall(t, version, "POST", path+"/generateVerificationCode", "", "If-Match", r.ETag).into(t, &r)
	if !regexp.MustCompile(`^[0-9A-F]{48}$`).MatchString(r.Properties.VerificationCode) {
		t.Fatalf("%+v", r)
	}
	// A directory of its own: both tests share the files.
	own := t.TempDir()
	from := func(name string) string { return filepath.Join(dir, name) }
	run(t, own, "openssl", "genrsa", "-out", "verification.key.pem", "2048")
	run(t, own, "openssl", "req", "-new", "-key", "verification.key.pem", "-subj", "/CN="+r.Properties.VerificationCode, "-out", "verification.csr")
	run(t, own, "openssl", "x509", "-req", "-in", "verification.csr", "-CA", from(rootCert), "-CAkey", from(rootKey), "-passin", "pass:1234",
		"-set_serial", "4711", "-days", "30", "-sha256", "-out", "verification.cert.pem")
	body = jsonText(t, map[string]any{"certificate": readFile(t, own, "verification.cert.pem")})
	l.manageCall(t, version, "POST", path+"/verify", body, "If-Match", r.ETag).into(t, &r)
	if !r.Properties.IsVerified {
		t.Fatalf("%+v", r)
	}
}
