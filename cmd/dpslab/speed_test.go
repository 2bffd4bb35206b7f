//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dpslab/workflow/emulator"
)

// These benchmarks put dpslab beside the how-to's own openssl and curl, and
// beside Microsoft's packages for Node, against the same lab with the same
// Retry-After, from exec to exit. Each prints the medians and how many times
// faster dpslab is.

var rounds = flag.Int("rounds", 20, "how often each contestant runs in the benchmarks that compare")

// contest is a lab of one round, with what its contestants need to know of it.
type contest struct {
	b     *testing.B
	home  string
	env   []string // of dpslab, and with what `dpslab lab env` says
	ready emulator.Ready
	close func() // ends the lab, which else ends with the benchmark
}

// newContest starts a lab whose Retry-After is the same for everybody.
func newContest(b *testing.B, retryAfter string) *contest {
	b.Helper()
	home := b.TempDir()
	c := &contest{b: b, home: home, env: append(environ(b, home), "RETRY_AFTER="+retryAfter)}
	lab := exec.Command(binary, "lab", "-q", "--json", "--listen", "127.0.0.1:0", "--retry-after", retryAfter, "--assign-delay", "1ms")
	lab.Env = c.env
	out, err := lab.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := lab.Start(); err != nil {
		b.Fatal(err)
	}
	c.close = sync.OnceFunc(func() {
		_ = lab.Process.Signal(syscall.SIGTERM)
		_ = lab.Wait()
	})
	b.Cleanup(c.close)
	if err := json.NewDecoder(out).Decode(&c.ready); err != nil {
		b.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	text := c.run(exec.Command("/bin/sh", "-c", `eval "$(`+binary+` lab env)"; env`)).out
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "DPS") && !strings.HasPrefix(line, "DPSLAB_HOME") {
			c.env = append(c.env, strings.TrimRight(line, "\n"))
		}
	}
	return c
}

// lap is one process from exec to exit.
type lap struct {
	took time.Duration
	rss  int64 // peak of the resident memory, KiB
	out  string
}

func (c *contest) run(cmd *exec.Cmd) lap {
	c.b.Helper()
	if cmd.Env == nil {
		cmd.Env = c.env
	}
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	begin := time.Now()
	err := cmd.Run()
	took := time.Since(begin)
	if err != nil {
		c.b.Fatalf("%v: %v\n%s%s", cmd.Args, err, out.String(), complaints.String())
	}
	return lap{took, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss, out.String()}
}

// dpslab runs one command of the program.
func (c *contest) dpslab(command string) lap {
	c.b.Helper()
	return c.run(exec.Command(binary, strings.Fields(command)...))
}

func (c *contest) script(algorithm string) lap {
	c.b.Helper()
	path, err := filepath.Abs("testdata/speed/howto.sh")
	if err != nil {
		c.b.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", path, algorithm)
	cmd.Dir = c.b.TempDir()
	return c.run(cmd)
}

// node runs a device through Microsoft's packages; it says how long the messages
// alone took.
func (c *contest) node(packages, certificate, key string, count int) (lap, time.Duration) {
	c.b.Helper()
	_, port, _ := strings.Cut(c.ready.Address, ":")
	redirect, err := filepath.Abs("../../workflow/emulator/testdata/node/redirect.js")
	if err != nil {
		c.b.Fatal(err)
	}
	cmd := exec.Command("node", "--require", redirect, "testdata/speed/node.js")
	cmd.Env = append(slices.Clone(c.env), "NODE_PATH="+packages, "NODE_EXTRA_CA_CERTS="+c.ready.CAFile, "LAB_PORT="+port,
		"ID_SCOPE="+c.ready.IDScope, "REGISTRATION_ID=node-1", "CERTIFICATE_FILE="+certificate, "KEY_FILE="+key, "COUNT="+strconv.Itoa(count))
	l := c.run(cmd)
	ms, err := strconv.ParseFloat(strings.TrimSpace(l.out), 64)
	if err != nil {
		c.b.Fatal(err)
	}
	return l, time.Duration(ms * float64(time.Millisecond))
}

// nodeModules are the packages of the lab's conformance test, installed by their
// lock file where that test keeps them.
func nodeModules(b *testing.B) string {
	b.Helper()
	const from = "../../workflow/emulator/testdata/node"
	lock, err := os.ReadFile(filepath.Join(from, "package-lock.json"))
	if err != nil {
		b.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "dpslab-test", fmt.Sprintf("node-%x", sha256.Sum256(lock)), "node_modules")
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	own := b.TempDir()
	if err := os.CopyFS(own, os.DirFS(from)); err != nil {
		b.Fatal(err)
	}
	if out, err := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", own).CombinedOutput(); err != nil {
		b.Fatalf("npm ci: %v\n%s", err, out)
	}
	return filepath.Join(own, "node_modules")
}

// selfSigned makes a certificate for the contestants that make none.
func (c *contest) selfSigned(id string) (certificate, key string) {
	c.b.Helper()
	dir := c.b.TempDir()
	c.run(exec.Command(binary, "cert", "new", id, "--out", dir, "-q"))
	return filepath.Join(dir, "device-cert.pem"), filepath.Join(dir, "device-key.pem")
}

// inTurns lets two contestants meet in one round. Who comes first finds a lab that
// nobody has asked anything yet, and pays for that: each does in half of the
// rounds.
func inTurns(round int, ours, theirs func()) {
	if round%2 == 1 {
		ours, theirs = theirs, ours
	}
	ours()
	theirs()
}

func middle[T int64 | time.Duration](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkFlowBesideScript is the whole flow: a chain of three keys, the root CA
// uploaded and its possession proved, an enrollment group, registration, one
// message. The goals are 10 times faster than the script with EC P-256, 4 times
// with RSA 2048, 2.5 times with RSA 4096.
func BenchmarkFlowBesideScript(b *testing.B) {
	for _, algorithm := range []string{"ec-p256", "rsa-2048", "rsa-4096"} {
		b.Run(algorithm, func(b *testing.B) {
			for b.Loop() {
				var ours, theirs []time.Duration
				for round := range *rounds {
					c := newContest(b, "0")
					inTurns(round, func() {
						ours = append(ours, c.dpslab("new device-01 --yes -q --run --enrollment group --count 1 --algorithm "+algorithm).took)
					}, func() { theirs = append(theirs, c.script(algorithm).took) })
					c.close()
				}
				mine, other := middle(ours), middle(theirs)
				b.ReportMetric(milliseconds(mine), "dpslab-ms")
				b.ReportMetric(milliseconds(other), "script-ms")
				b.ReportMetric(float64(other)/float64(mine), "times-faster")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkFlowBesideNode is an individual enrollment, registration and one
// message; dpslab makes the certificate too, Node finds it made. The goals are 10
// times faster, at a fifth of the memory.
func BenchmarkFlowBesideNode(b *testing.B) {
	packages := nodeModules(b)
	for b.Loop() {
		var ours, theirs []time.Duration
		var ourMemory, theirMemory []int64
		for round := range *rounds {
			c := newContest(b, "0")
			certificate, key := c.selfSigned("node-1")
			inTurns(round, func() {
				l := c.dpslab("new device-01 --yes -q --run --count 1")
				ours, ourMemory = append(ours, l.took), append(ourMemory, l.rss)
			}, func() {
				l, _ := c.node(packages, certificate, key, 1)
				theirs, theirMemory = append(theirs, l.took), append(theirMemory, l.rss)
			})
			c.close()
		}
		mine, other := middle(ours), middle(theirs)
		b.ReportMetric(milliseconds(mine), "dpslab-ms")
		b.ReportMetric(milliseconds(other), "node-ms")
		b.ReportMetric(float64(other)/float64(mine), "times-faster")
		b.ReportMetric(float64(middle(ourMemory))/1024, "dpslab-MiB")
		b.ReportMetric(float64(middle(theirMemory))/1024, "node-MiB")
		b.ReportMetric(float64(middle(theirMemory))/float64(middle(ourMemory)), "times-leaner")
	}
	b.ReportMetric(0, "ns/op")
}

// How many messages each contestant sends: the others are too slow for 10 000.
const (
	ourMessages  = 10_000
	curlMessages = 300
	nodeMessages = 2_000
)

// BenchmarkTelemetry is 10 000 messages on one kept connection, from exec to
// exit, beside curl in a loop and Node, as microseconds a message.
func BenchmarkTelemetry(b *testing.B) {
	packages := nodeModules(b)
	for b.Loop() {
		c := newContest(b, "0")
		c.dpslab("new device-01 --yes -q --run --count 1")
		ours := c.dpslab("send device-01 -q --interval 0s --count "+strconv.Itoa(ourMessages)).took / ourMessages
		batched := c.dpslab("send device-01 -q --interval 0s --batch 100 --count "+strconv.Itoa(ourMessages)).took / ourMessages
		certificate, key := c.selfSigned("node-1")
		_, node := c.node(packages, certificate, key, nodeMessages)
		node /= nodeMessages
		curl := c.run(exec.Command("/bin/sh", "-ec", `i=0; while [ $i -lt `+strconv.Itoa(curlMessages)+` ]; do i=$((i+1))
curl -sS --fail-with-body --connect-to "::$DPSLAB_ADDRESS" --cacert "$DPSLAB_CA_FILE" --cert "$1" --key "$2" -X POST \
  -H 'Content-Type: application/json' -d '{"temperature": 30}' "https://$DPSLAB_HUB_HOST/devices/node-1/messages/events?api-version=2020-03-13"
done`, "loop", certificate, key)).took / curlMessages
		b.ReportMetric(float64(ours.Nanoseconds())/1000, "dpslab-µs/message")
		b.ReportMetric(float64(batched.Nanoseconds())/1000, "dpslab-batched-µs/message")
		b.ReportMetric(float64(node.Nanoseconds())/1000, "node-µs/message")
		b.ReportMetric(float64(curl.Nanoseconds())/1000, "curl-µs/message")
		b.ReportMetric(float64(node)/float64(ours), "times-node")
		b.ReportMetric(float64(curl)/float64(ours), "times-curl")
	}
	b.ReportMetric(0, "ns/op")
}
