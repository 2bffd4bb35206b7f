package emulator

import (
	"crypto/tls"
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
	for _, store := range []string{"memory", "disk"} {
		b.Run(store, func(b *testing.B) {
			o := Options{Dir: b.TempDir(), InMemory: store == "memory", Listen: "127.0.0.1:0"}
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
}

func benchLab(b *testing.B, store string) *Lab {
	b.Helper()
	return start(b, func(o *Options) {
		if store == "disk" {
			o.InMemory, o.Dir = false, b.TempDir()
		}
	})
}
