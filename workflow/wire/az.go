package wire

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	whyAzDevice = "az has no command that speaks as a device over HTTPS"
	whyAzOther  = "az has no command for it"
	azureOnly   = "# in Azure; az cannot be led to the lab\n"
)

// standardInput is where az is to read a value from.
const standardInput = "@-"

// Az writes the request of an exchange as a command of Azure CLI, for calls of
// the service APIs and of Azure Resource Manager. Commands of "az iot" need the
// azure-iot extension. What they cannot say is written for "az rest", which
// signs in as the same account. A secret in the body becomes a shell variable, as
// with [Curl]. Where why is not empty there is no such form.
func Az(x *Exchange) (text, why string) {
	u, err := url.Parse(x.URL)
	if err != nil || u.Host == "" {
		return "", whyAddress
	}
	secrets, variables := bodyOfVariables(x)
	if variables {
		read := *x
		read.RequestBody = standardInput
		x = &read
	}
	if why := whyNotBody(x); why != "" {
		return "", why
	}
	c := &azCall{x: x, url: u}
	for s := range strings.SplitSeq(strings.Trim(u.EscapedPath(), "/"), "/") {
		plain, err := url.PathUnescape(s)
		if err != nil {
			return "", whyAddress
		}
		c.path = append(c.path, plain)
	}
	c.name, _, _ = strings.Cut(u.Hostname(), ".")
	words, why := c.command()
	if why != "" {
		return "", why
	}
	for i, w := range words {
		words[i] = ShellWord(w)
	}
	text = strings.Join(words, " ")
	if variables && slices.Contains(words, standardInput) {
		text = secrets.comment() + secrets.pipe(text)
	}
	if x.ConnectTo != "" {
		text = azureOnly + text
	}
	return text, ""
}

// azCall is a request taken apart.
type azCall struct {
	x    *Exchange
	url  *url.URL
	path []string // decoded segments
	name string   // of the instance or hub
}

// is matches the path with names of segments; "*" is any one.
func (c *azCall) is(method string, segments ...string) bool {
	if c.x.Method != method || len(c.path) != len(segments) {
		return false
	}
	for i, want := range segments {
		if want != "*" && !strings.EqualFold(want, c.path[i]) {
			return false
		}
	}
	return true
}

func (c *azCall) command() (words []string, why string) {
	host := strings.ToLower(c.url.Hostname())
	_, suffix, _ := strings.Cut(host, ".")
	switch {
	case strings.HasPrefix(host, "global.azure-devices-provisioning."):
		return nil, whyAzDevice
	case strings.HasPrefix(suffix, "azure-devices-provisioning."):
		return c.provisioning(tokenResource(host))
	case strings.HasPrefix(suffix, "azure-devices."):
		return c.hub(tokenResource(host))
	case strings.HasPrefix(host, "management."):
		return c.management(), ""
	}
	return nil, whyAzOther
}

// provisioning is for the service API of an instance.
func (c *azCall) provisioning(resource string) (words []string, why string) {
	instance := []string{"--dps-name", c.name}
	name := func(i int, option string) []string { return append(instance, option, c.path[i]) }
	tag := c.tag()
	switch {
	case len(c.path) > 1 && strings.EqualFold(c.path[1], "registrations"):
		return nil, whyAzDevice // the device API answers here as well
	case c.is(http.MethodGet, "enrollments", "*"):
		return join("az iot dps enrollment show", name(1, "--enrollment-id")), ""
	case c.is(http.MethodDelete, "enrollments", "*"):
		return join("az iot dps enrollment delete", name(1, "--enrollment-id"), tag), ""
	case c.is(http.MethodPost, "enrollments", "query"):
		return join("az iot dps enrollment list", instance), ""
	case c.is(http.MethodPost, "enrollments", "*", "attestationmechanism"):
		return join("az iot dps enrollment show", name(1, "--enrollment-id"), []string{"--show-keys", "true"}), ""
	case c.is(http.MethodGet, "enrollmentGroups", "*"):
		return join("az iot dps enrollment-group show", name(1, "--enrollment-id")), ""
	case c.is(http.MethodDelete, "enrollmentGroups", "*"):
		return join("az iot dps enrollment-group delete", name(1, "--enrollment-id"), tag), ""
	case c.is(http.MethodPost, "enrollmentGroups", "query"):
		return join("az iot dps enrollment-group list", instance), ""
	case c.is(http.MethodPost, "enrollmentGroups", "*", "attestationmechanism"):
		return join("az iot dps enrollment-group show", name(1, "--enrollment-id"), []string{"--show-keys", "true"}), ""
	case c.is(http.MethodPost, "registrations", "*", "query"):
		return join("az iot dps enrollment-group registration list", name(1, "--enrollment-id")), ""
	}
	return c.rest(resource), ""
}

// hub is for the service API of an IoT hub.
func (c *azCall) hub(resource string) (words []string, why string) {
	device := func() []string { return []string{"--hub-name", c.name, "--device-id", c.path[1]} }
	switch {
	case len(c.path) > 2 && strings.EqualFold(c.path[2], "messages"):
		return nil, whyAzDevice
	case c.is(http.MethodGet, "devices", "*"):
		return join("az iot hub device-identity show", device()), ""
	case c.is(http.MethodDelete, "devices", "*"):
		return join("az iot hub device-identity delete", device(), c.tag()), ""
	case c.is(http.MethodGet, "twins", "*"):
		return join("az iot hub device-twin show", device()), ""
	}
	return c.rest(resource), ""
}

// management is for Azure Resource Manager.
func (c *azCall) management() []string {
	const subscriptions, groups, providers, devices, services = "subscriptions", "resourceGroups", "providers", "Microsoft.Devices", "provisioningServices"
	instance := []string{subscriptions, "*", groups, "*", providers, devices, services, "*"}
	under := func(more ...string) []string { return append(slices.Clone(instance), more...) }
	group := func() []string { return []string{"--subscription", c.path[1], "--resource-group", c.path[3]} }
	where := func() []string { return append(group(), "--dps-name", c.path[7]) }
	certificate := func() []string { return append(where(), "--certificate-name", c.path[9]) }
	switch {
	case c.is(http.MethodGet, subscriptions):
		return join("az account list", nil)
	case c.is(http.MethodGet, subscriptions, "*", providers, devices, services):
		return join("az iot dps list", []string{"--subscription", c.path[1]})
	case c.is(http.MethodGet, instance[:7]...):
		return join("az iot dps list", group())
	case c.is(http.MethodGet, instance...):
		return join("az iot dps show", append(group(), "--name", c.path[7]))
	case c.is(http.MethodPost, under("listkeys")...):
		return join("az iot dps policy list", where())
	case c.is(http.MethodGet, under("certificates")...):
		return join("az iot dps certificate list", where())
	case c.is(http.MethodGet, under("certificates", "*")...):
		return join("az iot dps certificate show", certificate())
	case c.is(http.MethodDelete, under("certificates", "*")...) && c.tag() != nil:
		return join("az iot dps certificate delete", certificate(), c.tag())
	case c.is(http.MethodPost, under("certificates", "*", "generateVerificationCode")...) && c.tag() != nil:
		return join("az iot dps certificate generate-verification-code", certificate(), c.tag())
	}
	return c.rest("")
}

// tag is the option for If-Match; "*" is what az sends by itself where it may.
func (c *azCall) tag() []string {
	if tag := c.x.RequestHeader.Get("If-Match"); tag != "" {
		return []string{"--etag", tag}
	}
	return nil
}

func join(command string, options ...[]string) []string {
	return append(strings.Fields(command), slices.Concat(options...)...)
}

// restOmits are headers that az rest sets, or that say nothing.
var restOmits = []string{"Authorization", "Content-Length", "User-Agent", "Accept", "X-Ms-Client-Request-Id"}

// rest is the very request. resource is what its token is for, empty: az finds
// out.
func (c *azCall) rest(resource string) []string {
	words := []string{"az", "rest", "--method", strings.ToLower(c.x.Method), "--url", c.x.URL}
	if resource != "" {
		words = append(words, "--resource", resource)
	}
	headers := []string{}
	for _, h := range harHeaders(c.x.RequestHeader) {
		if !slices.Contains(restOmits, http.CanonicalHeaderKey(h.Name)) {
			headers = append(headers, h.Name+"="+h.Value)
		}
	}
	if len(headers) > 0 {
		words = append(append(words, "--headers"), headers...)
	}
	if c.x.RequestBody != "" {
		words = append(words, "--body", c.x.RequestBody)
	}
	return words
}
