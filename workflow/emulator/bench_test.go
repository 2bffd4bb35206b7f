package emulator

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

// stores are what a benchmark runs over: a server with the same TLS settings
// that answers the same requests with constants, and labs.
var stores = []string{"bare", "memory", "disk"}

// BenchmarkRegistration registers one device over and over, as a fleet would:
// each time a new TLS connection with a client certificate, PUT and one poll.
func BenchmarkRegistration(b *testing.B) {
	for _, store := range stores {
		b.Run(store, func(b *testing.B) {
			l, id := benchLab(b, store)
			benchRegistrations(b, l, id)
		})
	}
}

// reportCPU adds what one operation takes of the processors, client included: on
// a machine that others use too, the rate alone says little.
func reportCPU(b *testing.B) func() {
	before := cpuTime()
	return func() { b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/float64(b.N), "cpu-ns/op") }
}

func benchRegistrations(b *testing.B, l *Lab, id ident) {
	b.Helper()
	b.SetParallelism(8) // a fleet, not one device after the other
	defer reportCPU(b)()
	b.RunParallel(func(pb *testing.PB) {
		c := l.as(b, id)
		for pb.Next() {
			if r := c.provision(b, "d1"); r.Status != dps.StatusAssigned {
				b.Errorf("%+v", r)
				return
			}
			c.http.CloseIdleConnections()
		}
	})
}

// BenchmarkTelemetry sends on connections that are kept.
func BenchmarkTelemetry(b *testing.B) {
	for _, store := range stores {
		for _, connections := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("%s/%d", store, connections), func(b *testing.B) {
				l, id := benchLab(b, store)
				if store != "bare" {
					l.as(b, id).provision(b, "d1")
				}
				benchTelemetry(b, l, id, connections)
			})
		}
	}
}

func benchTelemetry(b *testing.B, l *Lab, id ident, connections int) {
	b.Helper()
	clients := make([]*client, connections)
	for i := range clients {
		clients[i] = l.as(b, id)
	}
	sendAll(b, clients, connections) // the handshakes are not what is measured
	b.ResetTimer()
	defer reportCPU(b)()
	sendAll(b, clients, b.N)
}

// sendAll sends messages by all clients at once.
func sendAll(b *testing.B, clients []*client, messages int) {
	b.Helper()
	const url = "https://lab-hub.azure-devices.net/devices/d1/messages/events?api-version=2020-03-13"
	share(clients, messages, func(c *client) bool {
		a := c.do(b, "POST", url, `{"temperature": 30}`)
		if a.status != 204 {
			b.Errorf("%d %s", a.status, a.body)
		}
		return a.status == 204
	})
}

// share has the clients do something so many times, all of them at once, as long
// as it goes well.
func share(clients []*client, times int, do func(*client) bool) {
	var left atomic.Int64
	left.Store(int64(times))
	var running sync.WaitGroup
	for _, c := range clients {
		running.Go(func() {
			for left.Add(-1) >= 0 && do(c) {
			}
		})
	}
	running.Wait()
}

// BenchmarkFull registers where there are many enrollments already.
func BenchmarkFull(b *testing.B) {
	for _, count := range []int{10, 100_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			dir := b.TempDir()
			fill(b, dir, count)
			l := start(b, func(o *Options) { o.InMemory, o.Dir = false, dir })
			id := selfSigned(b, "d1")
			l.enroll(b, "d1", id.chain[0])
			b.ResetTimer()
			benchRegistrations(b, l, id)
		})
	}
}

// bareServer answers what a device asks with constants.
func bareServer(w http.ResponseWriter, r *http.Request) {
	const operation = `"operationId":"5.506603669bd3e2bf.b3602f8f-76fe-4341-9214-bb6cfb891b8a"`
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	switch r.Method {
	case http.MethodPut:
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "{"+operation+`,"status":"assigning"}`)
	case http.MethodGet:
		_, _ = io.WriteString(w, "{"+operation+`,"status":"assigned","registrationState":{"x509":{},"registrationId":"d1","createdDateTimeUtc":"2026-01-02T03:04:05.0000000Z","assignedHub":"lab-hub.azure-devices.net","deviceId":"d1","status":"assigned","substatus":"initialAssignment"}}`)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// bareLab is a client's view of a server with the TLS settings of a lab.
func bareLab(b *testing.B, handler http.Handler) *Lab {
	b.Helper()
	l := start(b)
	config, err := l.identity.serverConfig(time.Now())
	if err != nil {
		b.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() { _ = server.Close() })
	return &Lab{identity: l.identity, ready: Ready{Address: listener.Addr().String(), IDScope: l.ready.IDScope}}
}

// BenchmarkStart opens an existing store, and stops again.
func BenchmarkStart(b *testing.B) {
	run := func(name string, o Options) {
		b.Run(name, func(b *testing.B) {
			o.Listen = "127.0.0.1:0"
			for b.Loop() {
				l, err := Start(b.Context(), o)
				if err != nil {
					b.Fatal(err)
				}
				if err := l.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("memory", Options{InMemory: true})
	run("disk", Options{Dir: b.TempDir()})
	full := Options{Dir: b.TempDir()}
	fill(b, full.Dir, 10_000)
	run("10000 enrollments", full)
	b.Run("memory of 10000 enrollments", func(b *testing.B) { reportResident(b, full.Dir) })
}

// reportResident says what a process holds that serves a store, when it has
// started and when all of the store was listed.
func reportResident(b *testing.B, dir string) {
	b.Helper()
	for b.Loop() {
		c := startChild(b, dir)
		b.ReportMetric(float64(c.resident(b))/1e6, "started-MB")
		owner, listed := asChild(b, c, dir, ident{}), 0
		for token := ""; ; {
			a := owner.do(b, "POST", "https://"+c.ready.ServiceHost+"/enrollments/query?api-version=2021-10-01", `{"query":"SELECT * FROM enrollments"}`,
				"Authorization", "Bearer "+c.ready.ManagementToken, "x-ms-continuation", token)
			var page []json.RawMessage
			a.into(b, &page)
			listed += len(page)
			if token = a.header.Get("x-ms-continuation"); token == "" {
				break
			}
		}
		if listed != 10_000 {
			b.Errorf("%d enrollments are listed", listed)
		}
		b.ReportMetric(float64(c.resident(b))/1e6, "listed-MB")
		c.kill()
	}
}

// fill writes that many individual enrollments, registrations and devices.
func fill(b *testing.B, dir string, count int) {
	b.Helper()
	s, err := openStore(dir)
	if err != nil {
		b.Fatal(err)
	}
	cert := storedCertificate(selfSigned(b, "d").chain[0])
	now := time.Now()
	err = s.update(func(t *tx) error {
		for i := range count {
			e := &entry{entryRef: entryRef{individual, fmt.Sprintf("device-%06d", i)}}
			e.Attestation = dps.AttestationMechanism{Type: dps.AttestationX509, X509: &dps.X509Attestation{ClientCertificates: &dps.X509Certificates{Primary: cert}}}
			r := &registration{Entry: e.entryRef}
			r.RegistrationID, r.Status = e.ID, dps.StatusAssigned
			d := newHubDevice("lab-hub"+hubSuffix, e.ID, e)
			if err := errors.Join(stampEntry(t, e, nil, now), putRegistrationRecord(t, r, nil, now), putHubDevice(t, d, now)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, s.close()); err != nil {
		b.Fatal(err)
	}
}

// benchLab starts what a benchmark runs over, with a device that is enrolled.
func benchLab(b *testing.B, store string) (*Lab, ident) {
	b.Helper()
	id := selfSigned(b, "d1")
	switch store {
	case "bare":
		return bareLab(b, http.HandlerFunc(bareServer)), id
	case "synced":
		return bareLab(b, syncedServer(b)), id
	}
	l := start(b, func(o *Options) {
		if store == "disk" {
			o.InMemory, o.Dir = false, b.TempDir()
		}
	})
	l.enroll(b, "d1", id.chain[0])
	return l, id
}
