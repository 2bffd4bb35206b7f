package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// surface is one API of one service: a dialect, its api-versions and limits.
type surface struct {
	name     string
	dialect  dialect
	versions []string // accepted api-versions; nil: the surface has none
	maxBody  int64    // bytes
	server   string   // the Server header of its answers; empty: none
	// frontDoor: refusals that concern the request itself come from Resource
	// Manager, not from the provider behind it.
	frontDoor bool
	// numbers: the provider's refusals have codes that are numbers.
	numbers bool
}

var (
	deviceSurface = &surface{
		name: "DPS", dialect: dpsDialect, maxBody: 96 << 10,
		versions: []string{"2021-06-01", "2019-03-31", "2021-10-01", "2018-11-01", "2018-09-01-preview", "2025-07-01-preview"},
	}
	serviceSurface = &surface{
		name: "DPS service", dialect: dpsDialect, maxBody: 96 << 10,
		versions: []string{"2021-10-01", "2019-03-31", "2018-11-01", "2018-04-01", "2025-07-01-preview"},
	}
	managementSurface = &surface{
		name: "Azure Resource Manager", dialect: managementDialect, maxBody: 256 << 10, frontDoor: true, numbers: true,
		versions: []string{
			"2022-02-05", "2021-10-15", "2018-01-22", "2017-11-15", "2020-01-01", "2020-03-01",
			"2022-12-12", "2023-03-01-preview", "2025-02-01-preview",
		},
	}
	apimSurface = &surface{
		name: "API Management", dialect: managementDialect, maxBody: 256 << 10, frontDoor: true,
		versions: []string{"2024-05-01", "2022-08-01", "2021-08-01", "2023-05-01-preview", "2024-06-01-preview"},
	}
	resourceSurface = &surface{
		name: "Azure Resource Manager", dialect: managementDialect, maxBody: 256 << 10, frontDoor: true,
		versions: []string{
			"2019-11-01", "2016-06-01", "2019-06-01", "2021-01-01", "2021-04-01", "2022-09-01", "2022-12-01", "2024-11-01", // subscriptions, groups
			"2021-07-02", "2022-04-30-preview", "2023-06-30", "2023-06-30-preview", // Microsoft.Devices/IotHubs
		},
	}
	hubSurface = &surface{
		name: "IoT Hub", dialect: hubDialect, maxBody: maxMessage, server: "Microsoft-HTTPAPI/2.0",
		versions: []string{"2020-03-13", "2021-04-12", "2016-11-14", "2019-10-01", "2020-09-30", "2024-03-31"},
	}
	operatorSurface = &surface{name: "lab", dialect: dpsDialect, maxBody: 2 * maxCommandBody}
)

// route binds one operation to its handler.
type route struct {
	surface *surface
	method  string
	path    string // literals in any case, {name} for one segment
	handle  func(*Lab, *call) error

	operation string // what faults call it; empty: none strikes it
	segments  []string
}

// provisioningServices is the path of every DPS instance of a resource group.
const provisioningServices = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Devices/provisioningServices"

// apimService is the path of an API Management service, and iotHubs that of the
// IoT hubs of a resource group.
const (
	apimService = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ApiManagement/service/{service}"
	iotHubs     = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Devices/IotHubs"
)

// routes is every operation of the lab. The order matters only where a literal
// and a parameter meet; the literal stands first.
var routes = compile([]route{
	{surface: hubSurface, method: "PUT", path: "/devices/{device}/modules/{module}", handle: (*Lab).putDevice},
	{surface: hubSurface, method: "PUT", path: "/twins/{device}/modules/{module}", handle: writeTwin(true)},
	{surface: deviceSurface, method: "PUT", path: "/{scope}/registrations/{id}/register", handle: (*Lab).register},
	{surface: deviceSurface, method: "GET", path: "/{scope}/registrations/{id}/operations/{operation}", handle: (*Lab).operationStatus},

	{surface: serviceSurface, method: "POST", path: "/enrollments/query", handle: queryEntries(individual)},
	{surface: serviceSurface, method: "POST", path: "/enrollments", handle: bulkEntries(individual)},
	{surface: serviceSurface, method: "POST", path: "/enrollmentGroups", handle: bulkEntries(group)},
	{surface: serviceSurface, method: "GET", path: "/enrollments/{id}", handle: getEntry(individual)},
	{surface: serviceSurface, method: "PUT", path: "/enrollments/{id}", handle: putEntry(individual)},
	{surface: serviceSurface, method: "DELETE", path: "/enrollments/{id}", handle: deleteEntry(individual)},
	{surface: serviceSurface, method: "POST", path: "/enrollments/{id}/attestationmechanism", handle: revealEntry(individual)},
	{surface: serviceSurface, method: "POST", path: "/enrollmentGroups/query", handle: queryEntries(group)},
	{surface: serviceSurface, method: "GET", path: "/enrollmentGroups/{id}", handle: getEntry(group)},
	{surface: serviceSurface, method: "PUT", path: "/enrollmentGroups/{id}", handle: putEntry(group)},
	{surface: serviceSurface, method: "DELETE", path: "/enrollmentGroups/{id}", handle: deleteEntry(group)},
	{surface: serviceSurface, method: "POST", path: "/enrollmentGroups/{id}/attestationmechanism", handle: revealEntry(group)},
	{surface: serviceSurface, method: "GET", path: "/registrations/{id}", handle: (*Lab).getRegistration},
	{surface: serviceSurface, method: "DELETE", path: "/registrations/{id}", handle: (*Lab).deleteRegistration},
	{surface: serviceSurface, method: "POST", path: "/registrations/{id}/query", handle: (*Lab).queryRegistrations},

	{surface: hubSurface, method: "POST", path: "/twins/{device}/methods", handle: (*Lab).invokeMethod},
	{surface: hubSurface, method: "POST", path: "/devices/{device}/files", handle: (*Lab).uploadFile},
	// After /registrations/{id}/query and the two before it, which have the same
	// shape.
	{surface: deviceSurface, method: "POST", path: "/{scope}/registrations/{id}", handle: (*Lab).registrationLookup},

	{surface: managementSurface, method: "GET", path: "/subscriptions/{subscription}/providers/Microsoft.Devices/provisioningServices", handle: (*Lab).listInstances},
	{surface: managementSurface, method: "GET", path: provisioningServices, handle: (*Lab).listInstances},
	{surface: managementSurface, method: "GET", path: provisioningServices + "/{dps}", handle: (*Lab).getInstance},
	{surface: managementSurface, method: "PUT", path: provisioningServices + "/{dps}", handle: (*Lab).putInstance},
	{surface: managementSurface, method: "PATCH", path: provisioningServices + "/{dps}", handle: (*Lab).patchInstance},
	{surface: managementSurface, method: "GET", path: provisioningServices + "/{dps}/skus", handle: (*Lab).listSKUs},
	{surface: managementSurface, method: "POST", path: "/subscriptions/{subscription}/providers/Microsoft.Devices/checkProvisioningServiceNameAvailability", handle: (*Lab).checkName},
	{surface: managementSurface, method: "POST", path: provisioningServices + "/{dps}/listkeys", handle: (*Lab).listKeys},
	{surface: managementSurface, method: "POST", path: provisioningServices + "/{dps}/keys/{key}/listkeys", handle: (*Lab).listKey},
	{surface: managementSurface, method: "GET", path: provisioningServices + "/{dps}/certificates", handle: (*Lab).listAuthorities},
	{surface: managementSurface, method: "GET", path: provisioningServices + "/{dps}/certificates/{name}", handle: (*Lab).getAuthority},
	{surface: managementSurface, method: "PUT", path: provisioningServices + "/{dps}/certificates/{name}", handle: (*Lab).putAuthority},
	{surface: managementSurface, method: "DELETE", path: provisioningServices + "/{dps}/certificates/{name}", handle: (*Lab).deleteAuthority},
	{surface: managementSurface, method: "POST", path: provisioningServices + "/{dps}/certificates/{name}/generateVerificationCode", handle: (*Lab).generateCode},
	{surface: managementSurface, method: "POST", path: provisioningServices + "/{dps}/certificates/{name}/verify", handle: (*Lab).verifyAuthority},

	{surface: apimSurface, method: "GET", path: apimService, handle: (*Lab).getAPIMService},
	{surface: apimSurface, method: "GET", path: apimService + "/certificates", handle: (*Lab).listAPIM},
	{surface: apimSurface, method: "GET", path: apimService + "/certificates/{certificate}", handle: (*Lab).getAPIMCertificate},
	{surface: apimSurface, method: "HEAD", path: apimService + "/certificates/{certificate}", handle: (*Lab).headAPIM},
	{surface: apimSurface, method: "PUT", path: apimService + "/certificates/{certificate}", handle: (*Lab).putAPIM},
	{surface: apimSurface, method: "DELETE", path: apimService + "/certificates/{certificate}", handle: (*Lab).deleteAPIM},
	{surface: apimSurface, method: "POST", path: apimService + "/certificates/{certificate}/refreshSecret", handle: (*Lab).refreshAPIM},

	{surface: resourceSurface, method: "GET", path: "/tenants", handle: (*Lab).listTenants},
	{surface: resourceSurface, method: "GET", path: "/subscriptions", handle: (*Lab).listSubscriptions},
	{surface: resourceSurface, method: "GET", path: "/subscriptions/{subscription}", handle: (*Lab).getSubscription},
	{surface: resourceSurface, method: "GET", path: "/subscriptions/{subscription}/resourceGroups", handle: (*Lab).listGroups},
	{surface: resourceSurface, method: "GET", path: "/subscriptions/{subscription}/resourceGroups/{group}", handle: (*Lab).getGroup},
	{surface: resourceSurface, method: "HEAD", path: "/subscriptions/{subscription}/resourceGroups/{group}", handle: (*Lab).headGroup},
	{surface: resourceSurface, method: "GET", path: "/subscriptions/{subscription}/providers/Microsoft.Devices/IotHubs", handle: (*Lab).listHubs},
	{surface: resourceSurface, method: "GET", path: iotHubs, handle: (*Lab).listHubs},
	{surface: resourceSurface, method: "GET", path: iotHubs + "/{hub}", handle: (*Lab).getHub},
	{surface: resourceSurface, method: "POST", path: iotHubs + "/{hub}/listkeys", handle: (*Lab).listHubKeys},
	{surface: resourceSurface, method: "POST", path: iotHubs + "/{hub}/IotHubKeys/{key}/listkeys", handle: (*Lab).listHubKey},

	{surface: hubSurface, method: "POST", path: "/devices/{device}/messages/events", handle: (*Lab).sendEvent},
	{surface: hubSurface, method: "GET", path: "/devices/{device}/messages/devicebound", handle: (*Lab).receiveCommand},
	{surface: hubSurface, method: "DELETE", path: "/devices/{device}/messages/devicebound/{token}", handle: (*Lab).completeCommand},
	{surface: hubSurface, method: "POST", path: "/devices/{device}/messages/devicebound/{token}/abandon", handle: (*Lab).abandonCommand},
	{surface: hubSurface, method: "POST", path: "/devices/{device}/modules/{module}/messages/events", handle: (*Lab).sendEvent},
	{surface: hubSurface, method: "POST", path: "/devices/{device}/files/notifications", handle: (*Lab).uploadFile},
	{surface: hubSurface, method: "POST", path: "/devices/{device}/files/notifications/{correlation}", handle: (*Lab).uploadFile},
	{surface: hubSurface, method: "GET", path: "/messages/servicebound/feedback", handle: (*Lab).receiveFeedback},
	{surface: hubSurface, method: "DELETE", path: "/messages/servicebound/feedback/{token}", handle: (*Lab).completeFeedback},
	{surface: hubSurface, method: "POST", path: "/messages/servicebound/feedback/{token}/abandon", handle: (*Lab).abandonFeedback},
	{surface: hubSurface, method: "GET", path: "/devices", handle: (*Lab).listDevices},
	{surface: hubSurface, method: "POST", path: "/devices", handle: (*Lab).bulkDevices},
	{surface: hubSurface, method: "POST", path: "/devices/query", handle: (*Lab).queryDevices},
	{surface: hubSurface, method: "GET", path: "/devices/{device}", handle: (*Lab).getDevice},
	{surface: hubSurface, method: "PUT", path: "/devices/{device}", handle: (*Lab).putDevice},
	{surface: hubSurface, method: "DELETE", path: "/devices/{device}", handle: (*Lab).deleteDevice},
	{surface: hubSurface, method: "GET", path: "/devices/{device}/modules", handle: (*Lab).listModules},
	{surface: hubSurface, method: "GET", path: "/devices/{device}/modules/{module}", handle: (*Lab).getDevice},
	{surface: hubSurface, method: "DELETE", path: "/devices/{device}/modules/{module}", handle: (*Lab).deleteDevice},
	{surface: hubSurface, method: "GET", path: "/twins/{device}/modules/{module}", handle: (*Lab).getTwin},
	{surface: hubSurface, method: "PATCH", path: "/twins/{device}/modules/{module}", handle: writeTwin(false)},
	{surface: hubSurface, method: "POST", path: "/twins/{device}/modules/{module}/methods", handle: (*Lab).invokeMethod},
	{surface: hubSurface, method: "DELETE", path: "/devices/{device}/commands", handle: (*Lab).purgeCommands},
	{surface: hubSurface, method: "GET", path: "/twins/{device}", handle: (*Lab).getTwin},
	{surface: hubSurface, method: "PATCH", path: "/twins/{device}", handle: writeTwin(false)},
	{surface: hubSurface, method: "PUT", path: "/twins/{device}", handle: writeTwin(true)},
	{surface: hubSurface, method: "GET", path: "/statistics/devices", handle: (*Lab).countDevices},
	{surface: hubSurface, method: "GET", path: "/statistics/service", handle: (*Lab).countConnected},

	{surface: operatorSurface, method: "GET", path: "/_emu/info", handle: (*Lab).serveInfo},
	{surface: operatorSurface, method: "GET", path: "/_emu/inbox", handle: (*Lab).serveInbox},
	{surface: operatorSurface, method: "GET", path: "/_emu/contents", handle: (*Lab).serveContents},
	{surface: operatorSurface, method: "POST", path: "/_emu/reset", handle: (*Lab).serveReset},
	{surface: operatorSurface, method: "GET", path: "/_emu/export", handle: (*Lab).serveExport},
	{surface: operatorSurface, method: "POST", path: "/_emu/messages", handle: (*Lab).serveEnqueue},
	{surface: operatorSurface, method: "GET", path: "/_emu/faults", handle: (*Lab).serveFaults},
	{surface: operatorSurface, method: "POST", path: "/_emu/faults", handle: (*Lab).serveSetFault},
	{surface: operatorSurface, method: "DELETE", path: "/_emu/faults", handle: (*Lab).serveClearFaults},
})

// routesOfLength has the routes by their number of segments, in their order.
var routesOfLength = func() (by [maxSegments + 1][]*route) {
	for i := range routes {
		n := len(routes[i].segments)
		by[n] = append(by[n], &routes[i])
	}
	return by
}()

func compile(table []route) []route {
	for i := range table {
		table[i].segments = strings.Split(table[i].path[1:], "/")
		table[i].operation = operationOf(&table[i])
	}
	return table
}

// operationOf names the operation of a route for faults.
func operationOf(r *route) string {
	switch first := strings.SplitN(r.path, "/", 3)[1]; {
	case r.surface == deviceSurface && r.method == http.MethodPut:
		return operationRegister
	case r.surface == deviceSurface && r.method == http.MethodGet:
		return operationPoll
	case r.surface == deviceSurface:
		return operationLookup
	case r.surface == serviceSurface && first == "registrations":
		return operationRegistrations
	case r.surface == serviceSurface:
		return operationEnrollments
	case r.surface == managementSurface && strings.Contains(r.path, "{dps}/certificates"):
		return operationCertificates
	case r.surface == apimSurface:
		return operationAPIM
	case r.surface == managementSurface, r.surface == resourceSurface:
		return operationResources
	case r.surface == hubSurface && strings.HasSuffix(r.path, "/messages/events"):
		return operationSend
	case r.surface == hubSurface && strings.Contains(r.path, "/messages/devicebound"):
		return operationReceive
	case r.surface == hubSurface:
		return operationRegistry
	}
	return "" // the lab's own
}

// maxSegments bounds what the router looks at; the longest route has eleven.
const maxSegments = 16

// splitPath cuts an escaped path into decoded segments. One trailing slash is
// tolerated; a slash that is escaped stays inside its segment.
func splitPath(escaped string) ([]string, bool) {
	if !strings.HasPrefix(escaped, "/") || strings.Count(escaped, "/") > maxSegments {
		return nil, false
	}
	segments := strings.Split(strings.TrimSuffix(escaped[1:], "/"), "/")
	for i, s := range segments {
		decoded, err := url.PathUnescape(s)
		if err != nil || decoded == "" || strings.ContainsFunc(decoded, unicode.IsControl) {
			return nil, false
		}
		segments[i] = decoded
	}
	return segments, true
}

const scopeSegment = "{scope}"

// noScope reports whether a segment begins a path of the hub. Without a host
// name it could be an ID scope as well.
func noScope(segment string) bool {
	return strings.EqualFold(segment, "devices") || strings.EqualFold(segment, "twins")
}

// match returns the values of the route's parameters, in order of the path.
func (r *route) match(segments []string) (map[string]string, bool) {
	if len(segments) != len(r.segments) {
		return nil, false
	}
	for i, want := range r.segments {
		if want[0] != '{' && !strings.EqualFold(want, segments[i]) || want == scopeSegment && noScope(segments[i]) {
			return nil, false
		}
	}
	args := make(map[string]string, 4)
	for i, want := range r.segments {
		if want[0] == '{' {
			args[want[1:len(want)-1]] = segments[i]
		}
	}
	return args, true
}

// found is what the router makes of a request. A nil route with methods means
// that the path exists for other methods.
type found struct {
	route   *route
	args    map[string]string // to look at
	surface *surface          // whose dialect to refuse in, never nil
	methods []string
	version string // api-version
}

// way is what the router made of a request, for the next one of the connection:
// who sends telemetry asks the same again and again.
type way struct {
	instance          *instance
	method, host, uri string
	found             found
}

// maxWay bounds what an idle connection keeps of its last request.
const maxWay = 512

// way looks a request up, unless the one before was the same.
func (l *Lab) way(c *call) found {
	r, now := c.r, l.instance()
	known := c.conn != nil && r.RequestURI != "" && len(r.RequestURI)+len(r.Host) <= maxWay
	if known {
		if last := &c.conn.last; last.uri == r.RequestURI && last.host == r.Host && last.method == r.Method && last.instance == now {
			return last.found
		}
	}
	f := find(l.surfacesOf(hostName(r.Host)), r.Method, r.URL.EscapedPath())
	f.version = queryValue(r.URL.RawQuery, "api-version")
	if known {
		c.conn.last = way{now, r.Method, r.Host, r.RequestURI, f}
	}
	return f
}

// find looks a request up among the surfaces that its host serves.
func find(surfaces []*surface, method, escapedPath string) found {
	f := found{surface: surfaces[0]}
	segments, ok := splitPath(escapedPath)
	if !ok {
		return f
	}
	for _, r := range routesOfLength[len(segments)] {
		if !slices.Contains(surfaces, r.surface) {
			continue
		}
		args, ok := r.match(segments)
		if !ok {
			continue
		}
		if f.methods == nil {
			f.surface = r.surface
		}
		if r.method == method {
			return found{route: r, args: args, surface: r.surface}
		}
		f.methods = append(f.methods, r.method)
	}
	return f
}
