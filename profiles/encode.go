package profiles

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Encode writes a profile as TOML: sections in a fixed order with a blank line
// between them, what is below a section in one line each. (The TOML library
// always makes tables of their own of those, which nobody would write by hand.)
// The error is about a value in InitialTwin that TOML cannot hold.
func Encode(p *Profile) ([]byte, error) {
	var b strings.Builder
	v := reflect.ValueOf(*p)
	for i := range v.NumField() {
		name, omitEmpty := tag(v.Type().Field(i))
		field := v.Field(i)
		if omitEmpty && empty(field) {
			continue
		}
		if field.Kind() != reflect.Struct {
			if err := pair(&b, name, field); err != nil {
				return nil, err
			}
			continue
		}
		fmt.Fprintf(&b, "\n[%s]\n", name)
		for j := range field.NumField() {
			key, omitEmpty := tag(field.Type().Field(j))
			if omitEmpty && empty(field.Field(j)) {
				continue
			}
			if err := pair(&b, key, field.Field(j)); err != nil {
				return nil, fmt.Errorf("%s.%w", name, err)
			}
		}
	}
	return []byte(b.String()), nil
}

func tag(f reflect.StructField) (name string, omitEmpty bool) {
	name, rest, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return name, rest == "omitempty"
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	}
	return v.IsZero()
}

func pair(b *strings.Builder, name string, v reflect.Value) error {
	b.WriteString(quoteKey(name) + " = ")
	if err := value(b, v, 0); err != nil {
		return fmt.Errorf("%s: %w", quoteKey(name), err)
	}
	b.WriteByte('\n')
	return nil
}

// value writes a value in one line.
func value(b *strings.Builder, v reflect.Value, deep int) error {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if deep > maxDeep {
		return fmt.Errorf("nested more than %d levels deep", maxDeep)
	}
	if !v.IsValid() {
		return errors.New("TOML has no null: leave the key out")
	}
	if t, ok := v.Interface().(time.Time); ok {
		b.WriteString(t.Format(time.RFC3339Nano))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		b.WriteString(quote(v.String()))
	case reflect.Bool:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		b.WriteString(strconv.FormatInt(v.Int(), 10))
	case reflect.Float32, reflect.Float64:
		b.WriteString(float(v.Float()))
	case reflect.Slice:
		return list(b, v, deep)
	case reflect.Map, reflect.Struct:
		return inlineTable(b, v, deep)
	default:
		return fmt.Errorf("TOML has no %s", v.Type())
	}
	return nil
}

func list(b *strings.Builder, v reflect.Value, deep int) error {
	b.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := value(b, v.Index(i), deep+1); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

func inlineTable(b *strings.Builder, v reflect.Value, deep int) error {
	names, values, err := members(v)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		b.WriteString("{}")
		return nil
	}
	for i, name := range names {
		before := ", "
		if i == 0 {
			before = "{ "
		}
		b.WriteString(before + quoteKey(name) + " = ")
		if err := value(b, values[i], deep+1); err != nil {
			return fmt.Errorf("%s: %w", quoteKey(name), err)
		}
	}
	b.WriteString(" }")
	return nil
}

// members lists a struct's fields in their order, or a map's entries by name.
func members(v reflect.Value) (names []string, values []reflect.Value, err error) {
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			name, _ := tag(v.Type().Field(i))
			names, values = append(names, name), append(values, v.Field(i))
		}
		return names, values, nil
	}
	if v.Type().Key().Kind() != reflect.String {
		return nil, nil, fmt.Errorf("TOML has no %s", v.Type())
	}
	for _, k := range v.MapKeys() {
		names = append(names, k.String())
	}
	slices.Sort(names)
	for _, name := range names {
		values = append(values, v.MapIndex(reflect.ValueOf(name).Convert(v.Type().Key())))
	}
	return names, values, nil
}

// float keeps the point or exponent that makes a TOML number a float.
func float(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.ToLower(fmt.Sprintf("%+v", f))
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

func quoteKey(s string) string {
	for i := range len(s) {
		if !bare(s[i]) || s[i] >= 0x80 {
			return Quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

// quote prefers the literal form for a text with double quotes in it, such as
// JSON.
func quote(s string) string {
	plain := !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == '\'' || r == 0x7f })
	if plain && strings.ContainsAny(s, `"\`) {
		return "'" + s + "'"
	}
	return Quote(s)
}

// Quote writes a basic string of TOML 1.0, in its quotes: control characters
// are escaped, everything else stands as it is.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// unescape reads a basic string's inside; what it cannot read it leaves.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	if plain, err := strconv.Unquote(`"` + s + `"`); err == nil {
		return plain
	}
	return s
}
