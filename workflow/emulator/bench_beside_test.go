package emulator

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

// A rate says little where others use the machine too, and less beside one that
// was measured a minute ago. So the benchmarks here ask several servers in turns,
// a few requests at a time, and compare the medians of what a turn took.

// servers are asked in turns. The first is the one that the others are compared
// with: a bare server, and one that puts a record of each request on disk with a
// write and a sync of its own, which is what no lab that keeps its word can beat
// at one connection.
var servers = []string{"bare", "synced", "memory", "disk"}

// besides runs turns of a number of requests at each server until there were b.N
// requests, and reports for each what one took and its rate as a share of the
// first one's, and what it took of the processors, client included. The order changes: who comes after one that waits much has an easy
// time.
func besides(b *testing.B, servers []string, size int, turns map[string]func(int)) {
	b.Helper()
	took, cpu := map[string][]time.Duration{}, map[string]time.Duration{}
	for _, turn := range turns {
		turn(size) // connections, caches
	}
	order := rand.New(rand.NewPCG(1, 2))
	b.ResetTimer()
	for done := 0; done < b.N; done += size {
		for _, i := range order.Perm(len(servers)) {
			began, used := time.Now(), cpuTime()
			turns[servers[i]](size)
			took[servers[i]] = append(took[servers[i]], time.Since(began))
			cpu[servers[i]] += cpuTime() - used
		}
	}
	b.StopTimer()
	median := func(name string) float64 {
		slices.Sort(took[name])
		return float64(took[name][len(took[name])/2])
	}
	b.ReportMetric(0, "ns/op") // of all servers together: nobody's
	for _, name := range servers {
		b.ReportMetric(median(name)/float64(size)/1000, name+"-us")
		b.ReportMetric(float64(cpu[name])/float64(len(took[name])*size)/1000, name+"-cpu-us")
		if name != servers[0] {
			b.ReportMetric(median(servers[0])/median(name), name+"/"+servers[0])
		}
	}
	if turns["synced"] != nil {
		b.ReportMetric(median("synced")/median("disk"), "disk/synced")
	}
}

// BenchmarkBesideTelemetry sends on connections that are kept.
func BenchmarkBesideTelemetry(b *testing.B) {
	for _, connections := range []int{1, 4, 16} {
		b.Run(fmt.Sprint(connections), func(b *testing.B) {
			turns := map[string]func(int){}
			for _, name := range servers {
				l, id := benchLab(b, name)
				if name == "memory" || name == "disk" {
					l.as(b, id).provision(b, "d1")
				}
				clients := make([]*client, connections)
				for i := range clients {
					clients[i] = l.as(b, id)
				}
				turns[name] = func(requests int) { sendAll(b, clients, requests) }
			}
			besides(b, servers, 16*connections, turns)
		})
	}
}

// BenchmarkBesideRegistration registers, each time by a new connection, with a
// few devices at once and with many, who share what a commit costs.
func BenchmarkBesideRegistration(b *testing.B) {
	for _, fleet := range []int{fewDevices, 64} {
		b.Run(strconv.Itoa(fleet), func(b *testing.B) {
			turns := map[string]func(int){}
			for _, name := range servers {
				l, id := benchLab(b, name)
				turns[name] = registerAll(b, l, id, fleet)
			}
			besides(b, servers, 6*fleet, turns)
		})
	}
}

// BenchmarkBesideFull registers where there are ten enrollments, registrations and
// devices already, and where there are many, and sends telemetry there.
func BenchmarkBesideFull(b *testing.B) {
	registrations, messages := map[string]func(int){}, map[string]func(int){}
	counts := []string{"10", "100000"}
	for _, name := range counts {
		count, err := strconv.Atoi(name)
		if err != nil {
			b.Fatal(err)
		}
		dir := b.TempDir()
		fill(b, dir, count)
		l := start(b, func(o *Options) { o.InMemory, o.Dir = false, dir })
		id := selfSigned(b, "d1")
		l.enroll(b, "d1", id.chain[0])
		registrations[name] = registerAll(b, l, id, fewDevices)
		registrations[name](1)
		clients := []*client{l.as(b, id), l.as(b, id), l.as(b, id), l.as(b, id)}
		messages[name] = func(requests int) { sendAll(b, clients, requests) }
	}
	b.Run("registration", func(b *testing.B) { besides(b, counts, 6*fewDevices, registrations) })
	b.Run("telemetry", func(b *testing.B) { besides(b, counts, 64, messages) })
}

// fewDevices register at once where their number does not matter.
const fewDevices = 16

// registerAll gives the turn of so many devices at once, each time by new
// connections.
func registerAll(b *testing.B, l *Lab, id ident, devices int) func(int) {
	b.Helper()
	clients := make([]*client, devices)
	for i := range clients {
		clients[i] = l.as(b, id)
	}
	return func(requests int) {
		share(clients, requests, func(c *client) bool {
			defer c.http.CloseIdleConnections()
			r := c.provision(b, "d1")
			if r.Status != dps.StatusAssigned {
				b.Errorf("%+v", r)
			}
			return r.Status == dps.StatusAssigned
		})
	}
}

// syncedServer is a bareServer that writes as much as a lab does for a request,
// and waits until the disk has it. The file has its size from the beginning, as
// the lab's log has.
func syncedServer(b *testing.B) http.Handler {
	b.Helper()
	const record, records = 512, 2048
	file, err := os.Create(filepath.Join(b.TempDir(), "records"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = file.Close() })
	if _, err := file.Write(make([]byte, record*records)); err != nil {
		b.Fatal(err)
	}
	if err := file.Sync(); err != nil {
		b.Fatal(err)
	}
	var next atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet { // a poll writes nothing
			_, err := file.WriteAt(make([]byte, record), next.Add(1)%records*record)
			if err == nil {
				err = syncData(file)
			}
			if err != nil {
				b.Error(err)
			}
		}
		bareServer(w, r)
	})
}
