package workflow

import (
	"encoding/json"
	"errors"
	"mime"
	"strings"
	"time"
)

// bodyFits checks the message's body by the content type that it is sent as: a
// template is filled in first. What an edited profile says already stays.
func (w Wizard) bodyFits() error {
	text, kind := w.Value(keyBody), w.Value(keyContentType)
	if w.Base != nil && text == w.Base.Telemetry.Body && kind == w.Base.Telemetry.ContentType {
		return nil
	}
	media, _, err := mime.ParseMediaType(kind)
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return nil
	}
	body, err := ParseBody(text)
	if err != nil {
		return err
	}
	message, err := body.Render(1, time.Unix(0, 0))
	if err == nil && !json.Valid([]byte(message)) {
		err = errors.New("is not JSON once it is filled in, and the content type says that it is: mend one of the two")
	}
	return err
}
