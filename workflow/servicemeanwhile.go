package workflow

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"dpslab/workflow/azure"
	"dpslab/workflow/wire"
)

// certificateNow adds to the refusal of a write that came too late what the
// certificate is by now: sent is the etag that went along.
func (v *Service) certificateNow(ctx context.Context, err error, sent string, c *azure.Certificates, name string) error {
	return meanwhile(err, sent, func() (string, error) {
		held, err := c.Get(v.reading(ctx), name)
		if err != nil {
			return "", err
		}
		verified := map[bool]string{true: "verified", false: "not verified"}
		return fmt.Sprintf("%s, SHA-1 %s, %s, etag %s", held.Subject, held.Thumbprint, verified[held.Verified], held.ETag), nil
	})
}

// apimNow is the same for a certificate of API Management.
func (v *Service) apimNow(ctx context.Context, err error, sent string, c *azure.APIMCertificates, id string) error {
	return meanwhile(err, sent, func() (string, error) {
		held, err := c.Get(v.reading(ctx), id)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s, SHA-1 %s, etag %s", held.Subject, held.Thumbprint, held.ETag), nil
	})
}

// meanwhile completes the problem of a 412 with what read finds; any other error
// stays as it is.
func meanwhile(err error, sent string, read func() (string, error)) error {
	var p *Problem
	if !errors.As(err, &p) || p.Status != http.StatusPreconditionFailed || sent == "" {
		return err
	}
	switch now, readErr := read(); {
	case errors.Is(readErr, azure.ErrNotFound):
		p.Summary += "; by now it is not there any more"
	case readErr != nil:
		p.Summary += "; what it is now could not be read: " + wire.RedactText(readErr.Error())
	default:
		p.Summary += "; it is now " + now + "; the etag that was sent: " + sent
	}
	return err
}
