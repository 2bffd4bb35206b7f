package emulator

import (
	"crypto/subtle"
	"net/url"
	"slices"
	"strings"

	"dpslab/workflow/dps"
)

// bearer gives the token of an Authorization header of that scheme; empty when
// it is of another.
func bearer(header string) string {
	scheme, token, _ := strings.Cut(strings.TrimSpace(header), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// isManagementToken compares without telling by the time where they differ.
func (l *Lab) isManagementToken(token string) bool {
	return token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(l.instance().ManagementToken)) == 1
}

// authorize checks a caller of the service API: the lab's bearer token, which
// may do all, or a shared access signature by a policy that has the right.
func (l *Lab) authorize(c *call, right string) error {
	header := c.r.Header.Get("Authorization")
	if l.isManagementToken(bearer(header)) {
		return nil
	}
	p, why := l.signer(c, header, l.instance().serviceHost(), l.instance().Policies)
	if p == nil {
		return serviceUnauthorized.because(why)
	}
	if !slices.Contains(p.Rights, right) {
		return serviceForbidden.because("policy ", p.Name, " lacks ", right)
	}
	return nil
}

// signer finds the policy that made a shared access signature for host, or
// says why there is none. The signature is over the text of sr as it stands in
// the header; sr may be a prefix of what is asked for.
func (l *Lab) signer(c *call, header, host string, policies []policy) (*policy, string) {
	if header == "" {
		return nil, "no Authorization header"
	}
	token, err := dps.ParseSharedAccessSignature(header)
	if err != nil {
		return nil, err.Error()
	}
	i := slices.IndexFunc(policies, func(p policy) bool { return p.Name == token.KeyName })
	switch {
	case i < 0:
		return nil, "the shared access signature names a policy that does not exist"
	case !token.SignedBy(policies[i].PrimaryKey) && !token.SignedBy(policies[i].SecondaryKey):
		return nil, "the shared access signature was made with another key"
	case token.Expiry.Before(c.now):
		return nil, "the shared access signature expired"
	case !covers(token.Resource, []string{host, c.r.Host, hostName(c.r.Host)}, c.r.URL):
		return nil, "the shared access signature is for another resource"
	}
	return &policies[i], ""
}

// covers reports whether a token's resource, a host with perhaps a path, is one
// of the names of the service and a prefix of the URL's path, by segments and
// without regard to case.
func covers(resource string, hosts []string, asked *url.URL) bool {
	host, prefix, _ := strings.Cut(strings.TrimSuffix(resource, "/"), "/")
	if !slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return false
	}
	if prefix == "" {
		return true
	}
	path := strings.Trim(asked.Path, "/") + "/"
	prefix += "/"
	return len(path) >= len(prefix) && strings.EqualFold(path[:len(prefix)], prefix)
}
