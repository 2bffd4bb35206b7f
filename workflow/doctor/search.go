package doctor

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"dpslab/workflow/wire"
)

// Finding is advice for an answer or error text that a person has seen.
type Finding struct {
	Advice
	Place string // where such an answer comes from: "DPS, device API", "IoT Hub", …; empty: anywhere
	Sign  string // what in the text it was found by
}

// places are what the services are called.
var places = map[string]string{
	atDevice: "DPS, device API", atService: "DPS, service API", atManagement: "Azure Resource Manager", atHub: "IoT Hub",
	atRegistry: "IoT Hub, service API", atGateway: "API Management",
}

// unauthorized is the code that comes with every refusal of a device's
// certificate; its message tells them apart.
const unauthorized = "401002"

// results are the error codes of a registration that ended in status failed.
var results = []int{400207, 400208, 400209}

// connectSigns are parts of the texts, lower case, in which programs put that no
// answer came.
var connectSigns = []struct {
	sign   string
	reason wire.ConnectReason
}{
	{"no such host", wire.ReasonName},
	{"name or service not known", wire.ReasonName},
	{"enotfound", wire.ReasonName},
	{"could not resolve", wire.ReasonName},
	{"unknown authority", wire.ReasonTrust},
	{"unable to get local issuer", wire.ReasonTrust},
	{"unable to verify the first certificate", wire.ReasonTrust},
	{"self-signed certificate in certificate chain", wire.ReasonTrust},
	{"certificate_verify_failed", wire.ReasonTrust},
	{"connection refused", wire.ReasonRefused},
	{"econnrefused", wire.ReasonRefused},
	{"i/o timeout", wire.ReasonTimeout},
	{"timed out", wire.ReasonTimeout},
	{"etimedout", wire.ReasonTimeout},
	{"deadline exceeded", wire.ReasonTimeout},
	{"handshake failure", wire.ReasonTLS},
	{"protocol version", wire.ReasonTLS},
	{"connection reset", wire.ReasonBroken},
	{"econnreset", wire.ReasonBroken},
}

// hubCodes are the names by which IoT Hub says what is wrong, with the HTTP status
// of such an answer ("Azure IoT Hub error codes" of its documentation). Their
// numbers say less: DPS has some of them too.
var hubCodes = []struct {
	name   string
	status int
}{
	{"DeviceNotFound", http.StatusNotFound},
	{"IotHubUnauthorizedAccess", http.StatusUnauthorized},
	{"IotHubQuotaExceeded", http.StatusForbidden},
	{"DeviceMessageLockLost", http.StatusPreconditionFailed},
	{"ThrottlingException", http.StatusTooManyRequests},
}

// Search finds what is known of a text: an error message, an answer's JSON, a
// line of a log, a code of a service, an HTTP status, or the ID of a rule. What
// says more comes first: a message before a code, a code before a status. None
// means that nothing is known.
func Search(text string) []Finding {
	s := search{text: strings.ToLower(text + " " + fieldsOf(text))}
	s.numbers = numberPattern.FindAllString(s.text, -1)
	for i, n := range s.numbers { // DPS writes its codes for Resource Manager as IH400053
		s.numbers[i] = strings.TrimPrefix(n, "ih")
	}
	s.byRule()
	s.byMessage()
	s.byConnection()
	s.byName()
	s.byResult()
	s.byCode()
	if len(s.found) == 0 {
		s.byStatus()
	}
	return s.found
}

var numberPattern = regexp.MustCompile(`\b(?:ih)?[1-5][0-9]{2}(?:[0-9]{3})?\b`)

// fieldsOf is what the error members of a JSON text hold, in plain words: JSON
// writes some characters of a message as escapes.
func fieldsOf(text string) string {
	begin := strings.IndexByte(text, '{')
	if begin < 0 {
		return ""
	}
	var members map[string]any
	if json.NewDecoder(strings.NewReader(text[begin:])).Decode(&members) != nil {
		return ""
	}
	var words []string
	for _, name := range []string{"message", "Message", "ExceptionMessage", "errorMessage", "code"} {
		if v, ok := members[name].(string); ok {
			words = append(words, v)
		}
	}
	return strings.Join(words, " ")
}

type search struct {
	text    string
	numbers []string
	found   []Finding
}

func (s *search) add(a Advice, service, sign string) {
	if a.Why == "" || slices.ContainsFunc(s.found, func(f Finding) bool { return f.Why == a.Why }) {
		return
	}
	s.found = append(s.found, Finding{Advice: a, Place: places[service], Sign: sign})
}

func (s *search) addRule(r rule, sign string) {
	s.add(Advice{Rule: r.id, Why: r.why, Fix: r.fix}, r.service, sign)
}

// byRule takes a text that is the ID of a rule.
func (s *search) byRule() {
	id := strings.ToUpper(strings.TrimSpace(s.text))
	for _, r := range rules {
		if r.id != "" && r.id == id {
			s.addRule(r, "rule "+id)
		}
	}
	for _, code := range results {
		if a := ExplainRegistration("failed", code); a.Rule == id {
			s.add(a, atDevice, "rule "+id)
		}
	}
	if a := ExplainRegistration("disabled", 0); a.Rule == id {
		s.add(a, atDevice, "rule "+id)
	}
	for _, a := range connectSigns {
		if advice := connectAdvice[a.reason]; advice.Rule == id {
			s.add(advice, "", "rule "+id)
		}
	}
}

func (s *search) byMessage() {
	for _, r := range rules {
		if r.message != "" && strings.Contains(s.text, r.message) {
			s.addRule(r, r.message)
		}
	}
	if strings.Contains(s.text, "thumbprint does not match") || strings.Contains(s.text, "401003") {
		s.add(explainAnswer(atHub, "", http.StatusUnauthorized, "", ""), atHub, "the hub's thumbprint")
	}
}

func (s *search) byConnection() {
	for _, c := range connectSigns {
		if holdsWords(s.text, c.sign) {
			s.add(connectAdvice[c.reason], "", c.sign)
		}
	}
}

// holdsWords says whether a text holds words that are not the middle of longer
// ones: DeviceNotFound has nothing to do with ENOTFOUND.
func holdsWords(text, words string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], words)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(words)
		if (begin == 0 || !isLetter(text[begin-1])) && (end == len(text) || !isLetter(text[end])) {
			return true
		}
		from = begin + 1
	}
}

// isLetter knows the letters of a text in lower case.
func isLetter(b byte) bool { return 'a' <= b && b <= 'z' }

// byName takes codes that are words.
func (s *search) byName() {
	for _, r := range rules {
		if r.code != "" && !isDigit(r.code[0]) && holdsWords(s.text, strings.ToLower(r.code)) {
			s.addRule(r, "code "+r.code)
		}
	}
	for _, c := range hubCodes {
		if holdsWords(s.text, strings.ToLower(c.name)) {
			s.add(explainAnswer(atHub, "", c.status, "", ""), atHub, "code "+c.name)
		}
	}
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// byResult takes what ends a registration without an HTTP error.
func (s *search) byResult() {
	for _, code := range results {
		if n := strconv.Itoa(code); slices.Contains(s.numbers, n) {
			s.add(ExplainRegistration("failed", code), atDevice, "code "+n)
		}
	}
	if slices.Contains(strings.FieldsFunc(s.text, func(r rune) bool { return r < 'a' || r > 'z' }), "disabled") {
		s.add(ExplainRegistration("disabled", 0), atDevice, "status disabled")
	}
}

func (s *search) byCode() {
	said := len(s.found) > 0
	for _, r := range rules {
		code := r.code
		if r.message != "" && r.service == atDevice && !said {
			code = unauthorized // the message would say which
		}
		if code != "" && slices.Contains(s.numbers, code) && !(said && code == unauthorized) {
			s.addRule(r, "code "+code)
		}
	}
}

// byStatus takes an HTTP status alone, or that of a code which is not known.
func (s *search) byStatus() {
	for _, n := range s.numbers {
		status, err := strconv.Atoi(n[:3])
		if err != nil {
			continue
		}
		for _, r := range rules {
			if r.status == status || r.status == 500 && status > 500 || len(r.code) > 3 && r.code[:3] == n[:3] && len(n) == 3 {
				s.addRule(r, "status "+n[:3])
			}
		}
	}
}
