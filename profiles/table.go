package profiles

import (
	"errors"
	"fmt"

	"github.com/BurntSushi/toml"
)

// DecodeTable reads any TOML document as it is: the person's files that are no
// profile, such as a list of enrollments. Its errors name the line.
func DecodeTable(data []byte) (map[string]any, error) {
	var table map[string]any
	err := toml.Unmarshal(data, &table)
	var where toml.ParseError
	if errors.As(err, &where) {
		return nil, fmt.Errorf("line %d: %s", where.Position.Line, where.Message)
	}
	return table, err
}
