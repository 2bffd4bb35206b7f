package emulator

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow/dps"
)

// leafLike issues a device certificate with one thing changed: the certificates
// that pki refuses to make.
func leafLike(t testing.TB, cn string, by *pki.Issuer, change func(*x509.Certificate)) ident {
	t.Helper()
	key := newECKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: cn},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, SubjectKeyId: []byte(cn + "-key"),
	}
	change(template)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.Certificate, by.Key
	}
	return ident{key, []*x509.Certificate{sign(t, template, parent, key.Public(), signer)}}
}

func sign(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestLeafIsRefused(t *testing.T) {
	t.Parallel()
	l := start(t)
	for _, test := range []struct {
		name, cn string
		change   func(*x509.Certificate)
		code     int
		message  string
	}{
		{"control", "leaf-0", func(*x509.Certificate) {}, 0, ""},
		{"no key usage at all", "leaf-1", func(c *x509.Certificate) { c.KeyUsage = 0 }, 0, ""},
		{"expired", "leaf-2", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, 401002, "Invalid certificate"},
		{"not yet valid", "leaf-3", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, 401002, "Invalid certificate"},
		{"a CA", "leaf-4", func(c *x509.Certificate) { c.IsCA = true }, 401002, "Invalid certificate"},
		{"no digitalSignature", "leaf-5", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, 401002, "Invalid certificate"},
		{"no clientAuth", "leaf-6", func(c *x509.Certificate) { c.ExtKeyUsage = nil }, 401002, "Invalid certificate"},
		{"serverAuth only", "leaf-7", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, 401002, "Invalid certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			id := leafLike(t, test.cn, nil, test.change)
			l.enroll(t, test.cn, id.chain[0])
			a := l.as(t, id).register(t, test.cn)
			if test.code == 0 {
				if a.status != 202 {
					t.Fatalf("%d %s", a.status, a.body)
				}
				return
			}
			wantRefusal(t, a, test.code, test.message)
		})
	}
}

// TestChainIsRefused shows a group chains in which every element but one is
// right.
func TestChainIsRefused(t *testing.T) {
	t.Parallel()
	good := newFamily(t, "good")
	authority := func(t *testing.T, change func(*x509.Certificate)) pki.Issuer {
		key := newECKey(t)
		c := &x509.Certificate{
			SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "odd intermediate"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte("odd"), MaxPathLen: -1,
		}
		change(c)
		return pki.Issuer{Certificate: sign(t, c, good.root.Certificate, key.Public(), good.root.Key), Key: key}
	}
	for _, test := range []struct {
		name    string
		change  func(*x509.Certificate)
		message string // empty: accepted
	}{
		{"control", func(*x509.Certificate) {}, ""},
		{"clientAuth", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		}, ""},
		{"expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, "Invalid certificate"},
		{"not a CA", func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature }, "Invalid certificate"},
		{"no keyCertSign", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }, "Invalid certificate"},
		{"serverAuth only", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "Invalid certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			odd := authority(t, test.change)
			l.upload(t, "root", good.root.Certificate, true)
			l.enrollGroup(t, "g", odd.Certificate)
			id := leafLike(t, "d1", &odd, func(*x509.Certificate) {})
			id.chain = append(id.chain, odd.Certificate, good.root.Certificate)
			a := l.as(t, id).register(t, "d1")
			if test.message == "" {
				if a.status != 202 {
					t.Fatalf("%d %s", a.status, a.body)
				}
				return
			}
			wantRefusal(t, a, 401002, test.message)
		})
	}
}

func TestPathLength(t *testing.T) {
	t.Parallel()
	good := newFamily(t, "good")
	l := start(t)
	// The good intermediate allows no CA below it.
	key := newECKey(t)
	below := sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(8), Subject: pkix.Name{CommonName: "one too many"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte("below"),
	}, good.intermediate.Certificate, key.Public(), good.intermediate.Key)
	l.upload(t, "root", good.root.Certificate, true)
	l.enrollGroup(t, "g", good.intermediate.Certificate)
	id := leafLike(t, "d1", &pki.Issuer{Certificate: below, Key: key}, func(*x509.Certificate) {})
	id.chain = append(id.chain, below, good.intermediate.Certificate, good.root.Certificate)
	wantRefusal(t, l.as(t, id).register(t, "d1"), 401002, "Invalid certificate")
}

// TestNoEntry refuses what is in order itself but leads to no entry.
func TestNoEntry(t *testing.T) {
	t.Parallel()
	l := start(t)
	verified, unverified, renewed, stranger := newFamily(t, "verified"), newFamily(t, "unverified"), newFamily(t, "verified"), newFamily(t, "stranger")
	l.upload(t, "verified", verified.root.Certificate, true)
	l.upload(t, "unverified", unverified.root.Certificate, false)
	l.upload(t, "renewed", renewed.root.Certificate, true)
	l.enrollGroup(t, "g1", verified.intermediate.Certificate)
	l.enrollGroup(t, "g2", unverified.intermediate.Certificate)
	other := newFamily(t, "other")
	l.upload(t, "other", other.root.Certificate, true)
	enrolled := selfSigned(t, "mine")
	l.enroll(t, "mine", enrolled.chain[0])
	byLeaf := stranger.device(t, "by-leaf")
	l.enroll(t, "by-leaf", byLeaf.chain[0])
	byReference := verified.device(t, "by-reference")
	l.enroll(t, "by-reference", byReference.chain[0], func(e *dps.IndividualEnrollment) {
		e.Attestation.X509 = &dps.X509Attestation{CAReferences: &dps.X509CAReferences{Primary: "other"}}
	})
	byUnverified := unverified.device(t, "by-unverified")
	l.enroll(t, "by-unverified", byUnverified.chain[0], func(e *dps.IndividualEnrollment) {
		e.Attestation.X509 = &dps.X509Attestation{CAReferences: &dps.X509CAReferences{Primary: "unverified"}}
	})
	for _, test := range []struct {
		name, id string
		show     ident
		code     int
		message  string
	}{
		{"no certificate", "mine", ident{}, 401000, "Unauthorized"},
		{"unknown self-signed", "nobody", selfSigned(t, "nobody"), 401002, "Unauthorized"},
		{"another self-signed", "mine", selfSigned(t, "mine"), 401002, "Invalid certificate"},
		{"name of another device", "mine", selfSigned(t, "yours"), 401002, "Unauthorized"},
		{"name differs from the path", "mine2", enrolled, 401002, "Unauthorized"},
		{"leaf only", "d1", verified.device(t, "d1").short(1), 401002, "CA certificate not found"},
		{"root missing in the chain", "d1", verified.device(t, "d1").short(2), 401002, "CA certificate not found"},
		{"CA not verified", "d1", unverified.device(t, "d1"), 401002, "CA certificate not found"},
		{"CA not uploaded", "d1", stranger.device(t, "d1"), 401002, "CA certificate not found"},
		{"no group for a verified CA", "d1", other.device(t, "d1"), 401002, "Unauthorized"},
		{"group holds another certificate of that name", "d1", renewed.device(t, "d1"), 401002, "Signing certificate info did not match chain elements"},
		{"individual by a leaf of an unknown CA", "by-leaf", byLeaf, 401002, "CA certificate not found"},
		{"individual refers to another CA", "by-reference", byReference, 401002, "Signing certificate info did not match chain elements"},
		{"individual refers to an unverified CA", "by-unverified", byUnverified, 401002, "CA certificate not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, l.as(t, test.show).register(t, test.id), test.code, test.message)
		})
	}
}

// TestSameNamedAuthorities tells CAs of one name apart by their keys.
func TestSameNamedAuthorities(t *testing.T) {
	t.Parallel()
	l := start(t)
	twin, right := newFamily(t, "twin"), newFamily(t, "twin")
	l.upload(t, "right", right.root.Certificate, true)
	l.enrollGroup(t, "g", right.intermediate.Certificate)
	id := right.device(t, "d1")
	id.chain = []*x509.Certificate{id.chain[0], twin.intermediate.Certificate, twin.root.Certificate, right.intermediate.Certificate, right.root.Certificate}
	if r := l.as(t, id).provision(t, "d1"); r.Status != "assigned" {
		t.Errorf("%+v", r)
	}
}

func TestDeviceRequestIsRefused(t *testing.T) {
	t.Parallel()
	l := start(t, func(o *Options) { o.Strict = true })
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0])
	base := "https://" + globalHost + "/" + l.ready.IDScope + "/registrations/"
	for _, test := range []struct {
		name, method, url, body string
		headers                 []string
		code                    int
		message                 string
	}{
		{"unknown scope", "PUT", "https://" + globalHost + "/0ne00FFFFFF/registrations/d1/register?api-version=2021-06-01", "{}", nil, 404000, "IdScope not found"},
		{"unknown operation", "GET", base + "d1/operations/5.0000000000000000.x?api-version=2021-06-01", "", nil, 404203, "Operation not found"},
		{"bad registration ID", "PUT", base + "d1./register?api-version=2021-06-01", "{}", nil, 400004, "Invalid RegistrationId"},
		{"another ID in the body", "PUT", base + "d1/register?api-version=2021-06-01", `{"registrationId":"d2"}`, nil, 400000, ""},
		{"no JSON", "PUT", base + "d1/register?api-version=2021-06-01", `{"registrationId":`, nil, 400000, ""},
		{"wrong type", "PUT", base + "d1/register?api-version=2021-06-01", `{"registrationId":7}`, nil, 400000, ""},
		{"media type", "PUT", base + "d1/register?api-version=2021-06-01", `{}`, []string{"Content-Type", "text/plain"}, 415000, ""},
		{"too large", "PUT", base + "d1/register?api-version=2021-06-01", `{"payload":"` + strings.Repeat("x", 96<<10) + `"}`, nil, 413000, "Request body too large"},
		{"wrong verb", "DELETE", base + "d1/register?api-version=2021-06-01", "", nil, 405000, "Method Not Allowed"},
		{"no such path", "GET", base + "d1/register/now?api-version=2021-06-01", "", nil, 404000, "Resource not found"},
		{"no api-version", "PUT", base + "d1/register", "{}", nil, 400000, "api-version is required"},
		{"unknown api-version", "PUT", base + "d1/register?api-version=2031-01-01", "{}", nil, 400000, "Unsupported API version"},
		{"unknown instance", "GET", "https://contoso.azure-devices-provisioning.net/enrollments/d1?api-version=2021-10-01", "", nil, 404000, "Resource not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, l.as(t, id).do(t, test.method, test.url, test.body, test.headers...), test.code, test.message)
		})
	}
}

func TestToleratedRequests(t *testing.T) {
	t.Parallel()
	l := start(t)
	id := selfSigned(t, "Dev:1.a-")
	l.enroll(t, "Dev:1.a-", id.chain[0])
	for _, test := range []struct{ name, url, body string }{
		{"escaped", "https://" + globalHost + "/" + l.ready.IDScope + "/registrations/dev%3A1%2Ea-/register?api-version=2019-03-31", `{"registrationId":"DEV:1.A-"}`},
		{"case and slash", "https://" + globalHost + "/" + strings.ToLower(l.ready.IDScope) + "/Registrations/dev:1.a-/REGISTER/?api-version=2018-11-01", `{}`},
		{"no body", "https://" + l.ready.ServiceHost + "/" + l.ready.IDScope + "/registrations/dev:1.a-/register?api-version=2021-10-01", ``},
		{"future version", "https://" + globalHost + "/" + l.ready.IDScope + "/registrations/dev:1.a-/register?api-version=2031-01-01-preview", `{}`},
		{"by path", "https://localhost/" + l.ready.IDScope + "/registrations/dev:1.a-/register?api-version=2021-06-01", `{}`},
		{"by address", "https://127.0.0.1:9/" + l.ready.IDScope + "/registrations/dev:1.a-/register?api-version=2021-06-01", `{}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := l.as(t, id).do(t, "PUT", test.url, test.body, "Content-Encoding", " utf-8")
			if a.status != 202 {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}
