package profiles

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Parse reads the text of a profile. It is strict: a secret, bad TOML, another
// version, an unknown key or a value of the wrong type is an [*Error] with its
// place and the way out. Of several errors it reports the first in the file.
// path is for error texts only. Whether the values make sense is asked elsewhere.
func Parse(path string, data []byte) (*Document, error) {
	keys := scan(data)
	if e := findSecret(path, data, keys); e != nil {
		return nil, e
	}
	var tree map[string]any
	if _, err := toml.Decode(string(data), &tree); err != nil {
		return nil, syntaxError(path, bytes.TrimPrefix(data, []byte("\ufeff")), err)
	}
	if e := findDecodedSecret(path, data, keys, nil, tree); e != nil {
		return nil, e
	}
	if e := checkVersion(path, data, keys, tree); e != nil {
		return nil, e
	}
	if e := firstComplaint(path, data, keys, profileShape().check(nil, tree)); e != nil {
		return nil, e
	}
	p := &Profile{}
	if _, err := toml.Decode(string(data), p); err != nil {
		return nil, decodeError(path, data, err, "write a value of the right kind")
	}
	return &Document{Profile: p, Path: path, Source: data}, nil
}

func checkVersion(path string, data []byte, keys []key, tree map[string]any) *Error {
	at := []string{"version"}
	value, ok := tree["version"]
	version, isNumber := value.(int64)
	switch {
	case !ok:
		return newError(path, data, keys, at, "missing", fmt.Sprintf("write version = %d as the first line", Version))
	case !isNumber:
		return newError(path, data, keys, at, "must be a whole number, but is "+found(value), fmt.Sprintf("write version = %d", Version))
	case version > Version:
		return newError(path, data, keys, at, fmt.Sprintf("format %d is newer than this dpslab, which reads format %d", version, Version), "use a newer dpslab")
	case version != Version:
		return newError(path, data, keys, at, fmt.Sprintf("there is no format %d", version), fmt.Sprintf("write version = %d", Version))
	}
	return nil
}

// firstComplaint reports the one that stands first in the file.
func firstComplaint(path string, data []byte, keys []key, all []complaint) *Error {
	if len(all) == 0 {
		return nil
	}
	offsets := make(map[string]int, len(keys))
	for _, k := range slices.Backward(keys) { // so that the first place of a key stays
		offsets[k.id()] = k.offset
	}
	offset := func(c complaint) int { return offsets[key{path: c.at}.id()] }
	first := slices.MinFunc(all, func(a, b complaint) int { return cmp.Compare(offset(a), offset(b)) })
	e := newError(path, data, keys, first.at, first.problem, first.fix)
	_, _, line := locate(data, offset(first))
	if first.unknown && strings.Contains(line, "=") { // nobody knows what its value is; a table's header has none
		e.Snippet = withoutValue(line)
	}
	return e
}
