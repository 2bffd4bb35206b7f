package dps

import (
	"bytes"
	"encoding/json"
	"strings"
)

// What a service sends and this package does not know survives a change of the
// record: each record keeps the JSON that it was read from, and is written as
// that JSON with the changed members in place.

// origin is the JSON that a record was read from. It is behind a pointer to a
// string, because fmt follows that nowhere and there are keys in it.
type origin = *string

func originOf(raw []byte) origin {
	text := string(raw)
	return &text
}

// UnmarshalJSON reads the record and keeps the text, for members that have no
// field here.
func (e *IndividualEnrollment) UnmarshalJSON(raw []byte) error {
	type plain IndividualEnrollment
	var p plain
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	*e = IndividualEnrollment(p)
	e.origin = originOf(raw)
	return nil
}

// MarshalJSON writes the record over the JSON that it was read from.
func (e IndividualEnrollment) MarshalJSON() ([]byte, error) {
	type plain IndividualEnrollment
	return overOrigin(plain(e), plain{}, e.origin)
}

// UnmarshalJSON reads the record and keeps the text, for members that have no
// field here.
func (g *EnrollmentGroup) UnmarshalJSON(raw []byte) error {
	type plain EnrollmentGroup
	var p plain
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	*g = EnrollmentGroup(p)
	g.origin = originOf(raw)
	return nil
}

// MarshalJSON writes the record over the JSON that it was read from.
func (g EnrollmentGroup) MarshalJSON() ([]byte, error) {
	type plain EnrollmentGroup
	return overOrigin(plain(g), plain{}, g.origin)
}

// overOrigin writes now over what it was read from; empty is where that is read to, to learn
// which of its members have a field.
func overOrigin[T any](now, empty T, from origin) ([]byte, error) {
	raw, err := json.Marshal(now)
	if err != nil || from == nil {
		return raw, err
	}
	if err := json.Unmarshal([]byte(*from), &empty); err != nil {
		return nil, err
	}
	before, err := json.Marshal(empty)
	if err != nil {
		return nil, err
	}
	return overlay(json.RawMessage(*from), before, raw)
}

// overlay gives text with the difference between before and now applied.
// before is as much of text as is understood. What did not change keeps its
// text, numbers of any size included.
func overlay(text, before, now json.RawMessage) (json.RawMessage, error) {
	if bytes.Equal(before, now) {
		return text, nil
	}
	from, was, is := object(text), object(before), object(now)
	if from == nil || was == nil || is == nil {
		return now, nil
	}
	understood := make(map[string]string, len(was)) // JSON names match whatever their case
	for name := range was {
		understood[strings.ToLower(name)] = name
	}
	for spelled, value := range from {
		name, known := understood[strings.ToLower(spelled)]
		if !known {
			if _, given := is[spelled]; !given {
				is[spelled] = value
			}
			continue
		}
		if _, kept := is[name]; !kept {
			continue
		}
		merged, err := overlay(value, was[name], is[name])
		if err != nil {
			return nil, err
		}
		is[name] = merged
	}
	return json.Marshal(is)
}

// object takes an object apart; nil is for anything else.
func object(raw json.RawMessage) map[string]json.RawMessage {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m
}
