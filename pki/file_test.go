package pki

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func checkMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != want {
		t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
	}
}

// checkOnly checks that a folder holds just these names: no temporary files.
func checkOnly(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, 0, len(entries))
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s holds %v, want %v", dir, got, want)
	}
}

func TestWriteKeyNeverOverwrites(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "private")
	path := filepath.Join(dir, "k.pem")
	first, second := newKey(t, ECP256), newKey(t, ECP256)
	if err := WriteKey(path, first, nil); err != nil {
		t.Fatal(err)
	}
	before := must[[]byte](t)(os.ReadFile(path))
	err := WriteKey(path, second, nil)
	var file *FileError
	if !errors.Is(err, ErrExists) || !errors.Is(err, fs.ErrExist) || !errors.As(err, &file) || file.Path != path {
		t.Errorf("writing over a key: %v", err)
	}
	// The check above looks first; the one that counts is made by the file system.
	if err := writeNew(path, []byte("x"), 0o600); !errors.Is(err, ErrExists) {
		t.Errorf("placing over a key: %v", err)
	}
	if after := must[[]byte](t)(os.ReadFile(path)); string(after) != string(before) {
		t.Error("the key was changed")
	}
	checkMode(t, path, 0o600)
	checkMode(t, dir, 0o700)
	checkMode(t, filepath.Dir(dir), 0o700)
	checkOnly(t, dir, "k.pem")
}

func TestWriteKeyDoesNotFollowADanglingLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, target := filepath.Join(dir, "k.pem"), filepath.Join(dir, "elsewhere")
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	if err := WriteKey(path, newKey(t, ECP256), nil); !errors.Is(err, ErrExists) {
		t.Errorf("got %v", err)
	}
	checkOnly(t, dir, "k.pem")
}

func TestWriteCertificatesReplaces(t *testing.T) {
	t.Parallel()
	f := newFamily(t, ECP256)
	path := filepath.Join(t.TempDir(), "certs", "c.pem")
	for _, certs := range [][]*x509.Certificate{{f.device}, {f.device, f.intermediate.Certificate, f.root.Certificate}} {
		if err := WriteCertificates(path, certs...); err != nil {
			t.Fatal(err)
		}
		got, err := ReadCertificates(path)
		if err != nil || len(got) != len(certs) || !got[0].Equal(f.device) {
			t.Errorf("read %d certificates, %v", len(got), err)
		}
	}
	checkMode(t, path, 0o644)
	checkMode(t, filepath.Dir(path), 0o700)
	checkOnly(t, filepath.Dir(path), "c.pem")
}

func TestReadErrorsNameTheFileOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := errors.Join(os.WriteFile(big, nil, 0o600), os.Truncate(big, maxFile+1)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		dir:                        "is a directory",
		big:                        "larger than 1 MiB",
	} {
		_, certErr := ReadCertificates(path)
		_, keyErr := ReadKey(path, nil)
		_, encErr := KeyEncrypted(path)
		for _, err := range []error{certErr, keyErr, encErr} {
			var file *FileError
			if !errors.As(err, &file) || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), path) != 1 {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

func TestEnsureKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "k.pem")
	key, made, err := ensureKey(t.Context(), path, ECP256, []byte("1234"), fewIterations)
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	again, made, err := EnsureKey(t.Context(), path, RSA2048, []byte("1234"))
	if err != nil || made || !sameKey(key.Public(), again.Public()) {
		t.Errorf("the key was not reused: made %v, %v", made, err)
	}
	if _, _, err := EnsureKey(t.Context(), path, ECP256, []byte("wrong")); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("with a wrong pass phrase: %v", err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	other := filepath.Join(t.TempDir(), "k.pem")
	if _, _, err := EnsureKey(ctx, other, ECP256, nil); !errors.Is(err, cause) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a cancelled run left a file: %v", err)
	}
}

func TestEnsureKeyFromManyAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "k.pem")
	keys := make([]crypto.Signer, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], _, err = EnsureKey(t.Context(), path, ECP256, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys[1:] {
		if k == nil || !sameKey(keys[0].Public(), k.Public()) {
			t.Fatal("two callers got two keys")
		}
	}
	checkOnly(t, filepath.Dir(path), "k.pem")
}

func TestLoadIdentity(t *testing.T) {
	t.Parallel()
	dir, f := t.TempDir(), newFamily(t, ECP256)
	key := newKey(t, ECP256)
	leaf := must[*x509.Certificate](t)(DeviceCertificate(key.Public(), "device-01", month(), f.intermediate))
	certFile, keyFile, reversed := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem"), filepath.Join(dir, "reversed.pem")
	other := filepath.Join(dir, "other.pem")
	both := filepath.Join(dir, "both.pem")
	if err := errors.Join(
		WriteCertificates(certFile, leaf, f.intermediate.Certificate, f.root.Certificate),
		WriteCertificates(reversed, f.root.Certificate, f.intermediate.Certificate, leaf),
		os.WriteFile(keyFile, quick(t, key, "1234"), 0o600),
		os.WriteFile(both, append(EncodeCertificates(leaf), quick(t, key, "")...), 0o600),
		WriteKey(other, newKey(t, ECP256), nil),
	); err != nil {
		t.Fatal(err)
	}
	id, err := LoadIdentity(certFile, keyFile, []byte("1234"))
	if err != nil || len(id.Certificate) != 3 || !id.Leaf.Equal(leaf) {
		t.Fatalf("identity with %d certificates, %v", len(id.Certificate), err)
	}
	if _, err := LoadIdentity(both, both, nil); err != nil {
		t.Errorf("certificate and key in one file: %v", err)
	}
	if _, err := LoadIdentity(certFile, keyFile, nil); !errors.Is(err, ErrPassphraseNeeded) {
		t.Errorf("without the pass phrase: %v", err)
	}
	var mismatch *MismatchError
	if _, err := LoadIdentity(certFile, other, nil); !errors.As(err, &mismatch) || mismatch.At != 0 ||
		mismatch.CertificateSPKI != Describe(leaf).SPKI || mismatch.KeySPKI == mismatch.CertificateSPKI || len(mismatch.KeySPKI) != 64 {
		t.Errorf("another key: %v", err)
	}
	if _, err := LoadIdentity(reversed, keyFile, []byte("1234")); !errors.As(err, &mismatch) || mismatch.At != 3 || !strings.Contains(err.Error(), "must come first") {
		t.Errorf("reversed chain: %v", err)
	}
	handshake(t, f, id)
}

// handshake presents an identity to a real TLS server that asks for one.
func handshake(t *testing.T, f family, id tls.Certificate) {
	t.Helper()
	serverKey := newKey(t, ECP256)
	server := must[*x509.Certificate](t)(ServerCertificate(serverKey.Public(), "localhost", []string{"localhost"}, nil, month(), f.intermediate))
	roots := x509.NewCertPool()
	roots.AddCert(f.root.Certificate)
	listener := must[net.Listener](t)(tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw, f.intermediate.Certificate.Raw}, PrivateKey: serverKey}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: roots, MinVersion: tls.VersionTLS12,
	}))
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			err = conn.(*tls.Conn).HandshakeContext(t.Context())
			_ = conn.Close()
		}
		done <- err
	}()
	conn, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{
		RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{id}, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := <-done; err != nil {
		t.Errorf("the server refused: %v", err)
	}
}
