package workflow

import "encoding/json"

// jsonMember reads one top-level scalar of a JSON object, as text; "" when the
// body is something else.
func jsonMember(body, name string) string {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &members) != nil {
		return ""
	}
	raw := members[name]
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}
