package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"

	"dpslab/workflow/dps"
)

// ErrNoLab says that no lab serves a state directory.
var ErrNoLab = errors.New("no lab serves this directory")

// HeldError says that another process holds a state directory.
type HeldError struct {
	Dir     string
	PID     int    // 0 while the holder has not said
	Address string // empty while the holder has not said
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("the lab in %s is held by another process", e.Dir)
	}
	return fmt.Sprintf("the lab in %s is served by process %d on %s", e.Dir, e.PID, e.Address)
}

// held reports whether opening the store failed because its file is locked.
func held(err error) bool { return errors.Is(err, bolterrors.ErrTimeout) }

// notice is lab.json: where a lab is found by those who want to join it. It
// holds no secret.
type notice struct {
	Address string    `json:"address"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
}

func noticePath(dir string) string { return filepath.Join(dir, "lab.json") }

// writeNotice writes it whole or not at all. It is of use to living processes
// alone, so nothing waits for the disk.
func writeNotice(dir string, r Ready) error {
	raw, err := json.Marshal(notice{Address: r.Address, PID: r.PID, Started: time.Now().UTC()})
	if err != nil {
		return fmt.Errorf("encoding the lab's notice: %w", err)
	}
	next := noticePath(dir) + ".next" // who holds the directory is alone
	if err := os.WriteFile(next, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the lab's notice: %w", err)
	}
	if err := os.Rename(next, noticePath(dir)); err != nil {
		return fmt.Errorf("writing the lab's notice: %w", err)
	}
	return nil
}

func readNotice(dir string) (notice, error) {
	var n notice
	raw, err := os.ReadFile(noticePath(dir))
	if err != nil {
		return n, err
	}
	return n, json.Unmarshal(raw, &n)
}

// heldBy says who holds dir, as far as the holder has said.
func heldBy(dir string) error {
	n, err := readNotice(dir)
	if err != nil {
		n = notice{} // the holder is starting, or going
	}
	return &HeldError{Dir: dir, PID: n.PID, Address: n.Address}
}

// Join finds the lab that serves dir. It proves by the lab's root key, which
// only the directory's owner can read, that it may see the lab's secrets. The
// error wraps [ErrNoLab] when none answers: the notice of a killed lab counts
// for nothing.
func Join(ctx context.Context, dir string) (Ready, *Operator, error) {
	n, err := readNotice(dir)
	if err != nil {
		return Ready{}, nil, fmt.Errorf("%w: %w", ErrNoLab, err)
	}
	root, err := readRoot(dir)
	if err != nil {
		return Ready{}, nil, fmt.Errorf("%w: %w", ErrNoLab, err)
	}
	config, err := (&identity{root: root}).operatorConfig(time.Now())
	if err != nil {
		return Ready{}, nil, err
	}
	transport := &http.Transport{
		TLSClientConfig: config,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", n.Address)
		},
		TLSHandshakeTimeout: 2 * time.Second, ResponseHeaderTimeout: 5 * time.Second, IdleConnTimeout: time.Minute,
	}
	o := &Operator{client: &http.Client{Transport: transport, Timeout: 10 * time.Second}}
	r, err := o.Info(ctx)
	if err != nil {
		o.Close()
		return Ready{}, nil, fmt.Errorf("%w: process %d does not answer on %s: %w", ErrNoLab, n.PID, n.Address, err)
	}
	return r, o, nil
}

// joinPatience is how long OpenOrJoin waits for a holder that is just starting.
const joinPatience = 3 * time.Second

// OpenOrJoin starts a lab, or joins the one that already serves the directory.
// A joined lab gives a nil *Lab: closing it is its owner's business.
func OpenOrJoin(ctx context.Context, o Options) (*Lab, Ready, *Operator, error) {
	for deadline := time.Now().Add(joinPatience); ; {
		// First: a lock that is held is waited for, a notice is read at once. That
		// of a killed lab costs a refused connection.
		if !o.InMemory {
			if r, operator, err := Join(ctx, o.Dir); err == nil {
				return nil, r, operator, nil
			}
		}
		l, err := Start(ctx, o)
		if err == nil {
			return l, l.Ready(), l.Operator(), nil
		}
		if _, isHeld := errors.AsType[*HeldError](err); !isHeld {
			return nil, Ready{}, nil, err
		}
		r, operator, joinErr := Join(ctx, o.Dir)
		if joinErr == nil {
			return nil, r, operator, nil
		}
		if !errors.Is(joinErr, ErrNoLab) || time.Now().After(deadline) {
			return nil, Ready{}, nil, errors.Join(err, joinErr)
		}
		select {
		case <-ctx.Done():
			return nil, Ready{}, nil, context.Cause(ctx)
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// Operator reads the private endpoints of a lab, in this process or another.
type Operator struct {
	lab    *Lab         // this process's
	client *http.Client // another's
}

// Info asks where the lab's services are.
func (o *Operator) Info(ctx context.Context) (Ready, error) {
	if o.lab != nil {
		return o.lab.ready, nil
	}
	var r Ready
	return r, o.fetch(ctx, "/_emu/info", &r)
}

// Inbox gives the messages that hub received from a device, those with a
// sequence number above after, oldest first.
func (o *Operator) Inbox(ctx context.Context, hub, deviceID string, after uint64) ([]Event, error) {
	if o.lab != nil {
		return o.lab.inbox(hub, deviceID, after)
	}
	query := url.Values{"hub": {hub}, "device": {deviceID}, "after": {strconv.FormatUint(after, 10)}}
	var events []Event
	return events, o.fetch(ctx, "/_emu/inbox?"+query.Encode(), &events)
}

// Send puts a cloud-to-device message into the queue of a device, which IoT Hub
// itself offers over AMQP alone.
func (o *Operator) Send(ctx context.Context, hub, deviceID string, m Command) error {
	if o.lab != nil {
		return o.lab.enqueue(hub, deviceID, m, time.Now())
	}
	query := url.Values{"hub": {hub}, "device": {deviceID}}
	return o.send(ctx, http.MethodPost, "/_emu/messages?"+query.Encode(), m, nil)
}

// Close lets go of the connections to another process's lab.
func (o *Operator) Close() {
	if o.client != nil {
		o.client.CloseIdleConnections()
	}
}

// maxOperatorAnswer bounds what is read: a full inbox of large messages fits.
const maxOperatorAnswer = 512 << 20

func (o *Operator) fetch(ctx context.Context, path string, v any) error {
	return o.send(ctx, http.MethodGet, path, nil, v)
}

// send asks another process's lab. body and v may be nil.
func (o *Operator) send(ctx context.Context, method, path string, body, v any) error {
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("asking the lab: %w", err)
		}
		sent = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, "https://localhost"+path, sent)
	if err != nil {
		return fmt.Errorf("asking the lab: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := o.client.Do(request)
	if err != nil {
		return fmt.Errorf("asking the lab: %w", err)
	}
	defer answer.Body.Close()
	limited := io.LimitReader(answer.Body, maxOperatorAnswer)
	if answer.StatusCode/100 != 2 {
		var said dps.ServiceErrorBody
		if err := json.NewDecoder(limited).Decode(&said); err != nil || said.Message == "" {
			return fmt.Errorf("asking the lab for %s: it answered %s", request.URL.Path, answer.Status)
		}
		return refuse(said.ErrorCode, "%s", said.Message)
	}
	if v == nil {
		return nil
	}
	if err := json.NewDecoder(limited).Decode(v); err != nil {
		return fmt.Errorf("reading the lab's answer: %w", err)
	}
	return nil
}

// download writes what another process's lab answers.
func (o *Operator) download(ctx context.Context, path string, w io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://localhost"+path, nil)
	if err != nil {
		return fmt.Errorf("asking the lab: %w", err)
	}
	answer, err := o.client.Do(request)
	if err != nil {
		return fmt.Errorf("asking the lab: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("asking the lab for %s: it answered %s", path, answer.Status)
	}
	if _, err := io.Copy(w, answer.Body); err != nil {
		return fmt.Errorf("reading the lab's answer: %w", err)
	}
	return nil
}

// operatorOnly keeps everybody else out of the private endpoints.
func (l *Lab) operatorOnly(c *call) error {
	if !l.identity.isOperator(c.presented(), c.now) {
		return refuse(401000, "Unauthorized")
	}
	return nil
}

// serveInfo answers GET /_emu/info.
func (l *Lab) serveInfo(c *call) error {
	if err := l.operatorOnly(c); err != nil {
		return err
	}
	c.json(http.StatusOK, l.ready)
	return nil
}

// serveEnqueue answers POST /_emu/messages?hub=&device=, also to whom the hub's
// service API lets in.
func (l *Lab) serveEnqueue(c *call) error {
	q := c.r.URL.Query()
	if err := l.operatorOnly(c); err != nil {
		hub := l.instance().hub(q.Get("hub"))
		if hub == nil || l.authorizeHub(c, hub) != nil {
			return err
		}
	}
	var m Command
	if err := c.jsonBody(&m); err != nil {
		return err
	}
	if err := l.enqueue(q.Get("hub"), q.Get("device"), m, c.arrived); err != nil {
		return err
	}
	c.empty(http.StatusNoContent)
	return nil
}

// serveInbox answers GET /_emu/inbox?hub=&device=&after=.
func (l *Lab) serveInbox(c *call) error {
	if err := l.operatorOnly(c); err != nil {
		return err
	}
	q := c.r.URL.Query()
	var after uint64
	if text := q.Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			return malformedBody.refuse("after is not a number")
		}
	}
	events, err := l.inbox(q.Get("hub"), q.Get("device"), after)
	if err != nil {
		return err
	}
	c.json(http.StatusOK, events)
	return nil
}
