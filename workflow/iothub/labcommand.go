package iothub

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"dpslab/workflow/wire"
)

// LabCommand is a cloud-to-device message to send in a lab.
type LabCommand struct {
	MessageID       string            `json:"message_id,omitempty"` // made up when empty
	CorrelationID   string            `json:"correlation_id,omitempty"`
	UserID          string            `json:"user_id,omitempty"`
	Ack             string            `json:"ack,omitempty"`  // none, positive, negative, full
	Body            []byte            `json:"data,omitempty"` // at most MaxCommand
	ContentType     string            `json:"content_type,omitempty"`
	ContentEncoding string            `json:"content_encoding,omitempty"`
	Properties      map[string]string `json:"properties,omitempty"`
	TimeToLive      time.Duration     `json:"time_to_live,omitempty"` // 0: an hour; at most two days
}

// SendLabCommand puts a cloud-to-device message into the queue of a device of a
// lab. IoT Hub itself takes them over AMQP alone: in Azure, "az iot device
// c2d-message send" sends one.
func (c *ServiceClient) SendLabCommand(ctx context.Context, deviceID string, m LabCommand) error {
	const operation = "send message to the device"
	authorization, err := c.Authorize(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	query := url.Values{"hub": {c.Host}, "device": {deviceID}}
	_, err = c.Wire.Do(ctx, wire.Request{
		Operation: operation, Method: http.MethodPost, URL: "https://" + c.Host + "/_emu/messages?" + query.Encode(), Body: body,
		Header: http.Header{"Content-Type": {"application/json"}, "Authorization": {authorization.Reveal()}},
	})
	return err
}
