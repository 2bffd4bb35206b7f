package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// tutorial does what the tutorial on enrollment groups does by hand: root CA,
// intermediate CA and device with openssl req and openssl ca, and the full chain.
const tutorial = `set -e
mkdir -p certs csr newcerts private; : > index.txt; openssl rand -hex 16 > serial
cat > openssl.cnf <<'END'
[ca]
default_ca = default
[default]
dir = .
new_certs_dir = ./newcerts
database = ./index.txt
serial = ./serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
CN = replaced
[v3_ca]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always,issuer
basicConstraints = critical, CA:true
keyUsage = critical, digitalSignature, cRLSign, keyCertSign
[device]
basicConstraints = CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid,issuer
keyUsage = critical, nonRepudiation, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
END
key() { case $ALGORITHM in
ec-p256) openssl ecparam -name prime256v1 -genkey -noout -out "$1" ;;
*) openssl genrsa -out "$1" "${ALGORITHM#rsa-}" ;;
esac; }
sign() { openssl ca -batch -config openssl.cnf -notext -md sha256 "$@"; }
key private/root.key.pem
openssl req -new -x509 -config openssl.cnf -key private/root.key.pem -subj "/CN=root" -days 30 -sha256 -extensions v3_ca -out certs/root.pem
key private/intermediate.key.pem
openssl req -new -sha256 -config openssl.cnf -key private/intermediate.key.pem -subj "/CN=intermediate" -out csr/intermediate.csr
sign -cert certs/root.pem -keyfile private/root.key.pem -extensions v3_ca -days 30 -in csr/intermediate.csr -out certs/intermediate.pem
key private/device-01.key.pem
openssl req -new -sha256 -config openssl.cnf -key private/device-01.key.pem -subj "/CN=device-01" -out csr/device-01.csr
sign -cert certs/intermediate.pem -keyfile private/intermediate.key.pem -extensions device -days 30 -in csr/device-01.csr -out certs/device-01.pem
cat certs/device-01.pem certs/intermediate.pem certs/root.pem > certs/device-01-full-chain.pem
`

// BenchmarkCertChain makes a whole chain with all files, from exec to exit,
// beside the tutorial's openssl commands, in turns. The metric that counts is
// the ratio of the medians: at most 0.15 with EC P-256, 0.35 with RSA 2048 and
// 0.40 with RSA 4096. Run it with -benchtime 15x.
func BenchmarkCertChain(b *testing.B) {
	for _, algorithm := range []string{"ec-p256", "rsa-2048", "rsa-4096"} {
		b.Run(algorithm, func(b *testing.B) {
			var ours, theirs []time.Duration
			for b.Loop() {
				home := b.TempDir()
				ours = append(ours, timed(b, home, binary, "cert", "new", "device-01", "--authority", "line-3", "--algorithm", algorithm, "--out", home, "--home", home, "-q"))
				b.StopTimer()
				theirs = append(theirs, timed(b, b.TempDir(), "sh", "-c", "ALGORITHM="+algorithm+"\n"+tutorial))
				b.StartTimer()
			}
			a, z := median(ours), median(theirs)
			b.ReportMetric(a.Seconds()*1000, "dpslab-ms")
			b.ReportMetric(z.Seconds()*1000, "openssl-ms")
			b.ReportMetric(a.Seconds()/z.Seconds(), "ratio")
		})
	}
}

func timed(b *testing.B, dir, name string, args ...string) time.Duration {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "DPSLAB_HOME="+dir)
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", name, err, out)
	}
	return time.Since(began)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
