package emulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

// BenchmarkRegistration registers one device over and over, as a fleet would:
// each time a new TLS connection with a client certificate, PUT and one poll.
func BenchmarkRegistration(b *testing.B) {
	for _, store := range []string{"memory", "disk"} {
		b.Run(store, func(b *testing.B) {
			l := benchLab(b, store)
			id := selfSigned(b, "d1")
			l.enroll(b, "d1", id.chain[0])
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
		})
	}
}

// BenchmarkTelemetry sends on connections that are kept.
func BenchmarkTelemetry(b *testing.B) {
	for _, store := range []string{"memory", "disk"} {
		b.Run(store, func(b *testing.B) {
			l := benchLab(b, store)
			id := selfSigned(b, "d1")
			l.enroll(b, "d1", id.chain[0])
			l.as(b, id).provision(b, "d1")
			url := "https://" + l.ready.HubHosts[0] + "/devices/d1/messages/events?api-version=2020-03-13"
			b.RunParallel(func(pb *testing.PB) {
				c := l.as(b, id)
				for pb.Next() {
					if a := c.do(b, "POST", url, `{"temperature": 30}`); a.status != 204 {
						b.Errorf("%d %s", a.status, a.body)
						return
					}
				}
			})
		})
	}
}

// BenchmarkHandshake is the ceiling of BenchmarkRegistration: a new connection
// to a server with the same TLS settings that answers with constants.
func BenchmarkHandshake(b *testing.B) {
	l := benchLab(b, "memory")
	config, err := l.identity.serverConfig(time.Now())
	if err != nil {
		b.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"operationId":"5.506603669bd3e2bf.b3602f8f-76fe-4341-9214-bb6cfb891b8a","status":"assigning"}`))
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	bare := &Lab{identity: l.identity, ready: Ready{Address: listener.Addr().String()}}
	id := selfSigned(b, "d1")
	b.RunParallel(func(pb *testing.PB) {
		c := bare.as(b, id)
		for pb.Next() {
			for _, method := range []string{"PUT", "GET"} {
				if a := c.do(b, method, "https://"+globalHost+"/x", strings.Repeat(" ", 40)); a.status != 200 {
					b.Errorf("%d", a.status)
					return
				}
			}
			c.http.CloseIdleConnections()
		}
	})
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

func benchLab(b *testing.B, store string) *Lab {
	b.Helper()
	return start(b, func(o *Options) {
		if store == "disk" {
			o.InMemory, o.Dir = false, b.TempDir()
		}
	})
}
