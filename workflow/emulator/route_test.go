package emulator

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	t.Parallel()
	l := &Lab{}
	l.current.Store(&instance{Name: instanceName})
	for _, test := range []struct {
		method, host, path string
		want               string // the route's path, or "" for none
		args               string
	}{
		{"PUT", globalHost, "/0ne/registrations/d1/register", "/{scope}/registrations/{id}/register", "0ne d1"},
		{"PUT", globalHost + ":443", "/0ne/REGISTRATIONS/d%3A1/register/", "/{scope}/registrations/{id}/register", "0ne d:1"},
		{"POST", globalHost, "/0ne/registrations/d1", "/{scope}/registrations/{id}", "0ne d1"},
		{"POST", "localhost", "/registrations/g1/query", "/registrations/{id}/query", "g1"},
		{"POST", globalHost, "/registrations/registrations/query", "/{scope}/registrations/{id}", "registrations query"},
		{"POST", "localhost", "/enrollmentgroups/query/", "/enrollmentGroups/query", ""},
		{"GET", "[::1]:8443", "/twins/d1", "/twins/{device}", "d1"},
		{"GET", "anything.test", "/devices/a%2Fb", "/devices/{device}", "a/b"},
		{"GET", "LAB-HUB.azure-devices.NET", "/devices/d1", "/devices/{device}", "d1"},
		{"GET", globalHost, "/enrollments/d1", "", ""},
		{"GET", managementHost, "/devices/d1", "", ""},
		{"GET", "contoso" + instanceSuffix, "/enrollments/d1", "", ""},
		{"GET", "localhost", "//devices/d1", "", ""},
		{"GET", "localhost", "/devices//d1", "", ""},
		{"GET", "localhost", "/devices/%", "", ""},
		{"GET", "localhost", "/devices/d%0a1", "", ""},
		{"GET", "localhost", "*", "", ""},
		{"GET", "localhost", strings.Repeat("/a", 40), "", ""},
	} {
		f := find(l.surfacesOf(hostName(test.host)), test.method, test.path)
		got := ""
		var args []string
		if f.route != nil {
			got = f.route.path
			for _, s := range f.route.segments {
				if s[0] == '{' {
					args = append(args, f.args[s[1:len(s)-1]])
				}
			}
		}
		if got != test.want || strings.Join(args, " ") != test.args {
			t.Errorf("%s %s%s: route %q with %v", test.method, test.host, test.path, got, args)
		}
	}
}

// TestPathsDoNotCollide checks what by-path routing relies on: where two routes
// of one method match the same path, the first is more literal.
func TestPathsDoNotCollide(t *testing.T) {
	t.Parallel()
	for i, a := range routes {
		for _, b := range routes[i+1:] {
			if a.method != b.method || len(a.segments) != len(b.segments) {
				continue
			}
			collide, literals := true, 0
			for n := range a.segments {
				pa, pb := a.segments[n][0] == '{', b.segments[n][0] == '{'
				if !pa && !pb && !strings.EqualFold(a.segments[n], b.segments[n]) {
					collide = false
				}
				if a.segments[n] == scopeSegment && noScope(b.segments[n]) || b.segments[n] == scopeSegment && noScope(a.segments[n]) {
					collide = false
				}
				if !pa {
					literals++
				}
				if !pb {
					literals--
				}
			}
			if collide && literals < 1 && a.path != b.path {
				t.Errorf("%s %s hides %s", a.method, a.path, b.path)
			}
		}
	}
}

func TestGuesses(t *testing.T) {
	t.Parallel()
	for i, g := range Guesses() {
		if g.Number == "" || g.Question == "" || g.message == "" && g.Choice == "" {
			t.Errorf("row %d says nothing: %+v", i, g)
		}
		if g.message != "" && (g.code/1000 < 400 || g.code/1000 > 599) {
			t.Errorf("row %d refuses with code %d", i, g.code)
		}
	}
	if !slices.ContainsFunc(Guesses(), func(g Guess) bool { return g.Number == "U1" }) {
		t.Error("U1 is missing")
	}
}

// TestQueryValue compares with package url.
func TestQueryValue(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		"", "&", "=", "api-version", "api-version=", "api-version=2021-06-01", "a=b&api-version=1&api-version=2", "api-version=%zz&api-version=3",
		"api%2Dversion=4", "api-version=5;b=c&api-version=6", "api-version=a+b%20c", "%zz=1&api-version=7", "reject&api-version=8=9",
	} {
		if got, want := queryValue(query, "api-version"), (&url.URL{RawQuery: query}).Query().Get("api-version"); got != want {
			t.Errorf("%q gives %q, want %q", query, got, want)
		}
	}
}

// TestWayOfAConnection sends requests on one connection that are alike but for
// their host, their method, their path or their api-version.
func TestWayOfAConnection(t *testing.T) {
	t.Parallel()
	l := start(t)
	hub, dps := l.ready.HubHosts[0], l.ready.ServiceHost
	const path = "/devices/d1/messages/events?api-version=2020-03-13"
	requests := []struct {
		line, host string
		status     string
	}{
		{"POST " + path, hub, "401"},
		{"POST " + path, hub, "401"},
		{"POST " + path, dps, "404"},
		{"GET " + path, hub, "405"},
		{"POST " + path, hub, "401"},
		{"POST /devices/d1/messages/events", hub, "400"},
		{"POST " + path, "nowhere.azure-devices.net", "401"},
		{"POST " + path, hub, "401"},
		{"POST " + path + "&x=" + strings.Repeat("y", maxWay), hub, "401"},
		{"POST " + path, hub, "401"},
	}
	var all strings.Builder
	for i, r := range requests {
		fmt.Fprintf(&all, "%s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n", r.line, r.host)
		if i == len(requests)-1 {
			all.WriteString("Connection: close\r\n")
		}
		all.WriteString("\r\n")
	}
	var got []string
	answers := l.as(t, ident{}).raw(t, all.String())
	if n := strings.Count(answers, "IotHubNotFound"); n != 2 { // in a header and in the body
		t.Errorf("%d times IotHubNotFound:\n%s", n, answers)
	}
	for part := range strings.SplitSeq(answers, "HTTP/1.1 ") {
		if len(part) > 3 {
			got = append(got, part[:3])
		}
	}
	if len(got) != len(requests) {
		t.Fatalf("%d answers: %q", len(got), got)
	}
	for i, r := range requests {
		if got[i] != r.status {
			t.Errorf("%d. %s at %s: %s, want %s", i, r.line, r.host, got[i], r.status)
		}
	}
}
