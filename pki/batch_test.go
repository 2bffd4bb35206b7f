package pki

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("press-%04d", i)
	}
	return names
}

func TestBatch(t *testing.T) {
	t.Parallel()
	a := must[*Authority](t)(CreateAuthority(t.Context(), AuthorityFiles{t.TempDir()}, ECP256, "line-3", ValidFor(time.Now(), 3650), nil))
	dir := t.TempDir()
	const n = batchChunk + 7 // two chunks
	o := BatchOptions{Names: numbered(n), Dir: dir, Algorithm: ECP256, Validity: ValidFor(time.Now(), 365)}
	var told []int
	result, err := a.IssueBatch(t.Context(), o, func(done int) { told = append(told, done) })
	if err != nil || len(result.Issued) != n || len(told) != 2 || told[1] != n {
		t.Fatalf("%d issued, told %v, %v", len(result.Issued), told, err)
	}
	serials := map[string]bool{}
	for _, one := range result.Issued {
		serials[one.Serial] = true
	}
	if len(serials) != n {
		t.Errorf("%d serial numbers for %d certificates", len(serials), n)
	}
	listed, err := a.Files.Issued()
	if err != nil || len(listed) != n+1 || listed[0].Kind != "intermediate CA" || listed[n].Subject != "press-1006" {
		t.Errorf("%d in the ledger, %v", len(listed), err)
	}
	f := DeviceFiles{Dir: dir, RegistrationID: "press-1006"}
	checkMode(t, f.Key(), 0o600)
	checkMode(t, f.Certificate(), 0o644)
	if _, err := LoadIdentity(f.FullChain(), f.Key(), nil); err != nil {
		t.Error(err)
	}
	openssl(t, dir, nil, "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", a.Files.RootCertificate(), "-untrusted", f.FullChain(), f.Certificate())
	checkOnly(t, dir, "certs", "private") // no temporary folders
	if report := must[*Report](t)(Verify([]string{dir}, VerifyOptions{})); Worst(report.Findings) != SeverityInfo || len(report.Chains) != n {
		t.Errorf("%d chains, worst %s", len(report.Chains), Worst(report.Findings))
	}
}

// TestBatchGoesOn runs a batch again after one that was stopped: whole devices
// stay, a key without certificates is used, and nothing is replaced.
func TestBatchGoesOn(t *testing.T) {
	t.Parallel()
	a, dir := quickAuthority(t, AuthorityFiles{t.TempDir()}, ""), t.TempDir()
	o := BatchOptions{Names: numbered(3), Dir: dir, Algorithm: ECP256, Validity: month(), Passphrase: []byte("1234")}
	must[*BatchResult](t)(a.issueBatch(t.Context(), o, nil, fewIterations))
	half := DeviceFiles{Dir: dir, RegistrationID: "press-0001"}
	before := must[[]byte](t)(os.ReadFile(half.Key()))
	if err := os.Remove(half.FullChain()); err != nil {
		t.Fatal(err)
	}
	again := must[*BatchResult](t)(a.issueBatch(t.Context(), o, nil, fewIterations))
	if strings.Join(again.Kept, " ") != "press-0000 press-0002" || len(again.Issued) != 1 || again.Issued[0].Subject != "press-0001" {
		t.Errorf("kept %v, issued %v", again.Kept, again.Issued)
	}
	if string(must[[]byte](t)(os.ReadFile(half.Key()))) != string(before) {
		t.Error("the key was replaced")
	}
	if id, err := LoadIdentity(half.FullChain(), half.Key(), []byte("1234")); err != nil || Thumbprint256(id.Leaf) != again.Issued[0].SHA256 {
		t.Errorf("the finished device: %v", err)
	}
	o.Passphrase = []byte("wrong")
	if err := os.Remove(half.FullChain()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.issueBatch(t.Context(), o, nil, fewIterations); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("a key that does not open: %v", err)
	}
	checkOnly(t, dir, "certs", "private")
}

// TestBatchCleansUp finds what a killed batch left, and keeps away from one
// that is at work.
func TestBatchCleansUp(t *testing.T) {
	t.Parallel()
	a, dir := quickAuthority(t, AuthorityFiles{t.TempDir()}, ""), t.TempDir()
	left := filepath.Join(dir, stagingPrefix+"123")
	if err := errors.Join(os.Mkdir(left, 0o700), os.WriteFile(filepath.Join(left, "0.key"), []byte("key"), 0o600)); err != nil {
		t.Fatal(err)
	}
	unlock := must[func() error](t)(claimFolder(dir)) // which cleans up
	checkOnly(t, dir)
	if err := os.Mkdir(left, 0o700); err != nil { // of the batch that holds the lock
		t.Fatal(err)
	}
	o := BatchOptions{Names: numbered(2), Dir: dir, Algorithm: ECP256, Validity: month()}
	if _, err := a.IssueBatch(t.Context(), o, nil); !errors.Is(err, ErrBusy) {
		t.Errorf("beside another batch: %v", err)
	}
	if _, err := os.Stat(left); err != nil {
		t.Errorf("the files of a batch at work were removed: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	must[*BatchResult](t)(a.IssueBatch(t.Context(), o, nil))
	checkOnly(t, dir, "certs", "private")
}

// TestLedgerMarksUnwritten stops a batch at the second of three devices, whose
// name is taken: the ledger tells the written from the rest.
func TestLedgerMarksUnwritten(t *testing.T) {
	t.Parallel()
	a, dir := quickAuthority(t, AuthorityFiles{t.TempDir()}, ""), t.TempDir()
	// A full chain of that name turns up after the look and before the link.
	taken := DeviceFiles{Dir: dir, RegistrationID: "press-0001"}
	devices := []batchDevice{}
	for i, name := range numbered(3) {
		o := BatchOptions{Dir: dir, Algorithm: ECP256, Validity: month()}
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "certs"), 0o700), os.MkdirAll(filepath.Join(dir, "private"), 0o700)); err != nil {
			t.Fatal(err)
		}
		devices = append(devices, must[batchDevice](t)(a.stageDevice(t.Context(), o, name, filepath.Join(dir, fmt.Sprint(i)), fewIterations)))
	}
	if err := os.WriteFile(taken.FullChain(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.handOut(devices, &BatchResult{}, dir); !errors.Is(err, ErrExists) {
		t.Errorf("a name that is taken: %v", err)
	}
	listed := must[[]Issued](t)(a.Files.Issued())
	if len(listed) != 4 || listed[0].Unwritten || listed[1].Unwritten || !listed[2].Unwritten || !listed[3].Unwritten {
		t.Errorf("the ledger lists %+v", listed)
	}
	// One at a time: listed as unwritten until the files are there.
	by, written := a.Intermediate.Unwritten()
	must[*x509.Certificate](t)(DeviceCertificate(newKey(t, ECP256).Public(), "press-9", month(), by))
	if listed = must[[]Issued](t)(a.Files.Issued()); !listed[4].Unwritten {
		t.Error("a certificate without files is listed as written")
	}
	if err := written(); err != nil {
		t.Fatal(err)
	}
	if listed = must[[]Issued](t)(a.Files.Issued()); len(listed) != 5 || listed[4].Unwritten {
		t.Errorf("the ledger lists %+v", listed)
	}
}

func TestBatchRefuses(t *testing.T) {
	t.Parallel()
	a, dir := quickAuthority(t, AuthorityFiles{t.TempDir()}, ""), t.TempDir()
	var id *IDError
	if _, err := a.IssueBatch(t.Context(), BatchOptions{Names: []string{"good", "bad."}, Dir: dir, Algorithm: ECP256, Validity: month()}, nil); !errors.As(err, &id) {
		t.Errorf("an illegal name: %v", err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := a.IssueBatch(ctx, BatchOptions{Names: numbered(5), Dir: dir, Algorithm: ECP256, Validity: month()}, nil); !errors.Is(err, cause) {
		t.Errorf("cancelled: %v", err)
	}
	if listed, _ := a.Files.Issued(); len(listed) != 1 {
		t.Errorf("the ledger lists %v", listed)
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	a := quickAuthority(t, AuthorityFiles{t.TempDir()}, "")
	key := newKey(t, ECP256)
	issue := func(name string) {
		t.Helper()
		opened := must[*Authority](t)(OpenAuthority(a.Files, nil))
		must[*x509.Certificate](t)(DeviceCertificate(key.Public(), name, month(), opened.Intermediate))
	}
	issue("press-1")
	// A process was killed in the middle of a line.
	file, err := os.OpenFile(a.Files.Ledger(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.WriteString(`{"kind":"device","subj`)
	_ = file.Close()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { issue(fmt.Sprintf("press-x%d", i)) })
	}
	wg.Wait()
	listed := must[[]Issued](t)(a.Files.Issued())
	if len(listed) != 10 || listed[1].Subject != "press-1" || listed[1].Issuer != a.Intermediate.Certificate.Subject.CommonName {
		t.Errorf("the ledger lists %+v", listed)
	}
	checkMode(t, a.Files.Ledger(), 0o600)
	// A certificate that cannot be listed is not handed out.
	by := a.Intermediate
	full := errors.New("disk full")
	by.Note = func(Issued) error { return full }
	if c, err := DeviceCertificate(key.Public(), "press-2", month(), by); c != nil || !errors.Is(err, full) {
		t.Errorf("handed out %v, %v", c, err)
	}
	if none, err := (AuthorityFiles{t.TempDir()}).Issued(); none != nil || err != nil {
		t.Errorf("without a ledger: %v, %v", none, err)
	}
}

func TestCreateDeviceChain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := ChainOptions{Authority: "line-3", Algorithm: ECP256, AuthorityValidity: ValidFor(time.Now(), 3650), Validity: month(), Passphrase: []byte("1234")}
	files := AuthorityFiles{filepath.Join(dir, "ca")}
	first, _, err := createDeviceChain(t.Context(), files, DeviceFiles{Dir: dir, RegistrationID: "press-1"}, o, fewIterations)
	if err != nil {
		t.Fatal(err)
	}
	f := DeviceFiles{Dir: dir, RegistrationID: "press-2"}
	second, c, err := createDeviceChain(t.Context(), files, f, o, fewIterations)
	if err != nil || !second.Root.Certificate.Equal(first.Root.Certificate) {
		t.Fatalf("the authority was not shared: %v", err)
	}
	openssl(t, dir, nil, "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", files.RootCertificate(), "-untrusted", f.FullChain(), f.Certificate())
	id, err := LoadIdentity(f.FullChain(), f.Key(), []byte("1234"))
	if err != nil || !id.Leaf.Equal(c) || len(id.Certificate) != 3 {
		t.Errorf("%d certificates, %v", len(id.Certificate), err)
	}
	other := filepath.Join(t.TempDir(), "new")
	var bad *IDError
	if _, _, err := CreateDeviceChain(t.Context(), AuthorityFiles{other}, DeviceFiles{Dir: other, RegistrationID: "bad."}, o); !errors.As(err, &bad) {
		t.Errorf("an illegal name: %v", err)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("an illegal name left files")
	}
	o.Passphrase = []byte("wrong")
	if _, _, err := CreateDeviceChain(t.Context(), files, DeviceFiles{Dir: dir, RegistrationID: "press-3"}, o); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("a wrong pass phrase: %v", err)
	}
}

// TestDeviceChainFromManyAtOnce lets several processes' worth of callers begin
// the same authority, each with a device of its own, at the same moment.
func TestDeviceChainFromManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := AuthorityFiles{filepath.Join(dir, "ca")}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			_, _, err := CreateDeviceChain(t.Context(), files, DeviceFiles{Dir: dir, RegistrationID: fmt.Sprintf("press-%d", i)},
				ChainOptions{Authority: "line-3", Algorithm: ECP256, AuthorityValidity: ValidFor(time.Now(), 3650), Validity: ValidFor(time.Now(), 365)})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	report := must[*Report](t)(Verify([]string{dir}, VerifyOptions{}))
	if Worst(report.Findings) != SeverityInfo || len(report.Chains) != 6 {
		t.Errorf("%d chains: %+v", len(report.Chains), report.Findings)
	}
	for _, sub := range []string{"private", "ca/certs", "ca/private"} {
		for _, e := range must[[]os.DirEntry](t)(os.ReadDir(filepath.Join(dir, sub))) {
			if strings.HasPrefix(e.Name(), ".") {
				t.Errorf("a temporary file is left: %s", e.Name())
			}
		}
	}
}
