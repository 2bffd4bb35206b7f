package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"dpslab/pki"
)

func TestExchangeHoldsTheWholeStory(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "3")
		w.Header().Set("Set-Cookie", "session=abc")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"operationId":"5.1","primaryKey":"topsecret"}`)
	})
	var m memory
	me := newIdentity(t, "device-01")
	o := s.options()
	o.Certificate, o.CertificateFile, o.KeyFile, o.CAFile = me.pair, me.certFile, me.keyFile, "ca.pem"
	o.Observe = m.observe
	answer, err := s.client(t, o).Do(t.Context(), Request{
		Operation: "register", Method: http.MethodPut, URL: "https://" + testHost + "/scope/register?api-version=1&sig=topsecret",
		Header: http.Header{"Authorization": {"SharedAccessSignature topsecret"}, "Content-Type": {"application/json"}},
		Body:   []byte(`{"registrationId":"device-01"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != 202 || answer.Header.Get("Retry-After") != "3" || !strings.Contains(string(answer.Body), "topsecret") {
		t.Errorf("the caller's own answer is not what the server sent: %+v", answer)
	}
	if len(m.calls) != 2 || m.calls[0].finished || !m.calls[1].finished {
		t.Fatalf("observed %d times, want start and finish", len(m.calls))
	}
	begun, x := m.calls[0].x, m.calls[1].x
	if begun.Status != 0 || begun.TLS != nil || begun.ID != x.ID || begun.RequestBody != x.RequestBody || !begun.Started.Equal(x.Started) {
		t.Errorf("started as %+v", begun)
	}
	for name, pair := range map[string][2]string{
		"service":   {x.Service, "DPS"},
		"operation": {x.Operation, "register"},
		"method":    {x.Method, "PUT"},
		"URL":       {x.URL, "https://" + testHost + "/scope/register?api-version=1&sig=" + Masked},
		"request":   {x.RequestBody, `{"registrationId":"device-01"}`},
		"auth":      {x.RequestHeader.Get("Authorization"), "SharedAccessSignature " + Masked},
		"proto":     {x.Proto, "HTTP/1.1"},
		"reason":    {x.Reason, "Accepted"},
		"cookie":    {x.ResponseHeader.Get("Set-Cookie"), Masked},
		"answer":    {x.ResponseBody, `{"operationId":"5.1","primaryKey":"` + Masked + `"}`},
		"error":     {x.Error, ""},
		"cert file": {x.CertificateFile, me.certFile},
		"key file":  {x.KeyFile, me.keyFile},
		"CA file":   {x.CAFile, "ca.pem"},
		"connect":   {x.ConnectTo, s.address},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %q, want %q", name, pair[0], pair[1])
		}
	}
	if x.Status != 202 || x.Truncated || x.Timing.Reused || x.Timing.TLS <= 0 || x.Timing.Total <= 0 {
		t.Errorf("status %d, truncated %v, timing %+v", x.Status, x.Truncated, x.Timing)
	}
}

func TestTLSFactsOnFreshAndKeptConnections(t *testing.T) {
	t.Parallel()
	me := newIdentity(t, "device-01")
	for _, tt := range []struct {
		name        string
		auth        tls.ClientAuthType
		version     uint16
		certificate *tls.Certificate
		requested   bool
		sent        []string
	}{
		{"TLS 1.3, sent", tls.RequestClientCert, tls.VersionTLS13, me.pair, true, []string{pki.Thumbprint256(me.leaf)}},
		{"TLS 1.2, sent", tls.RequestClientCert, tls.VersionTLS12, me.pair, true, []string{pki.Thumbprint256(me.leaf)}},
		{"asked, none there", tls.RequestClientCert, tls.VersionTLS13, nil, true, nil},
		{"not asked", tls.NoClientCert, tls.VersionTLS13, me.pair, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan int, 2)
			s := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen <- len(r.TLS.PeerCertificates) }, func(c *tls.Config) {
				c.ClientAuth, c.MaxVersion = tt.auth, tt.version
				// A list that does not name the issuer must not withhold it.
				c.ClientCAs = x509.NewCertPool()
				c.ClientCAs.AddCert(newAuthority(t).issuer.Certificate)
			})
			var m memory
			o := s.options()
			o.Certificate, o.Observe = tt.certificate, m.observe
			c := s.client(t, o)
			for range 2 {
				if _, err := c.Do(t.Context(), get("/")); err != nil {
					t.Fatal(err)
				}
				if n := <-seen; n != len(tt.sent) {
					t.Errorf("the server saw %d certificates, want %d", n, len(tt.sent))
				}
			}
			for i, x := range m.finished() {
				if x.Timing.Reused != (i == 1) {
					t.Errorf("exchange %d: reused %v", i, x.Timing.Reused)
				}
				if i == 1 && (x.Timing.TLS != 0 || x.Timing.Connect != 0) {
					t.Errorf("a kept connection spent time on connecting: %+v", x.Timing)
				}
				checkFacts(t, s, x.TLS, tt.version, tt.requested, tt.sent)
			}
		})
	}
}

func checkFacts(t *testing.T, s *service, f *TLSFacts, version uint16, requested bool, sent []string) {
	t.Helper()
	if f == nil {
		t.Fatal("no TLS facts")
	}
	if f.Version != tls.VersionName(version) || f.CipherSuite == "" || f.ServerName != testHost || f.Requested != requested {
		t.Errorf("facts %+v", f)
	}
	if len(f.Server) != 1 || f.Server[0].Issuer != s.ca.issuer.Certificate.Subject.String() || f.Server[0].CA {
		t.Errorf("server chain %+v", f.Server)
	}
	var got []string
	for _, c := range f.Client {
		got = append(got, c.SHA256)
	}
	if strings.Join(got, ",") != strings.Join(sent, ",") {
		t.Errorf("client certificates %v, want %v", got, sent)
	}
}

func TestBodyCap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		size int
		want ConnectReason
	}{
		{"at the limit", MaxBody, ""},
		{"one above", MaxBody + 1, ReasonTooLarge},
		{"endless", 1 << 40, ReasonTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ended := make(chan struct{})
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				defer close(ended)
				block := bytes.Repeat([]byte("x"), 32<<10)
				for left := tt.size; left > 0; left -= len(block) {
					if _, err := w.Write(block[:min(left, len(block))]); err != nil {
						return
					}
				}
			})
			var m memory
			o := s.options()
			o.Observe = m.observe
			answer, err := s.client(t, o).Do(t.Context(), get("/"))
			<-ended // the client hung up: an endless answer ends
			x := m.only(t)
			if tt.want != "" {
				if wantReason(t, err, tt.want).Temporary() {
					t.Error("it would be tried again")
				}
				if x.Error == "" || x.Status != 0 {
					t.Errorf("recorded as status %d, error %q", x.Status, x.Error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(answer.Body) != tt.size || !x.Truncated || len(x.ResponseBody) != keptBody {
				t.Errorf("%d bytes, %d kept, truncated %v", len(answer.Body), len(x.ResponseBody), x.Truncated)
			}
		})
	}
}

func TestEndlessHeadersEnd(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		line := "X-Filler: " + strings.Repeat("y", 1000) + "\r\n"
		for err == nil {
			_, err = io.WriteString(conn, line)
		}
	})
	_, err := s.client(t, s.options()).Do(t.Context(), get("/"))
	<-ended
	if wantReason(t, err, ReasonTooLarge).Temporary() {
		t.Error("it would be tried again")
	}
}

// Nobody asked for gzip, but some server may use it.
func TestGzipIsUnpacked(t *testing.T) {
	t.Parallel()
	pack := func(text string) []byte {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		return packed.Bytes()
	}
	hello := pack("hello")
	for _, tt := range []struct {
		name   string
		sent   []byte
		want   string
		reason ConnectReason
	}{
		{"a text", hello, "hello", ""},
		{"nothing", nil, "", ""},
		{"two members", append(bytes.Clone(hello), hello...), "hellohello", ""},
		{"as large as may be", pack(strings.Repeat("a", MaxBody)), strings.Repeat("a", MaxBody), ""},
		{"one byte too large", pack(strings.Repeat("a", MaxBody+1)), "", ReasonTooLarge},
		{"a bomb", pack(strings.Repeat("a", 64*MaxBody)), "", ReasonTooLarge},
		{"no gzip", []byte("hello"), "", ReasonBroken},
		{"cut off", hello[:len(hello)-3], "", ReasonBroken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked string
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked = r.Header.Get("Accept-Encoding")
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(tt.sent)
			})
			var m memory
			o := s.options()
			o.Observe = m.observe
			answer, err := s.client(t, o).Do(t.Context(), get("/"))
			if tt.reason != "" {
				wantReason(t, err, tt.reason)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(answer.Body) != tt.want || answer.Header.Get("Content-Encoding") != "" || asked != "" {
				t.Errorf("got %.20q, having asked for %q", answer.Body, asked)
			}
			if x := m.only(t); x.ResponseHeader.Get("Content-Encoding") != "gzip" || x.ResponseBody != tt.want[:min(len(tt.want), keptBody)] {
				t.Errorf("recorded %v %.20q", x.ResponseHeader, x.ResponseBody)
			}
		})
	}
}

// A request's body is replayed when the server closes a kept connection under
// it before it read anything.
func TestBodyIsReplayedOnAStaleConnection(t *testing.T) {
	t.Parallel()
	bodies := make(chan string, 2)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
	})
	var m memory
	o := s.options()
	var opened []*closable
	dial := o.Dial
	o.Dial = func(ctx context.Context, network, address string) (netConn, error) {
		c, err := dial(ctx, network, address)
		k := &closable{netConn: c}
		opened = append(opened, k)
		return k, err
	}
	o.Observe = m.observe
	c := s.client(t, o)
	for i, body := range []string{"first", "second"} {
		if i == 1 {
			opened[0].stale.Store(true)
		}
		q := get("/")
		q.Method, q.Body = http.MethodPut, []byte(body)
		if _, err := c.Do(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if got := <-bodies; got != body {
			t.Errorf("the server got %q, want %q", got, body)
		}
	}
	if len(opened) != 2 {
		t.Errorf("%d connections, want 2", len(opened))
	}
	if done := m.finished(); len(done) != 2 || done[1].RequestBody != "second" {
		t.Errorf("recorded %+v", done)
	}
}

func TestRequestBodyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	broken := errors.New("the disk is gone")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://"+testHost+"/", io.MultiReader(strings.NewReader("x"), failing{broken}))
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.client(t, s.options()).HTTP().Do(r)
	if err == nil {
		response.Body.Close()
	}
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
