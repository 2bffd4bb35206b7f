package pki

import (
	"cmp"
	"slices"
)

// Severity says how much a [Finding] matters.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // DPS or a TLS library refuses it
	SeverityWarning Severity = "warning" // it works now, or elsewhere it does not
	SeverityInfo    Severity = "info"    // worth knowing
)

// Finding is one thing that a check of files found.
type Finding struct {
	Rule        string   `json:"rule"` // F01 to F18
	Severity    Severity `json:"severity"`
	File        string   `json:"file"`
	Certificate int      `json:"certificate,omitempty"` // position in the file, from 1
	Observed    string   `json:"observed"`              // one sentence
	Why         string   `json:"why"`                   // why it matters at DPS
	Fix         string   `json:"fix"`                   // a command where one exists
}

// Rule is one of the rules on files and identity.
type Rule struct{ ID, Title, Why string }

// Rules are what [Verify] checks, in the order of their IDs. Why is the default
// for a [Finding].
func Rules() []Rule { return slices.Clone(rules) }

var rules = []Rule{
	{"F01", "key and certificate", "TLS needs the private key of the certificate that is presented; with another the handshake fails before DPS sees anything."},
	{"F02", "what the file is", "Clients load PEM; a file that is something else fails with \"no start line\" or is passed over."},
	{"F03", "pass phrases", "A key that cannot be opened cannot be used; a client without a terminal hangs at the prompt or fails."},
	{"F04", "common name", "DPS takes the registration ID from the common name of the device certificate."},
	{"F05", "name and registration ID", "DPS compares the common name with the registration ID in the URL, and answers 401 when they differ."},
	{"F06", "registration ID", "DPS answers 400004 to a registration ID outside its rules."},
	{"F07", "upper case", "DPS ignores case, but hubs, scripts and IoT Edge compare it."},
	{"F08", "CA as a device", "DPS refuses a CA certificate as a device certificate (401002), although every chain check accepts it."},
	{"F09", "purpose", "DPS and TLS want a version 3 certificate that allows client authentication and digital signatures."},
	{"F10", "validity", "DPS refuses a chain in which any element has run out or is not yet valid (401002 Invalid certificate)."},
	{"F11", "short life", "A device that is away for longer than its certificate lives cannot come back."},
	{"F12", "chain", "For a group the device must present its certificate and every CA up to a verified one, in order (401002 CA certificate not found)."},
	{"F13", "root in the chain", "The root may be left out when the intermediate CA is verified at DPS; it costs bytes in each handshake."},
	{"F14", "same name, other key", "The CA was made anew under its old name: names fit, signatures do not, and DPS finds no match."},
	{"F15", "size", "A large chain overflows the TLS buffers of small devices, while it works everywhere else."},
	{"F16", "who can read the key", "Whoever reads the private key is the device."},
	{"F17", "weak or doubled", "Old hashes, short RSA keys and serial numbers used twice are refused by newer TLS stacks."},
	{"F18", "thumbprints", "DPS and the portal show SHA-1, IoT Hub keeps SHA-256: compare like with like."},
}

func ruleWhy(id string) string {
	for _, r := range rules {
		if r.ID == id {
			return r.Why
		}
	}
	return ""
}

// Worst is the highest severity among findings, empty without any.
func Worst(findings []Finding) Severity {
	worst := Severity("")
	for _, f := range findings {
		if severityRank(f.Severity) > severityRank(worst) {
			worst = f.Severity
		}
	}
	return worst
}

func severityRank(s Severity) int {
	return slices.Index([]Severity{"", SeverityInfo, SeverityWarning, SeverityError}, s)
}

// sortFindings puts the worst first, then goes by rule, file and position.
func sortFindings(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			severityRank(b.Severity)-severityRank(a.Severity),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.File, b.File), a.Certificate-b.Certificate,
		)
	})
}
