package emulator

import (
	"cmp"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"dpslab/pki"
)

// Request is what a lab says of one answered request.
type Request struct {
	Time     time.Time     `json:"time"`
	Duration time.Duration `json:"duration"`
	Service  string        `json:"service"` // "DPS", "DPS service", "IoT Hub", "Azure Resource Manager", "lab"
	Method   string        `json:"method"`
	Path     string        `json:"path"` // escaped; without the query
	Status   int           `json:"status"`
	Device   string        `json:"device,omitempty"`  // registration ID or device ID
	Verdict  string        `json:"verdict,omitempty"` // why, in the lab's own words
}

// call is one request on its way through a handler.
type call struct {
	w         http.ResponseWriter
	r         *http.Request
	surface   *surface
	args      map[string]string
	version   string    // api-version
	requestID string    // x-ms-request-id
	now       time.Time // as the service sees it
	arrived   time.Time // as it is

	spoil   func(media string, body []byte) (string, []byte) // of a fault: what becomes of the answer
	cut     bool                                             // of a fault: there is no answer
	swallow bool                                             // of a fault: the message is not kept
	media   string                                           // of the answer's JSON, where it is not the usual one

	conn   *tlsConn  // nil where the request came by none
	values [8]string // of the response headers; see set
	used   int

	status  int
	device  string
	verdict string
}

// ServeHTTP answers one request.
func (l *Lab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !l.enter() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer l.handlers.Done()
	now := time.Now()
	c := &call{w: w, r: r, conn: secured(r), requestID: newRequestID(), now: now, arrived: now}
	c.set("x-ms-request-id", c.requestID)
	c.set("X-Dpslab-Emulator", l.options.Version)
	if err := l.dispatch(c); err != nil {
		r := asRefusal(err)
		if c.verdict == "" {
			c.verdict = err.Error()
		}
		if r.retryAfter > 0 {
			c.set("Retry-After", fmt.Sprint(r.retryAfter))
		}
		c.surface.dialect(c, r)
	}
	l.log(c)
}

// dispatch finds the handler and runs it. A panic of a handler is an error of
// that request alone.
func (l *Lab) dispatch(c *call) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a handler: %v", p)
		}
	}()
	f := l.way(c)
	c.surface, c.args, c.version = f.surface, f.args, f.version
	if c.surface.server != "" {
		c.set("Server", c.surface.server)
	}
	if f.route == nil {
		if f.methods != nil {
			c.set("Allow", strings.Join(f.methods, ", "))
			return wrongVerb.refuse()
		}
		return noSuchPath.refuse()
	}
	if err := l.checkVersion(c); err != nil {
		return err
	}
	if done, err := l.disturb(c, f.route.operation); done || err != nil {
		return err
	}
	return f.route.handle(l, c)
}

// newRequestID is a random UUID (RFC 9562 section 5.4). It is no secret, so the
// quick generator is good enough.
func newRequestID() string {
	var id uuid.UUID
	binary.LittleEndian.PutUint64(id[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(id[8:], rand.Uint64())
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// log tells the lab's owner about the request, one at a time.
func (l *Lab) log(c *call) {
	if l.options.Log == nil {
		return
	}
	l.logging.Lock()
	defer l.logging.Unlock()
	l.options.Log(Request{
		Time: c.arrived, Duration: time.Since(c.arrived), Service: c.surface.name, Method: c.r.Method,
		Path: c.r.URL.EscapedPath(), Status: c.status, Device: c.device, Verdict: c.verdict,
	})
}

// set writes a response header in the very case the service uses: some clients
// compare header names with regard to case. The first few values lie in the call:
// a slice for each would be a good part of what a request allocates.
func (c *call) set(name, value string) {
	if c.used == len(c.values) {
		c.w.Header()[name] = []string{value}
		return
	}
	c.values[c.used] = value
	c.w.Header()[name] = c.values[c.used : c.used+1 : c.used+1]
	c.used++
}

// queryValue is url.Values.Get for one name, without a map of all of them.
func queryValue(query, name string) string {
	for part := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		if strings.Contains(part, ";") {
			continue // as package url has it
		}
		key, keyErr := url.QueryUnescape(key)
		value, valueErr := url.QueryUnescape(value)
		if keyErr == nil && valueErr == nil && key == name {
			return value
		}
	}
	return ""
}

// json answers with a status and a JSON body.
func (c *call) json(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only a raw message that was stored broken gets here
		c.verdict, status, body = err.Error(), http.StatusInternalServerError, []byte("{}")
	}
	media := cmp.Or(c.media, "application/json; charset=utf-8")
	if c.spoil != nil {
		media, body = c.spoil(media, body)
	}
	c.set("Content-Type", media)
	c.status = status
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // a client that is gone needs no answer
}

// empty answers with a status alone. The length is said even where it can be no
// other, as the services do; net/http would drop it from a 204, should it see it,
// and it looks for the usual case only.
func (c *call) empty(status int) {
	c.status = status
	c.set("Content-length", "0")
	c.w.WriteHeader(status)
}

// named gives a refusal the name that Resource Manager's front door uses for
// it. Other surfaces keep their numbers.
func (c *call) named(r *refusal, name string) *refusal {
	if c.surface.frontDoor {
		r.name = name
	}
	return r
}

// maxDrain is how much of a body that is too long is read away, so that the
// client gets to see the answer instead of a reset.
const maxDrain = 4 << 20

// smallBody is how long a body may say it is to get its memory at once. More is
// given as it comes, so that promises alone cost nothing.
const smallBody = 8 << 10

// errBodyTooLong marks a body above the limit of its surface.
var errBodyTooLong = errors.New("the body is too long")

// body reads the request's body up to the surface's limit. Content-Encoding is
// ignored: clients send "utf-8" there, which is no coding to undo.
func (c *call) body() ([]byte, error) {
	limit := c.surface.maxBody
	switch length := c.r.ContentLength; {
	case length >= 0 && length <= min(limit, smallBody):
		body := make([]byte, length)
		if _, err := io.ReadFull(c.r.Body, body); err != nil {
			return nil, malformedBody.refuse("the body could not be read")
		}
		return body, nil
	case length <= limit:
		body, err := io.ReadAll(io.LimitReader(c.r.Body, limit+1))
		if err != nil {
			return nil, malformedBody.refuse("the body could not be read")
		}
		if int64(len(body)) <= limit {
			return body, nil
		}
	}
	_, _ = io.CopyN(io.Discard, c.r.Body, maxDrain) // best effort, see maxDrain
	return nil, errBodyTooLong
}

// jsonBody reads a JSON body into v. An empty body leaves v as it is.
func (c *call) jsonBody(v any) error {
	if media := c.r.Header.Get("Content-Type"); media != "" {
		kind, _, err := mime.ParseMediaType(media)
		if err != nil || kind != "application/json" {
			return mediaType.refuse(media)
		}
	}
	body, err := c.body()
	if errors.Is(err, errBodyTooLong) {
		return bodyTooLarge.refuse()
	}
	if err != nil {
		return err
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		return nil
	}
	if tooDeep(body) {
		return malformedBody.refuse("it nests too deep")
	}
	if err := json.Unmarshal(body, v); err != nil {
		return malformedBody.refuse(jsonTrouble(err))
	}
	return nil
}

// jsonTrouble says what is wrong with a JSON text in terms of the text, not of
// Go's types.
func jsonTrouble(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("%q cannot be a %s", wrong.Field, wrong.Value)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("no JSON at offset %d", syntax.Offset)
	}
	return "no JSON of the expected shape"
}

// presented is the client's certificates, leaf first.
func (c *call) presented() []*x509.Certificate {
	if c.r.TLS == nil {
		return nil
	}
	return c.r.TLS.PeerCertificates
}

// leafThumbprint is the SHA-256 thumbprint of the first of them, which there must
// be. A connection shows the same certificates to its end, and its requests come
// one after the other.
func (c *call) leafThumbprint() string {
	if c.conn == nil {
		return pki.Thumbprint256(c.presented()[0])
	}
	if c.conn.leaf == "" {
		c.conn.leaf = pki.Thumbprint256(c.presented()[0])
	}
	return c.conn.leaf
}
