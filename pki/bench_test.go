package pki

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func benchAuthority(b *testing.B) *Authority {
	b.Helper()
	a, err := CreateAuthority(b.Context(), AuthorityFiles{filepath.Join(b.TempDir(), "ca")}, ECP256, "line-3", ValidFor(time.Now(), 3650), nil)
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// BenchmarkBatch makes 10 000 devices (key, certificate and full chain each,
// synced to the disk) from one EC CA, beside "openssl x509 -req" in a loop that
// signs one ready-made request over and over and syncs nothing. The goal is 50
// times openssl's rate.
func BenchmarkBatch(b *testing.B) {
	a := benchAuthority(b)
	const n = 10_000
	rate, theirs := 0.0, 0.0
	for b.Loop() {
		began := time.Now()
		dir, err := os.MkdirTemp(b.TempDir(), "batch")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := a.IssueBatch(b.Context(), BatchOptions{Names: numbered(n), Dir: dir, Algorithm: ECP256, Validity: ValidFor(time.Now(), 30)}, nil); err != nil {
			b.Fatal(err)
		}
		rate = n / time.Since(began).Seconds()
		b.StopTimer()
		theirs = opensslRate(b, a, 300)
		b.StartTimer()
	}
	b.ReportMetric(rate, "certs/s")
	b.ReportMetric(theirs, "openssl-certs/s")
	b.ReportMetric(rate/theirs, "times-openssl")
}

// opensslRate is how many requests "openssl x509 -req" signs in a second.
func opensslRate(b *testing.B, a *Authority, n int) float64 {
	b.Helper()
	dir := b.TempDir()
	openssl(b, dir, nil, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k", "-subj", "/CN=press", "-out", "r")
	script := fmt.Sprintf(`for i in $(seq %d); do openssl x509 -req -in r -CA "$CA" -CAkey "$KEY" -days 30 -set_serial $i -out $i.pem 2>/dev/null; done`, n)
	cmd := exec.CommandContext(b.Context(), "sh", "-c", script)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CA="+a.Files.IntermediateCertificate(), "KEY="+a.Files.IntermediateKey())
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return float64(n) / time.Since(began).Seconds()
}

// BenchmarkVerifyFolder checks a folder of 1 000 files: 333 devices with key,
// certificate and full chain, and the root. In the one there is nothing to say,
// in the other every device needs a fix.
func BenchmarkVerifyFolder(b *testing.B) {
	b.Run("good", func(b *testing.B) { verifyFolder(b, 365, SeverityInfo) })
	b.Run("short-lived", func(b *testing.B) { verifyFolder(b, 30, SeverityWarning) })
}

func verifyFolder(b *testing.B, days int, worst Severity) {
	a, dir := benchAuthority(b), b.TempDir()
	if _, err := a.IssueBatch(b.Context(), BatchOptions{Names: numbered(333), Dir: dir, Algorithm: ECP256, Validity: ValidFor(time.Now(), days)}, nil); err != nil {
		b.Fatal(err)
	}
	if err := WriteCertificates(filepath.Join(dir, "root.pem"), a.Root.Certificate); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		report, err := Verify([]string{dir}, VerifyOptions{})
		if err != nil || len(report.Files) != 1000 || len(report.Chains) != 333 || Worst(report.Findings) != worst {
			b.Fatalf("%v: %d files", err, len(report.Files))
		}
	}
}

// BenchmarkInspect reads, describes and prints one certificate.
func BenchmarkInspect(b *testing.B) {
	path := filepath.Join(b.TempDir(), "c.pem")
	if err := os.WriteFile(path, []byte(certificateSeed), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		report, err := Inspect(path, InspectOptions{})
		if err != nil || len(report.Text()) < 100 {
			b.Fatal(err)
		}
	}
}

// BenchmarkCreateDeviceChain is a whole new chain with all files, without the
// start of a process.
func BenchmarkCreateDeviceChain(b *testing.B) {
	for b.Loop() {
		dir := b.TempDir()
		_, _, err := CreateDeviceChain(b.Context(), AuthorityFiles{filepath.Join(dir, "ca")}, DeviceFiles{Dir: dir, RegistrationID: "press-3"}, ChainOptions{
			Authority: "line-3", Algorithm: ECP256, AuthorityValidity: ValidFor(time.Now(), 3650), Validity: ValidFor(time.Now(), 30),
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
