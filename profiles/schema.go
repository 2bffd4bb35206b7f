package profiles

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// shape is what may stand under a key.
type shape struct {
	kind kind
	keys map[string]*shape // of a table with known keys
	all  []string          // the same, in the order of the struct
	elem *shape            // of a list, or of a table whose keys are free
}

type kind int

const (
	anyValue kind = iota
	textValue
	integerValue
	booleanValue
	listValue
	tableValue // known keys
	freeTable  // any keys, values of shape elem
)

// expected says what a value of this kind is called.
func (k kind) expected() string {
	switch k {
	case textValue:
		return "a text in quotes"
	case integerValue:
		return "a whole number"
	case booleanValue:
		return "true or false"
	case listValue:
		return "a list of texts"
	case tableValue, freeTable:
		return "a table"
	case anyValue:
	}
	return "a value"
}

// profileShape is the shape of a profile, from the struct's own tags, so that
// the two cannot differ.
var profileShape = sync.OnceValue(func() *shape { return shapeOf(reflect.TypeFor[Profile]()) })

func shapeOf(t reflect.Type) *shape {
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.String:
		return &shape{kind: textValue}
	case reflect.Int:
		return &shape{kind: integerValue}
	case reflect.Bool:
		return &shape{kind: booleanValue}
	case reflect.Slice:
		return &shape{kind: listValue, elem: shapeOf(t.Elem())}
	case reflect.Map:
		return &shape{kind: freeTable, elem: shapeOf(t.Elem())}
	case reflect.Struct:
		s := &shape{kind: tableValue, keys: map[string]*shape{}}
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
			s.keys[name] = shapeOf(f.Type)
			s.all = append(s.all, name)
		}
		return s
	}
	return &shape{kind: anyValue}
}

// complaint is one place where a profile does not fit its shape.
type complaint struct {
	at           []string
	problem, fix string
	unknown      bool // an unknown key
}

// check collects everything that does not fit.
func (s *shape) check(at []string, value any) []complaint {
	switch s.kind {
	case anyValue:
		return nil
	case textValue:
		return s.expect(at, value, is[string](value))
	case integerValue:
		return s.expect(at, value, is[int64](value))
	case booleanValue:
		return s.expect(at, value, is[bool](value))
	case listValue:
		list, ok := value.([]any)
		if !ok {
			return s.expect(at, value, false)
		}
		var found []complaint
		for _, item := range list {
			found = append(found, s.elem.check(at, item)...)
		}
		return found
	case tableValue, freeTable:
	}
	return s.checkTable(at, value)
}

func (s *shape) checkTable(at []string, value any) []complaint {
	table, ok := value.(map[string]any)
	if !ok {
		return s.expect(at, value, false)
	}
	var found []complaint
	for _, name := range sortedKeys(table) {
		below := append(at[:len(at):len(at)], name)
		switch inner := s.keys[name]; {
		case s.kind == freeTable:
			found = append(found, s.elem.check(below, table[name])...)
		case inner == nil:
			found = append(found, complaint{at: below, problem: "unknown key", fix: s.suggest(at, name), unknown: true})
		default:
			found = append(found, inner.check(below, table[name])...)
		}
	}
	return found
}

func (s *shape) expect(at []string, value any, fits bool) []complaint {
	if fits {
		return nil
	}
	return []complaint{{at: at, problem: "must be " + s.kind.expected() + ", but is " + found(value), fix: s.example(at, value)}}
}

// found says what a value is, without the value.
func found(value any) string {
	switch value.(type) {
	case string:
		return "a text"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a fraction"
	case bool:
		return "true or false"
	case time.Time:
		return "a date or time"
	case map[string]any:
		return "a table"
	}
	return "a list"
}

// example shows how a value of the right kind is written.
func (s *shape) example(at []string, value any) string {
	name := visible(at[len(at)-1])
	switch s.kind {
	case textValue:
		return "write it in quotes: " + name + ` = "…"`
	case integerValue:
		if is[string](value) {
			return "write it without quotes: " + name + " = 10"
		}
		return "write " + name + " = 10"
	case booleanValue:
		return "write " + name + " = true or " + name + " = false, without quotes"
	case listValue:
		return "write " + name + ` = ["first", "second"]`
	case tableValue:
		if len(at) == 1 {
			return "write [" + name + "] on a line of its own and its keys below"
		}
		return "write " + name + " = { " + strings.Join(s.all, " = …, ") + " = … }"
	case freeTable, anyValue:
	}
	return "write " + name + ` = { name = "value" }`
}

// knows says whether a key may stand in a profile.
func (s *shape) knows(at []string) bool {
	for _, name := range at {
		if s.kind == freeTable || s.kind == anyValue {
			return true
		}
		if s = s.keys[name]; s == nil {
			return false
		}
	}
	return true
}

// suggest finds what an unknown key may be meant to be.
func (s *shape) suggest(at []string, name string) string {
	if near := nearest(name, s.all); near != "" {
		return "did you mean " + near + "?"
	}
	if near := nearest(normalize(name), secretNames()); near != "" {
		return "did you mean " + secretKeys[near] + "? Only the name of an environment variable belongs there"
	}
	top := profileShape()
	for _, section := range top.all {
		if inner := top.keys[section]; inner.keys[name] != nil {
			return "it belongs under [" + section + "]"
		}
	}
	where := "at the top"
	if len(at) > 0 {
		where = "in " + visible(strings.Join(at, "."))
	}
	return "remove it; known keys " + where + ": " + strings.Join(s.all, ", ")
}

func is[T any](v any) bool { _, ok := v.(T); return ok }

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// nearest is the known key with the smallest edit distance, if that is small
// enough for a slip of the keyboard.
func nearest(name string, known []string) string {
	if len(name) > 64 {
		return "" // nobody mistypes that much, and the distance costs the square
	}
	best, bestDistance := "", max(1, len(name)/3)+1
	for _, k := range known {
		if normalize(k) == normalize(name) {
			return k
		}
		if d := distance(strings.ToLower(name), k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b.
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
