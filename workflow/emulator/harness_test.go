package emulator

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow/dps"
)

// start runs a lab in a hurry, in memory, on a free port.
func start(t testing.TB, change ...func(*Options)) *Lab {
	t.Helper()
	o := Options{InMemory: true, Listen: "127.0.0.1:0", RetryAfter: -1, Version: "test"}
	for _, f := range change {
		f(&o)
	}
	l, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("closing the lab: %v", err)
		}
	})
	return l
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// into decodes the body.
func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
}

// client speaks to a lab under the services' own host names.
type client struct {
	http *http.Client
	lab  *Lab
}

// as makes a client that shows a certificate, or none when id has none.
func (l *Lab) as(t testing.TB, id ident) *client {
	t.Helper()
	config := &tls.Config{RootCAs: l.identity.pool(), MinVersion: tls.VersionTLS12}
	if id.key != nil {
		pair := tls.Certificate{PrivateKey: id.key}
		for _, c := range id.chain {
			pair.Certificate = append(pair.Certificate, c.Raw)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{
		TLSClientConfig: config,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", l.ready.Address)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{http: &http.Client{Transport: transport, Timeout: 30 * time.Second}, lab: l}
}

// do sends a request. Headers come as name, value, name, value.
func (c *client) do(t testing.TB, method, url, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, raw}
}

// ident is who shows what in TLS.
type ident struct {
	key   crypto.Signer
	chain []*x509.Certificate // leaf first
}

func newECKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := pki.ECP256.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func month() pki.Validity { return pki.ValidFor(time.Now(), 30) }

func selfSigned(t testing.TB, cn string) ident {
	t.Helper()
	key := newECKey(t)
	cert, err := pki.SelfSignedDevice(key, cn, month())
	if err != nil {
		t.Fatal(err)
	}
	return ident{key, []*x509.Certificate{cert}}
}

// family is a root with one intermediate.
type family struct{ root, intermediate pki.Issuer }

func newFamily(t testing.TB, name string) family {
	t.Helper()
	rootKey, key := newECKey(t), newECKey(t)
	root, err := pki.RootCA(rootKey, name+" root", month())
	if err != nil {
		t.Fatal(err)
	}
	f := family{root: pki.Issuer{Certificate: root, Key: rootKey}}
	cert, err := pki.IntermediateCA(key.Public(), name+" intermediate", month(), 0, f.root)
	if err != nil {
		t.Fatal(err)
	}
	f.intermediate = pki.Issuer{Certificate: cert, Key: key}
	return f
}

// device issues a device that shows its whole chain.
func (f family) device(t testing.TB, cn string) ident {
	t.Helper()
	key := newECKey(t)
	cert, err := pki.DeviceCertificate(key.Public(), cn, month(), f.intermediate)
	if err != nil {
		t.Fatal(err)
	}
	return ident{key, []*x509.Certificate{cert, f.intermediate.Certificate, f.root.Certificate}}
}

// short shows only the first n certificates.
func (i ident) short(n int) ident { return ident{i.key, i.chain[:n]} }

func pemText(certs ...*x509.Certificate) string { return string(pki.EncodeCertificates(certs...)) }

// service calls the service API with the owner's shared access signature.
func (l *Lab) service(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	p := l.instance().Policies[0]
	token, err := dps.Token(l.ready.ServiceHost, p.Name, dps.NewSecret(p.PrimaryKey), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return l.as(t, ident{}).do(t, method, "https://"+l.ready.ServiceHost+path+"?api-version=2021-10-01", body,
		append([]string{"Authorization", token.Reveal()}, headers...)...)
}

// manage calls Resource Manager about the lab's DPS instance.
func (l *Lab) manageCall(t testing.TB, version, method, path, body string, headers ...string) answer {
	t.Helper()
	return l.as(t, ident{}).do(t, method, "https://"+managementHost+l.instanceID()+path+"?api-version="+version, body,
		append([]string{"Authorization", "Bearer " + l.ready.ManagementToken}, headers...)...)
}

func jsonText(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// enroll makes an individual enrollment for a leaf.
func (l *Lab) enroll(t testing.TB, id string, leaf *x509.Certificate, change ...func(*dps.IndividualEnrollment)) {
	t.Helper()
	e := dps.IndividualEnrollment{RegistrationID: id}
	e.Attestation = dps.AttestationMechanism{Type: "x509", X509: &dps.X509Attestation{ClientCertificates: &dps.X509Certificates{
		Primary: &dps.X509CertificateWithInfo{Certificate: pemText(leaf)},
	}}}
	for _, f := range change {
		f(&e)
	}
	if a := l.service(t, "PUT", "/enrollments/"+url.PathEscape(id), jsonText(t, e), "If-Match", "*"); a.status != 200 {
		t.Fatalf("enrolling %s: %d %s", id, a.status, a.body)
	}
}

// enrollGroup makes an enrollment group for a signing certificate.
func (l *Lab) enrollGroup(t testing.TB, id string, signer *x509.Certificate, change ...func(*dps.EnrollmentGroup)) {
	t.Helper()
	g := dps.EnrollmentGroup{EnrollmentGroupID: id}
	g.Attestation = dps.AttestationMechanism{Type: "x509", X509: &dps.X509Attestation{SigningCertificates: &dps.X509Certificates{
		Primary: &dps.X509CertificateWithInfo{Certificate: pemText(signer)},
	}}}
	for _, f := range change {
		f(&g)
	}
	if a := l.service(t, "PUT", "/enrollmentGroups/"+id, jsonText(t, g), "If-Match", "*"); a.status != 200 {
		t.Fatalf("making group %s: %d %s", id, a.status, a.body)
	}
}

// upload puts a CA certificate into DPS.
func (l *Lab) upload(t testing.TB, name string, cert *x509.Certificate, verified bool) {
	t.Helper()
	body := jsonText(t, map[string]any{"properties": map[string]any{"certificate": cert.Raw, "isVerified": verified}})
	if a := l.manageCall(t, "2022-02-05", "PUT", "/certificates/"+name, body); a.status != 200 {
		t.Fatalf("uploading %s: %d %s", name, a.status, a.body)
	}
}

func (l *Lab) registerURL(id string) string {
	return "https://" + globalHost + "/" + l.ready.IDScope + "/registrations/" + url.PathEscape(id) + "/register?api-version=2021-06-01"
}

func (l *Lab) operationURL(id, operation string) string {
	return "https://" + globalHost + "/" + l.ready.IDScope + "/registrations/" + url.PathEscape(id) + "/operations/" + operation + "?api-version=2021-06-01"
}

// register begins a registration.
func (c *client) register(t testing.TB, id string) answer {
	t.Helper()
	return c.do(t, "PUT", c.lab.registerURL(id), jsonText(t, dps.DeviceRegistration{RegistrationID: id}))
}

// provision registers and polls once, which ends it in a lab in a hurry.
func (c *client) provision(t testing.TB, id string) dps.RegistrationOperationStatus {
	t.Helper()
	var begun, ended dps.RegistrationOperationStatus
	a := c.register(t, id)
	if a.status != http.StatusAccepted {
		t.Fatalf("register %s: %d %s", id, a.status, a.body)
	}
	a.into(t, &begun)
	a = c.do(t, "GET", c.lab.operationURL(id, begun.OperationID), "")
	if a.status != http.StatusOK {
		t.Fatalf("poll %s: %d %s", id, a.status, a.body)
	}
	a.into(t, &ended)
	return ended
}

// wantRefusal checks status, code, message and shape in the data planes'
// dialect.
func wantRefusal(t testing.TB, a answer, code int, message string) {
	t.Helper()
	var body dps.ServiceErrorBody
	if a.status != code/1000 {
		t.Fatalf("status %d, want %d: %s", a.status, code/1000, a.body)
	}
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	if body.ErrorCode != code || message != "" && body.Message != message {
		t.Errorf("got %d %q, want %d %q", body.ErrorCode, body.Message, code, message)
	}
	if id := a.header.Get("x-ms-request-id"); id == "" || body.TrackingID != id {
		t.Errorf("trackingId %q is not x-ms-request-id %q", body.TrackingID, id)
	}
	if body.TimestampUTC == "" || a.header.Get("Content-Type") != "application/json; charset=utf-8" || a.header.Get("X-Dpslab-Emulator") == "" {
		t.Errorf("incomplete refusal: %v %s", a.header, a.body)
	}
}

// referTo makes a group attest by the name of an uploaded CA.
func referTo(name string) func(*dps.EnrollmentGroup) {
	return func(g *dps.EnrollmentGroup) {
		g.Attestation.X509 = &dps.X509Attestation{CAReferences: &dps.X509CAReferences{Primary: name}}
	}
}

// hubService calls the service API of a hub with the owner's signature.
func (l *Lab) hubService(t testing.TB, hub, method, path, body string, headers ...string) answer {
	t.Helper()
	h := l.instance().hub(hub + hubSuffix)
	token, err := dps.Token(h.Host, h.Policy.Name, dps.NewSecret(h.Policy.PrimaryKey), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return l.as(t, ident{}).do(t, method, "https://"+h.Host+path+separator+"api-version=2021-04-12", body,
		append([]string{"Authorization", token.Reveal()}, headers...)...)
}

// raw sends a request as it stands and gives the whole answer.
func (c *client) raw(t testing.TB, request string) string {
	t.Helper()
	transport, ok := c.http.Transport.(*http.Transport)
	if !ok {
		t.Fatal("the client has another transport")
	}
	config := transport.TLSClientConfig.Clone()
	config.ServerName = "localhost"
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", c.lab.ready.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}
