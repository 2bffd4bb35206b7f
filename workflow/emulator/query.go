package emulator

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// Page sizes of a query.
const (
	defaultPage = 100
	maxPage     = 1000
)

// wholeBucket is the size of a page that holds everything.
const wholeBucket = int(^uint(0) >> 1)

// page is one page of a query. Its continuation token holds the page size and
// where to go on, so that a client may lose either header between pages.
type page struct {
	size int
	from string // key of the first item
}

func (p page) token() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(p.size) + " " + p.from))
}

// readPage reads the paging headers.
func readPage(h http.Header) (page, error) {
	p := page{size: defaultPage}
	if token := h.Get("x-ms-continuation"); token != "" {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		size, from, ok := strings.Cut(string(raw), " ")
		n, numberErr := strconv.Atoi(size)
		if err != nil || !ok || numberErr != nil || n < 1 || n > maxPage {
			return p, badContinuation.refuse()
		}
		p = page{size: n, from: from}
	}
	if text := h.Get("x-ms-max-item-count"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n == 0 {
			return p, invalid("x-ms-max-item-count is not a positive number")
		}
		if n > 0 { // -1 leaves the size to the service
			p.size = min(n, maxPage)
		}
	}
	return p, nil
}

// walk gives the keys of one page of a bucket, those with a prefix, without it.
// The second value is where the next page begins, empty after the last.
func walk(t *tx, b bucket, prefix string, p page) (keys []string, next string) {
	cursor := t.cursor(b)
	for raw, _ := cursor.Seek([]byte(prefix + p.from)); raw != nil; raw, _ = cursor.Next() {
		key, ok := strings.CutPrefix(string(raw), prefix)
		if !ok {
			break
		}
		if len(keys) == p.size {
			return keys, key
		}
		keys = append(keys, key)
	}
	return keys, ""
}

// answerPage answers one page with a bare array; the continuation is a header,
// and a page without one is the last. show makes the item for a key, nil to
// leave it out.
func (l *Lab) answerPage(c *call, itemType string, b bucket, prefix string, show func(*tx, string) (any, error)) error {
	p, err := readPage(c.r.Header)
	if err != nil {
		return err
	}
	next := ""
	items, err := read(l.store, func(t *tx) ([]any, error) {
		var keys []string
		keys, next = walk(t, b, prefix, p)
		items := make([]any, 0, len(keys))
		for _, key := range keys {
			item, err := show(t, key)
			if err != nil {
				return nil, err
			}
			if item != nil {
				items = append(items, item)
			}
		}
		return items, nil
	})
	if err != nil {
		return err
	}
	c.set("x-ms-item-type", itemType)
	c.set("x-ms-max-item-count", strconv.Itoa(p.size))
	if next != "" {
		c.set("x-ms-continuation", page{p.size, next}.token())
	}
	c.json(http.StatusOK, items)
	return nil
}

// wholeQuery is what asks for everything: "*", "SELECT *" with whatever follows,
// and the text that az makes of its own query object.
var wholeQuery = pattern(`(?is)^\s*(?:(?:select\s+)?\*|\{'additional_properties':.*'query':\s*'\s*(?:select\s+)?\*.*\}\s*$)`)

// checkQuery looks at the text of a query in a strict lab alone (guess
// queryText): clients send it in many shapes, and all of them mean everything.
func (l *Lab) checkQuery(c *call) error {
	if !l.forbids(queryText) {
		return nil
	}
	var body struct{ Query string }
	if err := c.jsonBody(&body); err != nil {
		return err
	}
	if !wholeQuery().MatchString(body.Query) {
		return queryText.refuse()
	}
	return nil
}

// queryEntries answers POST /enrollments/query and /enrollmentGroups/query.
func queryEntries(k kind) handler {
	return func(l *Lab, c *call) error {
		if err := l.authorize(c, rightEnrollmentRead); err != nil {
			return err
		}
		if err := l.checkQuery(c); err != nil {
			return err
		}
		return l.answerPage(c, string(k), k.bucket(), "", func(t *tx, key string) (any, error) {
			e, err := getEntryRecord(t, entryRef{k, key})
			if err != nil {
				return nil, err
			}
			return l.showEntry(t, e)
		})
	}
}

// queryRegistrations answers POST /registrations/{enrollmentGroupId}/query.
func (l *Lab) queryRegistrations(c *call) error {
	if err := l.authorize(c, rightRegistrationRead); err != nil {
		return err
	}
	prefix := memberKey(c.args["id"], "")
	return l.answerPage(c, "deviceRegistration", bucketMembers, prefix, func(t *tx, key string) (any, error) {
		r, err := getRegistrationRecord(t, key)
		if err != nil || r == nil {
			return nil, err
		}
		return r.forService(), nil
	})
}
