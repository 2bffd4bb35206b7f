package iothub

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// MaxMessage is the largest message in bytes, body and properties together. It
// is also the largest batch.
const MaxMessage = 256 << 10

// Message is a device-to-cloud message.
type Message struct {
	Body            []byte
	ContentType     string            // system property content-type, also sent as Content-Type
	ContentEncoding string            // system property content-encoding: utf-8, utf-16 or utf-32
	MessageID       string            // system property message-id
	CorrelationID   string            // system property correlation-id
	UserID          string            // system property user-id
	Created         time.Time         // system property creation-time-utc; zero: none
	Properties      map[string]string // application properties; names and values are ASCII
}

// Prefix of the headers that carry application properties.
const appPrefix = "iothub-app-"

// header puts the properties where the HTTPS interface expects them: system
// properties as iothub-…, application properties as iothub-app-….
func (m Message) header() http.Header {
	h := http.Header{}
	if m.ContentType != "" {
		h.Set("Content-Type", m.ContentType)
	}
	for name, value := range m.properties() {
		if strings.HasPrefix(name, appPrefix) {
			// Not by Set, which would write the name's letters its own way.
			h[name] = []string{value}
			continue
		}
		h.Set(name, value)
	}
	return h
}

// properties are all of them under their names of the HTTPS interface.
func (m Message) properties() map[string]string {
	all := map[string]string{}
	set := func(name, value string) {
		if value != "" {
			all[name] = value
		}
	}
	set("iothub-contenttype", m.ContentType)
	set("iothub-contentencoding", m.ContentEncoding)
	set("iothub-messageid", m.MessageID)
	set("iothub-correlationid", m.CorrelationID)
	set("iothub-userid", m.UserID)
	if !m.Created.IsZero() {
		set("iothub-creation-time-utc", m.Created.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	for name, value := range m.Properties {
		all[appPrefix+name] = value
	}
	return all
}

// propertyMarks are what names and values of application properties may hold
// beside ASCII letters and digits (IoT Hub developer guide, "Create and read
// IoT Hub messages").
const propertyMarks = "!#$%&'*+-.^_`|~"

// CheckPropertyName checks the name of an application property: ASCII letters,
// digits and ! # $ % & ' * + - . ^ _ ` | ~. The same letters in another case are
// the same name over HTTPS.
func CheckPropertyName(name string) error {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune(propertyMarks, r) }) {
		return fmt.Errorf("property name %q must be of ASCII letters, digits and %s", name, propertyMarks)
	}
	return nil
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// check refuses what could not be sent, or would arrive as something else:
// values become header values.
func (m Message) check() error {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(m.Properties)) {
		if err := CheckPropertyName(name); err != nil {
			return err
		}
		low := strings.ToLower(name)
		if other, twice := seen[low]; twice {
			return fmt.Errorf("properties %q and %q differ in case alone, which HTTPS does not carry", other, name)
		}
		seen[low] = name
	}
	all := m.properties()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.ContainsFunc(all[name], func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("value of property %s holds something else than printable ASCII", strings.TrimPrefix(name, appPrefix))
		}
	}
	return nil
}
