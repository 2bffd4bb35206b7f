package dps

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Secret is text that must not be shown. Printing it in any way, also as JSON,
// gives "[secret]"; Reveal gives the text. The zero value is empty.
type Secret struct {
	// A pointer, because fmt prints an unexported field of another struct
	// without asking its methods.
	text *string
}

const masked = "[secret]"

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text itself, for the one place that must send it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is nothing inside.
func (s Secret) Empty() bool { return s.Reveal() == "" }

func (s Secret) String() string { return masked }

// Format implements fmt.Formatter: no verb shows the text.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// MarshalText keeps the secret out of JSON and TOML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// ConnectionString is a parsed service connection string:
// HostName=…;SharedAccessKeyName=…;SharedAccessKey=….
type ConnectionString struct {
	HostName string
	KeyName  string
	Key      Secret // base64
}

// ParseConnectionString reads a service connection string of a DPS instance
// or an IoT hub. Blanks and one pair of quotes around it do not matter: tools
// print it as JSON. Its errors never quote the text.
func ParseConnectionString(text string) (ConnectionString, error) {
	var c ConnectionString
	for part := range strings.SplitSeq(unquoted(strings.TrimSpace(text)), ";") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "hostname":
			c.HostName = strings.TrimSpace(value)
		case "sharedaccesskeyname":
			c.KeyName = strings.TrimSpace(value)
		case "sharedaccesskey":
			c.Key = NewSecret(strings.TrimSpace(value))
		}
	}
	switch {
	case c.HostName == "":
		return c, errors.New("connection string has no HostName=")
	case c.KeyName == "":
		return c, errors.New("connection string has no SharedAccessKeyName=")
	case c.Key.Empty():
		return c, errors.New("connection string has no SharedAccessKey=")
	}
	if _, err := base64.StdEncoding.DecodeString(c.Key.Reveal()); err != nil {
		return c, errors.New("connection string's SharedAccessKey is not base64: was it cut when copied?")
	}
	return c, nil
}

func unquoted(s string) string {
	if n := len(s); n >= 2 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') {
		return s[1 : n-1]
	}
	return s
}

// Token signs a shared access signature for resource, valid until expiry. The
// text that is signed is the resource as it stands after "sr=", a line feed
// and the expiry in Unix seconds.
func Token(resource, keyName string, key Secret, expiry time.Time) (Secret, error) {
	return SignToken(context.Background(), resource, keyName, KeySigner(key), expiry)
}

// SignToken is [Token] with a key that stays where it is, such as in a TPM.
func SignToken(ctx context.Context, resource, keyName string, sign Signer, expiry time.Time) (Secret, error) {
	sr := url.QueryEscape(resource)
	se := strconv.FormatInt(expiry.Unix(), 10)
	raw, err := sign(ctx, []byte(sr+"\n"+se))
	if err != nil {
		return Secret{}, err
	}
	token := "SharedAccessSignature sr=" + sr + "&sig=" + url.QueryEscape(base64.StdEncoding.EncodeToString(raw)) + "&se=" + se
	if keyName != "" {
		token += "&skn=" + url.QueryEscape(keyName)
	}
	return NewSecret(token), nil
}

func signature(key []byte, sr, se string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(sr + "\n" + se))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// SharedAccessSignature is a parsed token, as a service checks it.
type SharedAccessSignature struct {
	Resource string // decoded sr
	KeyName  string // skn, may be empty
	Expiry   time.Time

	signed    string // sr exactly as it stood in the header
	se        string
	signature string
}

// ParseSharedAccessSignature reads the value of an Authorization header. The
// order of the fields is free; the signature is later checked over the literal
// text of sr, because clients differ in how they escape it. Its errors never
// quote the header.
func ParseSharedAccessSignature(header string) (SharedAccessSignature, error) {
	var s SharedAccessSignature
	scheme, rest, ok := strings.Cut(strings.TrimSpace(header), " ")
	if !ok || !strings.EqualFold(scheme, "SharedAccessSignature") {
		return s, errors.New("authorization is not a SharedAccessSignature")
	}
	for field := range strings.SplitSeq(strings.TrimSpace(rest), "&") {
		name, value, _ := strings.Cut(field, "=")
		decoded, err := url.QueryUnescape(value)
		if err != nil {
			return s, errors.New("shared access signature holds text that is not percent-encoded")
		}
		switch name {
		case "sr":
			s.signed, s.Resource = value, decoded
		case "sig":
			// A base64 "+" that was left bare reads as a blank.
			s.signature = strings.ReplaceAll(decoded, " ", "+")
		case "se":
			s.se = value
		case "skn":
			s.KeyName = decoded
		}
	}
	seconds, err := strconv.ParseInt(s.se, 10, 64)
	if err != nil {
		return s, errors.New("field se of the shared access signature is not a Unix time")
	}
	s.Expiry = time.Unix(seconds, 0)
	if s.signed == "" || s.signature == "" {
		return s, errors.New("shared access signature lacks sr or sig")
	}
	return s, nil
}

// SignedBy reports whether the token was made with key (base64).
func (s SharedAccessSignature) SignedBy(key string) bool {
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) == 0 {
		return false
	}
	return hmac.Equal([]byte(signature(raw, s.signed, s.se)), []byte(s.signature))
}

// DeriveDeviceKey gives a device's key in a symmetric-key enrollment group:
// HMAC-SHA256 of the registration ID under the group key, both base64.
func DeriveDeviceKey(groupKey, registrationID string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(groupKey)
	if err != nil || len(raw) == 0 {
		return "", errors.New("group key is not base64")
	}
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte(registrationID))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}
