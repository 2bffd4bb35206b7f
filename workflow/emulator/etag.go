package emulator

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// quotedTag makes the entity tag of an enrollment: a GUID-like token with its
// double quotes, as "130…-0000-0300-0000-62d1d5e50000".
func quotedTag(n uint64, now time.Time) string {
	return fmt.Sprintf(`"%08x-%04x-0300-0000-%08x0000"`, uint32(n), uint16(n>>32), uint32(now.Unix()))
}

// registrationTag makes the entity tag of a registration: base64 of a quoted
// token.
func registrationTag(n uint64, now time.Time) string {
	return base64.StdEncoding.EncodeToString([]byte(quotedTag(n, now)))
}

// counterTag makes the entity tag of a resource or a twin: base64 of eight
// bytes, as "AAAAAAExpNs=".
func counterTag(n uint64) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, n))
}

// anyTag is the wildcard of If-Match.
const anyTag = "*"

// bareTag takes the dress off an entity tag. Clients send it raw, quoted once
// more, with escaped quotes, or as a weak tag, and all mean the same.
func bareTag(tag string) string {
	undress := func(s string) string {
		return strings.TrimFunc(s, func(r rune) bool { return r == '"' || r == '\\' || unicode.IsSpace(r) })
	}
	return undress(strings.TrimPrefix(strings.TrimSpace(tag), "W/"))
}

// tagMatches reports whether the value of If-Match admits a change of a record
// whose entity tag is current.
func tagMatches(ifMatch, current string) bool {
	given := bareTag(ifMatch)
	return given == anyTag || given == bareTag(current)
}

// registrationTagMatches is tagMatches for a registration, whose tag is base64:
// some clients decode it before they send it back.
func registrationTagMatches(ifMatch, current string) bool {
	decoded, err := base64.StdEncoding.DecodeString(current)
	return tagMatches(ifMatch, current) || err == nil && tagMatches(ifMatch, string(decoded))
}
