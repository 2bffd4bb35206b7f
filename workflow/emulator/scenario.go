package emulator

import (
	"crypto/tls"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"dpslab/workflow/dps"
)

// Operations that a fault can strike.
const (
	operationConnect       = "connect"  // a new connection, before HTTP
	operationRegister      = "register" // device API
	operationPoll          = "poll"
	operationLookup        = "lookup"
	operationAssign        = "assign"        // how an operation ends
	operationEnrollments   = "enrollments"   // service API: enrollments and groups
	operationRegistrations = "registrations" // service API: registration records
	operationCertificates  = "certificates"  // Resource Manager: CA certificates of DPS
	operationAPIM          = "apim"          // API Management certificates
	operationResources     = "resources"     // Resource Manager: the rest
	operationSend          = "send"          // IoT Hub, device to cloud
	operationReceive       = "receive"       // IoT Hub, cloud to device
	operationRegistry      = "registry"      // IoT Hub, service API
)

var (
	deviceOperations = []string{operationRegister, operationPoll, operationLookup}
	hubOperations    = []string{operationSend, operationReceive}
	allOperations    = slices.Concat(deviceOperations, []string{
		operationEnrollments, operationRegistrations, operationCertificates, operationAPIM, operationResources,
	}, hubOperations, []string{operationRegistry})
)

// unit says what the value of a scenario is.
type unit int

const (
	unitNone unit = iota
	unitDuration
	unitSeconds
	unitStatus
)

func (u unit) String() string {
	return [...]string{"nothing", "a duration like 30s", "a number of seconds", "an HTTP status from 500 to 599"}[u]
}

// Scenario is one thing that can go wrong, under a name.
type Scenario struct {
	Name       string   `json:"name"`
	Title      string   `json:"title"`
	Operations []string `json:"operations"`        // where it can strike
	Default    string   `json:"default,omitempty"` // of the fault's value
	// Passing: a client gets over it by trying again, beginning with register at
	// the latest, and would be right to. Chaos is made of these.
	Passing bool `json:"passing"`
	// Rate is the share of the requests that it strikes when none is asked for,
	// above 0 to 1; 0: all.
	Rate float64 `json:"rate,omitempty"`

	unit    unit
	least   time.Duration // of a value that is a duration
	most    time.Duration
	little  string // the value that chaos uses, where the default is too much
	chaos   bool   // strikes as one of the passing scenarios
	connect func(*Lab, *tls.ClientHelloInfo) (*tls.Config, error)
	request func(*Lab, *call, amount) (done bool, err error)
	meets   func(*call) bool                    // which requests it strikes, and counts; nil: all
	assign  func(*dps.DeviceRegistrationResult) // what it sets stays; a status ends the registration
	vault   bool                                // a Key Vault refuses
	holds   bool                                // an assignment does not end
}

// Everywhere reports whether it can strike each request.
func (s *Scenario) Everywhere() bool {
	return !slices.ContainsFunc(allOperations, func(o string) bool { return !slices.Contains(s.Operations, o) })
}

// Scenarios lists everything that can be switched on.
func Scenarios() []Scenario { return slices.Clone(scenarios) }

func scenarioNamed(name string) *Scenario {
	i := slices.IndexFunc(scenarios, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &scenarios[i]
}

// refuses makes the request part of a scenario that answers with a refusal.
func refuses(make func() *refusal) func(*Lab, *call, amount) (bool, error) {
	return func(*Lab, *call, amount) (bool, error) { return true, make() }
}

// fails makes the assign part of a scenario that ends a registration.
func fails(make func() *refusal) func(*dps.DeviceRegistrationResult) {
	return func(r *dps.DeviceRegistrationResult) {
		f := make()
		r.Status, r.ErrorCode, r.ErrorMessage = dps.StatusFailed, f.code, f.message
	}
}

// hubSays makes a refusal of IoT Hub.
func hubSays(code int, name, message string) func() *refusal {
	return func() *refusal { return &refusal{status: code / 1000, code: code, name: name, message: message} }
}

// serviceSays makes a refusal of any other service; name is for Resource
// Manager's front door and for the hub.
func serviceSays(code int, name, message string) func() *refusal {
	return hubSays(code, name, message)
}

// scenarios is the table. Where the service's own answer is not known, a row of
// guesses has it.
var scenarios = []Scenario{
	{Name: "chaos", Title: "a little of everything that trying again gets over; one request in twenty unless a rate is given", Operations: slices.Concat([]string{operationConnect, operationAssign}, allOperations), Rate: usualChaos, chaos: true},

	{Name: "silent", Title: "connections are accepted and never answered", Operations: []string{operationConnect}, Passing: true, connect: stall},
	{Name: "tls-alert", Title: "the handshake ends with an alert", Operations: []string{operationConnect}, Passing: true, connect: refuseHandshake},
	{Name: "foreign-ca", Title: "the server's certificate is from a CA that nobody knows, as behind a proxy that reads along", Operations: []string{operationConnect}, connect: presentForeign},
	{Name: "expired-server-certificate", Title: "the server's certificate is expired, or the client's clock is ahead", Operations: []string{operationConnect}, connect: presentExpired},
	{Name: "tls12-only", Title: "the server speaks TLS 1.2 and nothing newer", Operations: []string{operationConnect}, Passing: true, connect: capVersion},

	{Name: "delay", Title: "answers come late", Operations: allOperations, Default: "2s", unit: unitDuration, most: 10 * time.Minute, little: "250ms", Passing: true, request: answerLate},
	{Name: "dropped-connection", Title: "the connection is cut instead of an answer", Operations: allOperations, Passing: true, request: cutConnection},
	{Name: "truncated-json", Title: "the answer's JSON ends in the middle", Operations: allOperations, Passing: true, request: truncateAnswer},
	{Name: "wrong-content-type", Title: "the answer says it is HTML", Operations: allOperations, Passing: true, request: mislabelAnswer},
	{Name: "throttled", Title: "429 with Retry-After", Operations: allOperations, Default: "5", unit: unitSeconds, little: "2", Passing: true, request: throttleAll},
	{Name: "server-error", Title: "an answer of 500 or above", Operations: allOperations, Default: "503", unit: unitStatus, Passing: true, request: breakDown},
	{Name: "redirect", Title: "307 to the same path of the instance's own host", Operations: deviceOperations, Passing: true, request: sendElsewhere},
	{Name: "clock-offset", Title: "the service's clock is ahead (negative: behind)", Operations: allOperations, Default: "1h", unit: unitDuration, least: -10 * 365 * 24 * time.Hour, most: 10 * 365 * 24 * time.Hour, request: moveClock},
	{Name: "network-refused", Title: "the caller's network is not allowed", Operations: slices.Concat(deviceOperations, []string{operationEnrollments, operationRegistrations}, hubOperations), request: refuses(networkRefused.plain)},

	{Name: "lower-case-only", Title: "registration IDs with upper case are refused, as in 2018", Operations: []string{operationRegister}, request: wantLowerCase, meets: holdsUpperCase},
	{Name: "expired", Title: "the device's certificate counts as expired", Operations: deviceOperations, request: refuses(certificateRefused.plain)},
	{Name: "concurrent-registration", Title: "another registration of the device is under way", Operations: []string{operationRegister}, Passing: true, request: refuses(concurrentFault.plain)},
	{Name: "lost-operation", Title: "the operation ID is not known any more", Operations: []string{operationPoll}, Passing: true, request: refuses(unknownOperation.plain)},
	{Name: "endless-assigning", Title: "assigning does not end", Operations: []string{operationAssign}, holds: true},
	{Name: "disabled", Title: "the deciding enrollment counts as disabled", Operations: []string{operationAssign}, assign: func(r *dps.DeviceRegistrationResult) { r.Status = dps.StatusDisabled }},
	{Name: "webhook-failure", Title: "the custom allocation webhook fails (400207)", Operations: []string{operationAssign}, Passing: true, assign: fails(func() *refusal { return webhookRefused(http.StatusInternalServerError) })},
	{Name: "no-hub", Title: "no IoT hub is available (400208)", Operations: []string{operationAssign}, assign: fails(noHub.plain)},
	{Name: "stale-hub-link", Title: "the linked hub refuses DPS (400209)", Operations: []string{operationAssign}, assign: fails(staleLink)},
	{Name: "reprovisioned", Title: "substatus reprovisionedToInitialAssignment, which some clients do not know", Operations: []string{operationAssign}, Passing: true, assign: func(r *dps.DeviceRegistrationResult) { r.Substatus = reprovisioned }},

	{Name: "etag-race", Title: "somebody else changed the resource a moment ago", Operations: []string{operationEnrollments, operationRegistrations, operationCertificates, operationAPIM, operationRegistry}, Passing: true, request: loseRace, meets: asksForState},

	{Name: "vault-failure", Title: "Key Vault refuses when a certificate's secret is refreshed", Operations: []string{operationAPIM}, Passing: true, vault: true},

	{Name: "swallow", Title: "the hub says 204 and the message is nowhere to be seen", Operations: []string{operationSend}, request: swallowMessage},
	{Name: "device-not-found", Title: "the hub does not know the device", Operations: hubOperations, request: refuses(hubSays(404001, "DeviceNotFound", "Device not registered"))},
	{Name: "hub-unauthorized", Title: "the hub refuses the device's credential", Operations: hubOperations, request: refuses(thumbprintMismatch.plain)},
	{Name: "device-disabled", Title: "the device is disabled at the hub", Operations: hubOperations, request: refuses(hubDeviceDisabled.plain)},
	{Name: "hub-quota", Title: "the hub's daily quota of messages is used up", Operations: []string{operationSend}, request: refuses(hubSays(403002, "IotHubQuotaExceeded", "Total number of messages on IotHub exceeded the allocated quota"))},
	{Name: "lock-lost", Title: "the lock of a cloud-to-device message is over", Operations: []string{operationReceive}, Passing: true, request: refuses(hubSays(412002, "DeviceMessageLockLost", "The message lock is lost"))},
}

// plain refuses with the row alone.
func (g guess) plain() *refusal { return g.refuse() }

func answerLate(l *Lab, c *call, a amount) (bool, error) {
	l.pause(c, a.duration)
	return false, nil
}

func cutConnection(_ *Lab, c *call, _ amount) (bool, error) {
	c.hangUp()
	return true, nil
}

func truncateAnswer(_ *Lab, c *call, _ amount) (bool, error) {
	c.spoil = func(media string, body []byte) (string, []byte) { return media, body[:len(body)/2] }
	return false, nil
}

func mislabelAnswer(_ *Lab, c *call, _ amount) (bool, error) {
	c.spoil = func(_ string, body []byte) (string, []byte) { return "text/html", body }
	return false, nil
}

func throttleAll(_ *Lab, _ *call, a amount) (bool, error) {
	r := throttled.refuse()
	r.name, r.retryAfter = "ThrottlingException", a.number
	return true, r
}

func breakDown(_ *Lab, _ *call, a amount) (bool, error) {
	return true, serviceSays(a.number*1000, "ServerError", http.StatusText(a.number))()
}

func sendElsewhere(l *Lab, c *call, _ amount) (bool, error) {
	if hostName(c.r.Host) == l.instance().serviceHost() {
		return false, nil // it has arrived
	}
	c.set("Location", "https://"+l.instance().serviceHost()+c.r.URL.RequestURI())
	c.empty(http.StatusTemporaryRedirect)
	return true, nil
}

func moveClock(_ *Lab, c *call, a amount) (bool, error) {
	c.now = c.now.Add(a.duration)
	c.set("Date", c.now.UTC().Format(http.TimeFormat))
	return false, nil
}

func holdsUpperCase(c *call) bool { return strings.ContainsFunc(c.args["id"], unicode.IsUpper) }

func wantLowerCase(*Lab, *call, amount) (bool, error) {
	return true, refuse(400004, "Invalid RegistrationId").because("it holds upper case")
}

// asksForState reports whether a request is on the condition of an entity tag:
// who does not ask for the state cannot lose a race.
func asksForState(c *call) bool {
	tag := c.r.Header.Get("If-Match")
	return tag != "" && bareTag(tag) != anyTag
}

func loseRace(_ *Lab, c *call, _ amount) (bool, error) {
	switch c.surface {
	case managementSurface:
		return true, staleAuthority(c.r.Header.Get("If-Match"))
	case apimSurface:
		return true, staleAPIM()
	case hubSurface:
		return true, staleDevice()
	}
	return true, staleTag.refuse()
}

func swallowMessage(_ *Lab, c *call, _ amount) (bool, error) {
	c.swallow = true
	return false, nil
}

// errHandshake is what the handshake ends with; TLS tells the client no more
// than that there was an error.
var errHandshake = errors.New("the scenario ends the handshake")

func refuseHandshake(*Lab, *tls.ClientHelloInfo) (*tls.Config, error) { return nil, errHandshake }

// stall holds a handshake until the server's own time limit ends it.
func stall(l *Lab, hello *tls.ClientHelloInfo) (*tls.Config, error) {
	select {
	case <-hello.Context().Done():
	case <-l.closing:
	}
	return nil, errHandshake
}

func capVersion(l *Lab, _ *tls.ClientHelloInfo) (*tls.Config, error) {
	config := l.server.TLSConfig.Clone()
	config.MaxVersion, config.GetConfigForClient = tls.VersionTLS12, nil
	return config, nil
}
