package emulator

// Cover says how the symptom of one diagnostic rule is to be had in the lab.
// Exactly one of its last three fields is set.
type Cover struct {
	Rule string
	// Scenario is what to switch on.
	Scenario string
	// Recipe is what to do instead: the lab refuses it as the service does.
	Recipe string
	// Impossible is why no emulator can produce it.
	Impossible string
}

const (
	clientSide   = "happens before anything is sent"
	otherClients = "a defect of another client library"
)

// ruleCovers is the table of all rules, in their order.
var ruleCovers = []Cover{
	{Rule: "F01", Impossible: clientSide},
	{Rule: "F02", Impossible: clientSide},
	{Rule: "F03", Impossible: clientSide},
	{Rule: "F04", Recipe: "register with a path that lacks the registration ID"},
	{Rule: "F05", Recipe: "show a certificate whose common name is not the registration ID"},
	{Rule: "F06", Recipe: "register an ID that ends with a dot"},
	{Rule: "F07", Scenario: "lower-case-only"},
	{Rule: "F08", Recipe: "show a device certificate that is a CA"},
	{Rule: "F09", Recipe: "show a device certificate without clientAuth"},
	{Rule: "F10", Scenario: "expired"},
	{Rule: "F11", Impossible: "a warning about the future; today the service says yes"},
	{Rule: "F12", Recipe: "show the leaf of a group alone"},
	{Rule: "F13", Impossible: "harmless: the service says yes"},
	{Rule: "F14", Recipe: "make the CA again under the same name and show a leaf of the new one"},
	{Rule: "F15", Impossible: "the limit is in the device's own TLS library"},
	{Rule: "F16", Impossible: clientSide},
	{Rule: "F17", Impossible: "a warning about files; the service's answer is not known"},
	{Rule: "F18", Recipe: "compare the enrollment's SHA-1 thumbprint with the hub's SHA-256 one"},

	{Rule: "N01", Scenario: "clock-offset"},
	{Rule: "N02", Impossible: "the name is resolved elsewhere"},
	{Rule: "N03", Scenario: "silent"},
	{Rule: "N04", Scenario: "foreign-ca"},
	{Rule: "N05", Impossible: "Go's TLS server cannot ask for a renegotiation; the wire package's test runs openssl s_server for it"},
	{Rule: "N06", Scenario: "tls12-only"},
	{Rule: "N07", Scenario: "network-refused"},
	{Rule: "N08", Impossible: "a mistake inside the client"},
	{Rule: "N09", Impossible: otherClients},

	{Rule: "R01", Recipe: "register a device whose CA was never uploaded"},
	{Rule: "R02", Recipe: "show another certificate than the enrolled one"},
	{Rule: "R03", Recipe: "enroll one CA and show a chain of another with the same name"},
	{Rule: "R04", Recipe: "delete the enrollment and register"},
	{Rule: "R05", Scenario: "stale-hub-link"},
	{Rule: "R06", Recipe: "register without a certificate"},
	{Rule: "R07", Recipe: "send another registration ID in the body than in the path"},
	{Rule: "R08", Recipe: "use another ID scope"},
	{Rule: "R09", Recipe: "read an enrollment that is not there"},
	{Rule: "R10", Scenario: "no-hub"},
	{Rule: "R11", Scenario: "stale-hub-link"},
	{Rule: "R12", Scenario: "disabled"},
	{Rule: "R13", Recipe: "look up an enrolled device that never registered"},
	{Rule: "R14", Scenario: "endless-assigning"},
	{Rule: "R15", Scenario: "throttled"},
	{Rule: "R16", Scenario: "concurrent-registration"},
	{Rule: "R17", Scenario: "webhook-failure"},
	{Rule: "R18", Recipe: "register again with updateHubAssignment false after the enrollment's hub changed"},
	{Rule: "R19", Recipe: "register again with migrateDeviceData false after the enrollment's hub changed"},
	{Rule: "R20", Recipe: "make a disabled individual enrollment for a device of a group"},
	{Rule: "R21", Scenario: "server-error"},
	{Rule: "R22", Recipe: "register with Content-Type text/plain"},
	{Rule: "R23", Scenario: "redirect"},

	{Rule: "M01", Scenario: "etag-race"},
	{Rule: "M02", Recipe: "verify with a certificate that another key signed"},
	{Rule: "M03", Recipe: "generate a second code and verify with the first"},
	{Rule: "M04", Recipe: "upload with api-version 2018-01-22 and isVerified"},
	{Rule: "M05", Recipe: "upload text that is no certificate"},
	{Rule: "M06", Recipe: "create an enrollment without attestation"},
	{Rule: "M07", Recipe: "create a custom enrollment without a webhook"},
	{Rule: "M08", Recipe: "call the service API with the hub's policy"},
	{Rule: "M09", Scenario: "etag-race"},
	{Rule: "M10", Recipe: "upload 26 CA certificates"},
	{Rule: "M11", Impossible: otherClients},
	{Rule: "M12", Impossible: otherClients},

	{Rule: "H01", Recipe: "renew the leaf and send without registering again"},
	{Rule: "H02", Scenario: "device-not-found"},
	{Rule: "H03", Scenario: "hub-unauthorized"},
	{Rule: "H04", Scenario: "swallow"},
	{Rule: "H05", Recipe: "give the enrollment a deviceId and send as the registration ID"},
}

// Covers lists, for every diagnostic rule, how its symptom is to be had.
func Covers() []Cover { return append([]Cover(nil), ruleCovers...) }
