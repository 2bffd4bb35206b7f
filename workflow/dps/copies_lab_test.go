package dps_test

import (
	"context"
	"crypto"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dpslab/pki"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator/labtest"
	"dpslab/workflow/wire"
)

// What is copied runs as it stands and gets the same answer.
func TestCopiesRunInTheLab(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("this test needs %s: make test installs it", tool)
		}
	}
	l := labtest.Start(t)
	me := labtest.SelfSigned(t, "device-01")
	if _, err := l.Service(t).PutEnrollment(t.Context(), labtest.Enrollment("device-01", me), ""); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	key, ok := me.PrivateKey.(crypto.Signer)
	if !ok {
		t.Fatalf("the key is %T", me.PrivateKey)
	}
	if err := errors.Join(pki.WriteCertificates(certFile, me.Leaf), pki.WriteKey(keyFile, key, nil)); err != nil {
		t.Fatal(err)
	}
	var seen []wire.Exchange
	w := wire.NewClient(wire.Options{
		Certificate: me, CertificateFile: certFile, KeyFile: keyFile, Roots: l.Roots, CAFile: l.CAFile, ConnectTo: l.Address,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, l.Address)
		},
		Observe: func(x wire.Exchange, finished bool) {
			if finished {
				seen = append(seen, x)
			}
		},
	})
	t.Cleanup(w.Close)
	device := &dps.DeviceClient{Wire: w, Host: l.DeviceHost, IDScope: l.IDScope}
	connection, err := dps.ParseConnectionString(l.ServiceConnectionString)
	if err != nil {
		t.Fatal(err)
	}
	service := &dps.ServiceClient{Wire: w, Host: l.ServiceHost, Authorize: connection.Authorizer()}
	if _, err := device.RegistrationStatus(t.Context(), "device-01"); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Enrollment(t.Context(), "device-01"); err != nil {
		t.Fatal(err)
	}
	token, err := connection.Authorizer()(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range seen {
		openssl, why := wire.OpenSSL(&x)
		if why != "" {
			t.Fatal(why)
		}
		for _, command := range []string{wire.Curl(&x) + " --silent --show-error --noproxy '*'", openssl} {
			cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
			cmd.Env = append(os.Environ(), "AUTHORIZATION="+token.Reveal())
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "HTTP/1.1 200 OK") || !strings.Contains(string(out), `"registrationId":"device-01"`) {
				t.Errorf("%s\n%v: %s", command, err, out)
			}
		}
	}
}
