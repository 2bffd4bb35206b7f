package main

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretsStayInside runs a chain, a group, a pass phrase and everything that
// is verbose, and looks for each secret in all that was printed or written.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	lab, ready := serve(t, home)
	const phrase = "correct-horse-battery"
	const pfxPassword = "staple-of-a-pfx"
	env := environ(t, home, "PRESS_PASSPHRASE="+phrase, "PFX_PASSWORD="+pfxPassword)
	said := ""
	for _, args := range [][]string{
		{"new", "press-3", "--yes", "--enrollment", "group", "--passphrase-env", "PRESS_PASSPHRASE", "--count", "1"},
		{"run", "press-3", "-v"},
		{"run", "press-3", "-v", "--json"},
		{"status", "press-3", "-v"},
		{"send", "press-3", "-v", "--count", "1", "--json"},
		{"show", "press-3"},
		{"list", "--json"},
		{"new", "key-1", "--yes", "--attestation", "symmetric-key", "--count", "1"},
		{"run", "key-1", "-v"},
		{"run", "key-1", "--dry-run"},
		{"run", "press-3", "--dry-run", "--json"},
		{"enrollment", "show", "key-1", "-v"},
		{"enrollment", "list", "-v", "--json"},
		{"ca", "list", "-v"},
		{"cert", "pfx", "DEVICE_FULL_CHAIN", "--key", "DEVICE_KEY", "--passphrase-env", "PRESS_PASSPHRASE", "--out-passphrase-env", "PFX_PASSWORD", "--out", filepath.Join(home, "private", "a.pfx"), "--json"},
		{"apim", "put", "gateway", "--pfx", filepath.Join(home, "private", "a.pfx"), "--pfx-passphrase-env", "PFX_PASSWORD", "--dry-run"},
		{"apim", "put", "gateway", "--pfx", filepath.Join(home, "private", "a.pfx"), "--pfx-passphrase-env", "PFX_PASSWORD", "-v"},
		{"export", "key-1", "curl"},
		{"export", "press-3", "curl"},
		{"export", "press-3", "az"},
		{"export", "press-3", "har"},
		{"export", "press-3", "env"},
		{"export", "press-3", "iotedge"},
		{"retire", "key-1", "--dry-run", "--json"},
		{"retire", "key-1", "--yes", "-v"},
	} {
		for i, arg := range args {
			switch device := paths(t, home).DeviceDir("press-3"); arg {
			case "DEVICE_FULL_CHAIN":
				args[i] = filepath.Join(device, "certs", "press-3-full-chain.cert.pem")
			case "DEVICE_KEY":
				args[i] = filepath.Join(device, "private", "press-3.key.pem")
			}
		}
		r := dpslabWith(t, env, args...).want(t, 0)
		said += r.stdout + r.stderr
	}
	said += lab.stderr.String()
	if !strings.Contains(said, "Authorization: SharedAccessSignature [secret]") || !strings.Contains(said, "Bearer [secret]") {
		t.Error("nothing was said of how calls are authorized: this test looks at the wrong place")
	}
	secrets := map[string]string{
		"the pass phrase":      phrase,
		"the PFX's password":   pfxPassword,
		"the service key":      sharedAccessKey(t, ready.ServiceConnectionString),
		"the hub's key":        sharedAccessKey(t, ready.HubConnectionString),
		"the management token": ready.ManagementToken,
		"a SAS signature":      "&sig=",
		"a private key":        "PRIVATE KEY-----",
	}
	for what, secret := range secrets {
		if strings.Contains(said, secret) || strings.Contains(said, url.QueryEscape(secret)) {
			t.Errorf("%s was printed", what)
		}
	}
	files := 0
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || mayHoldSecrets(t, home, path) {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		for what, secret := range secrets {
			if strings.Contains(string(data), secret) || strings.Contains(string(data), url.QueryEscape(secret)) {
				t.Errorf("%s is in %s", what, path)
			}
		}
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("%d files were looked at: %v", files, err)
	}
}

// mayHoldSecrets says whether a file is a private key or the lab's own.
func mayHoldSecrets(t *testing.T, home, path string) bool {
	t.Helper()
	lab := paths(t, home).LabDir()
	return filepath.Base(filepath.Dir(path)) == "private" || filepath.Dir(path) == lab
}

func sharedAccessKey(t *testing.T, connection string) string {
	t.Helper()
	_, key, found := strings.Cut(connection, "SharedAccessKey=")
	if !found || key == "" {
		t.Fatal("the lab gave no key")
	}
	return key
}

func TestPrivateFilesArePrivate(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	env := environ(t, home, "PRESS_PASSPHRASE=correct-horse-battery")
	dpslabWith(t, env, "new", "press-3", "--yes", "--enrollment", "group", "--passphrase-env", "PRESS_PASSPHRASE", "--count", "1").want(t, 0)
	dpslabWith(t, env, "run", "press-3", "-q").want(t, 0)
	keys := 0
	err := filepath.WalkDir(paths(t, home).Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".key.pem") {
			return err
		}
		keys++
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		data, err := os.ReadFile(path)
		if !strings.HasPrefix(string(data), "-----BEGIN ENCRYPTED PRIVATE KEY-----") {
			t.Errorf("%s is not encrypted", path)
		}
		return err
	})
	if err != nil || keys != 3 {
		t.Errorf("%d keys, want those of root, intermediate and device: %v", keys, err)
	}
}
