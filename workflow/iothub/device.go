// Package iothub speaks with IoT Hub over HTTPS as a device.
package iothub

import (
	"context"
	"net/http"
	"net/url"

	"dpslab/workflow/wire"
)

// APIVersion is the device API version that is sent. 2020-03-13 is what the
// public X.509-over-HTTPS how-to uses.
const APIVersion = "2020-03-13"

// MaxMessage is the largest message in bytes, body and properties together.
const MaxMessage = 256 << 10

// DeviceClient is one device at one hub; the wire client carries the device's
// certificate and must allow renegotiation.
type DeviceClient struct {
	Wire       *wire.Client
	Host       string // {hub}.azure-devices.net
	DeviceID   string
	APIVersion string // empty: APIVersion
}

// Message is a device-to-cloud message.
type Message struct {
	Body            []byte
	ContentType     string            // system property content-type, also sent as Content-Type
	ContentEncoding string            // system property content-encoding, such as "utf-8"
	MessageID       string            // system property message-id
	Properties      map[string]string // application properties; names and values are ASCII
}

// Send posts one event. The hub answers 204 without a body.
func (c *DeviceClient) Send(ctx context.Context, m Message) error {
	version := c.APIVersion
	if version == "" {
		version = APIVersion
	}
	_, err := c.Wire.Do(ctx, wire.Request{
		Operation: "send event", Method: http.MethodPost, Header: m.header(), Body: m.Body,
		URL: "https://" + c.Host + "/devices/" + url.PathEscape(c.DeviceID) + "/messages/events?api-version=" + version,
	})
	return err
}

// header puts the properties where the HTTPS interface expects them: system
// properties as iothub-…, application properties as iothub-app-….
func (m Message) header() http.Header {
	h := http.Header{}
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	set("Content-Type", m.ContentType)
	set("iothub-contenttype", m.ContentType)
	set("iothub-contentencoding", m.ContentEncoding)
	set("iothub-messageid", m.MessageID)
	for name, value := range m.Properties {
		// Not by Set, which would write the name's letters its own way.
		h["iothub-app-"+name] = []string{value}
	}
	return h
}
