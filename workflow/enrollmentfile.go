package workflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"dpslab/profiles"
)

// Members of a file that hold a list, as in the body of a bulk operation.
var enrollmentLists = []string{"enrollments", "enrollmentGroups"}

// ReadEnrollmentFile takes a file of enrollments apart: one record or a list of
// them, as JSON or TOML with the member names of the REST reference. A list is a
// JSON array, JSON objects one after the other, or a member "enrollments" or
// "enrollmentGroups" as in a bulk operation ([[enrollments]] in TOML). An element
// of a JSON array may be a bare ID, which is enough to delete. list tells a list
// of one from a single record. The records are not checked: see
// [ParseEnrollment]. Its error is a *Problem that names the line.
func ReadEnrollmentFile(name string, data []byte) (records []json.RawMessage, list bool, err error) {
	op := "read " + name
	if !looksLikeJSON(data) {
		table, err := enrollmentTOML(data)
		if err != nil {
			return nil, false, &Problem{Kind: Usage, Op: op, Summary: err.Error(), Fix: "It must be JSON or TOML, with the names of the REST reference: registrationId, attestation, …"}
		}
		data = table
	}
	values, err := jsonValues(data)
	if err != nil {
		return nil, false, &Problem{Kind: Usage, Op: op, Summary: err.Error()}
	}
	if len(values) != 1 {
		return values, true, nil
	}
	if records, ok := listWithin(values[0]); ok {
		return records, true, nil
	}
	return values, false, nil
}

// looksLikeJSON tells JSON from TOML, where a line may begin with a bracket too:
// [table] and [[array of tables]].
func looksLikeJSON(data []byte) bool {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || data[0] == '{' || data[0] == '"' {
		return true
	}
	if data[0] != '[' {
		return false
	}
	rest := bytes.TrimLeft(data[1:], " \t\r\n")
	return len(rest) == 0 || bytes.IndexByte([]byte(`{"]`), rest[0]) >= 0
}

// enrollmentTOML is a TOML document as JSON.
func enrollmentTOML(data []byte) ([]byte, error) {
	table, err := profiles.DecodeTable(data)
	if err != nil {
		return nil, err
	}
	return json.Marshal(table)
}

// jsonValues are the values of a JSON text, one after the other.
func jsonValues(data []byte) ([]json.RawMessage, error) {
	var values []json.RawMessage
	d := json.NewDecoder(bytes.NewReader(data))
	for {
		var v json.RawMessage
		switch err := d.Decode(&v); {
		case errors.Is(err, io.EOF) && len(values) == 0:
			return nil, errors.New("it is empty")
		case errors.Is(err, io.EOF):
			return values, nil
		case err != nil:
			at := len(bytes.TrimRight(data, " \t\r\n")) + 1 // where more was expected
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				at = int(syntax.Offset)
			}
			line := 1 + bytes.Count(data[:min(max(at, 0), len(data))], []byte("\n"))
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		values = append(values, v)
	}
}

// listWithin is the list that a value is, or that it holds.
func listWithin(value json.RawMessage) ([]json.RawMessage, bool) {
	var records []json.RawMessage
	if json.Unmarshal(value, &records) == nil && value[0] == '[' {
		return records, true
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(value, &members) != nil {
		return nil, false
	}
	for _, name := range enrollmentLists {
		if held, ok := members[name]; ok && json.Unmarshal(held, &records) == nil {
			return records, true
		}
	}
	return nil, false
}

// EnrollmentIDOf is the ID of a record or of a bare ID in a list; "" when it
// carries none of the kind.
func EnrollmentIDOf(group bool, record json.RawMessage) string {
	var bare string
	if json.Unmarshal(record, &bare) == nil {
		return bare
	}
	var m struct {
		RegistrationID    string `json:"registrationId"`
		EnrollmentGroupID string `json:"enrollmentGroupId"`
	}
	if json.Unmarshal(record, &m) != nil {
		return ""
	}
	if group {
		return m.EnrollmentGroupID
	}
	return m.RegistrationID
}
