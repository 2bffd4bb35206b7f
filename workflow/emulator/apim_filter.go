package emulator

import (
	"strings"
)

// filter decides whether a certificate is in a list.
type filter = func(*apimResource) bool

// filterOperand is a field or a value of a $filter.
const (
	filterValue = `(?:'((?:[^']|'')*)'|([^\s'(),]+))`
	filterField = `(name|subject|thumbprint|expirationDate)`
)

var (
	filterCompare  = pattern(`^(?i)\s*` + filterField + `\s+(ge|le|eq|ne|gt|lt)\s+` + filterValue + `\s*$`)
	filterFunction = pattern(`^(?i)\s*(contains|startswith|endswith)\s*\(\s*` + filterField + `\s*,\s*'((?:[^']|'')*)'\s*\)\s*(?:eq\s+true\s*)?$`)
	// substringof has its operands the other way round (OData 2).
	filterSubstring = pattern(`^(?i)\s*substringof\s*\(\s*'((?:[^']|'')*)'\s*,\s*` + filterField + `\s*\)\s*(?:eq\s+true\s*)?$`)
)

// maxFilter bounds a $filter in bytes.
const maxFilter = 2 << 10

// parseFilter reads the $filter of API Management's list: comparisons and
// functions of one field each, joined by and or by or.
func parseFilter(text string) (filter, error) {
	if strings.TrimSpace(text) == "" {
		return func(*apimResource) bool { return true }, nil
	}
	if len(text) > maxFilter {
		return nil, invalidField("$filter", "The filter is too long.")
	}
	var any []filter
	for _, alternative := range splitOutside(text, " or ") {
		var all []filter
		for _, term := range splitOutside(alternative, " and ") {
			f, ok := parseTerm(term)
			if !ok {
				return nil, invalidField("$filter", "The filter is not understood.")
			}
			all = append(all, f)
		}
		any = append(any, func(r *apimResource) bool {
			for _, f := range all {
				if !f(r) {
					return false
				}
			}
			return true
		})
	}
	return func(r *apimResource) bool {
		for _, f := range any {
			if f(r) {
				return true
			}
		}
		return false
	}, nil
}

// splitOutside cuts at a word that stands outside of quotes.
func splitOutside(text, word string) []string {
	var parts []string
	quoted, from := false, 0
	for i := 0; i < len(text); i++ {
		if text[i] == '\'' {
			quoted = !quoted
		}
		if !quoted && i+len(word) <= len(text) && strings.EqualFold(text[i:i+len(word)], word) {
			parts = append(parts, text[from:i])
			from = i + len(word)
			i = from - 1
		}
	}
	return append(parts, text[from:])
}

// parseTerm reads one condition. expirationDate has comparisons only.
func parseTerm(text string) (filter, bool) {
	if m := filterCompare().FindStringSubmatch(text); m != nil {
		return compareWith(m[1], strings.ToLower(m[2]), unquote(m[3]+m[4])), true
	}
	function, field, value := "contains", "", ""
	if m := filterFunction().FindStringSubmatch(text); m != nil {
		function, field, value = strings.ToLower(m[1]), m[2], m[3]
	} else if m := filterSubstring().FindStringSubmatch(text); m != nil {
		field, value = m[2], m[1]
	}
	if field == "" || strings.EqualFold(field, "expirationDate") {
		return nil, false
	}
	value = strings.ToLower(unquote(value))
	return func(r *apimResource) bool {
		have := strings.ToLower(r.field(field))
		switch function {
		case "startswith":
			return strings.HasPrefix(have, value)
		case "endswith":
			return strings.HasSuffix(have, value)
		}
		return strings.Contains(have, value)
	}, true
}

func unquote(value string) string { return strings.ReplaceAll(value, "''", "'") }

// compareWith orders texts without regard to case; the dates of one form order
// as texts do.
func compareWith(field, operator, value string) filter {
	value = strings.ToLower(value)
	return func(r *apimResource) bool {
		order := strings.Compare(strings.ToLower(r.field(field)), value)
		switch operator {
		case "ge":
			return order >= 0
		case "le":
			return order <= 0
		case "eq":
			return order == 0
		case "ne":
			return order != 0
		case "gt":
			return order > 0
		}
		return order < 0
	}
}

// field is the value that a filter's field names.
func (r *apimResource) field(name string) string {
	switch strings.ToLower(name) {
	case "name":
		return r.Name
	case "subject":
		return r.Properties.Subject
	case "thumbprint":
		return r.Properties.Thumbprint
	}
	return r.Properties.ExpirationDate
}
