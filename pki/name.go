package pki

import (
	"fmt"
	"slices"
	"strings"
)

// nameText is a distinguished name as openssl x509 prints it, but with letters
// beyond ASCII as they are: C = DE, O = "Contoso, Inc.", CN = a.
func nameText(rawName []byte) string {
	var out []string
	for _, set := range nameParts(rawName) {
		var one []string
		for _, part := range set {
			one = append(one, attributeName(part.Type)+" = "+visible(quoted(fmt.Sprint(part.Value))))
		}
		out = append(out, strings.Join(one, " + "))
	}
	return strings.Join(out, ", ")
}

// quoted puts a value that could be mistaken for more than one into quotation
// marks (OpenSSL's ASN1_STRFLGS_ESC_QUOTE).
func quoted(value string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
	if strings.ContainsAny(value, `,+<>;`) || strings.HasPrefix(value, "#") || strings.TrimSpace(value) != value {
		return `"` + escaped + `"`
	}
	return escaped
}

// distinguishedName is a name in the one form that JSON output has, RFC 4514:
// the most specific part first, special characters behind a backslash:
// CN=device-01,O=Contoso\, Inc.
func distinguishedName(rawName []byte) string {
	var out []string
	for _, set := range slices.Backward(nameParts(rawName)) {
		var one []string
		for _, part := range set {
			one = append(one, attributeName(part.Type)+"="+visible(escapedValue(fmt.Sprint(part.Value))))
		}
		out = append(out, strings.Join(one, "+"))
	}
	return strings.Join(out, ",")
}

// CommonNameDN is a common name as a distinguished name in the form of JSON
// output: "CN=device-01".
func CommonNameDN(cn string) string { return "CN=" + visible(escapedValue(cn)) }

// special are the characters that a backslash goes before.
const special = "\\\"+,;<>"

// escapedValue is RFC 4514 section 2.4.
func escapedValue(value string) string {
	escaped := value
	if strings.ContainsAny(value, special) { // few names; a replacer is 12 KiB
		escaped = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `+`, `\+`, `,`, `\,`, `;`, `\;`, `<`, `\<`, `>`, `\>`).Replace(value)
	}
	switch {
	case strings.HasPrefix(value, " "), strings.HasPrefix(value, "#"):
		escaped = `\` + escaped
	}
	if strings.HasSuffix(value, " ") && len(value) > 1 {
		escaped = escaped[:len(escaped)-1] + `\ `
	}
	return escaped
}
