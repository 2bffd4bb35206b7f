package workflow

import "dpslab/workflow/doctor"

// Explanation is what usually lies behind an answer or an error text.
type Explanation struct {
	Rule  string `json:"rule,omitempty"`  // diagnostic rule, "R02"
	Place string `json:"place,omitempty"` // who gives such an answer: "DPS, device API"
	Sign  string `json:"sign"`            // what in the text it was found by
	Why   string `json:"why"`
	Fix   string `json:"fix"`
}

// Explain finds what is known of a text that a person has seen: an error
// message, an answer's JSON, a line of a log, a code, an HTTP status, the ID of
// a rule. The likeliest comes first; none means that nothing is known.
func Explain(text string) []Explanation {
	var all []Explanation
	for _, f := range doctor.Search(text) {
		all = append(all, Explanation{Rule: f.Rule, Place: f.Place, Sign: f.Sign, Why: f.Why, Fix: f.Fix})
	}
	return all
}
