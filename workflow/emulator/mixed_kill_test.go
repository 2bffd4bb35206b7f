package emulator

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

// mixedWriter writes all kinds of things into a lab, one after the other, and
// remembers what was answered. It stops at the first answer that does not come.
type mixedWriter struct {
	c     *client
	name  string
	token string

	made    bool     // the device's creation was answered
	groups  []string // answered creations
	deleted []string // answered deletions
	asked   string   // the group whose deletion may or may not have happened
	rounds  int      // answered twin writes
	events  int      // answered messages
}

var mixedKey = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))

// do reports whether the request was answered with success.
func (w *mixedWriter) do(method, host, path, body, authorization string) bool {
	r, err := http.NewRequest(method, "https://"+host+path+"?api-version=2021-10-01", strings.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", authorization)
	if method == "DELETE" || method == "PATCH" {
		r.Header.Set("If-Match", "*")
	}
	answer, err := w.c.http.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err == nil && answer.StatusCode/100 == 2
}

// run writes until it is cut off, and reports each answer to acknowledged.
func (w *mixedWriter) run(acknowledged func(string)) {
	hub, bearer := w.c.lab.ready.HubHosts[0], "Bearer "+w.c.lab.ready.ManagementToken
	device := `{"authentication":{"type":"sas","symmetricKey":{"primaryKey":"` + mixedKey + `","secondaryKey":"` + mixedKey + `"}}}`
	if !w.do("PUT", hub, "/devices/"+w.name, device, bearer) {
		return
	}
	w.made = true
	for n := 0; ; n++ {
		group := fmt.Sprintf("%s-%d", w.name, n)
		if !w.do("PUT", w.c.lab.ready.ServiceHost, "/enrollmentGroups/"+group, `{"attestation":{"type":"symmetricKey"}}`, bearer) {
			return
		}
		w.groups = append(w.groups, group)
		acknowledged(group)
		if !w.do("PATCH", hub, "/twins/"+w.name, fmt.Sprintf(`{"tags":{"round":%d,"again":%d}}`, n+1, n+1), bearer) {
			return
		}
		w.rounds = n + 1
		acknowledged(group)
		if !w.do("POST", hub, "/devices/"+w.name+"/messages/events", fmt.Sprint(n), w.token) {
			return
		}
		w.events = n + 1
		acknowledged(group)
		if n%4 == 0 {
			continue // this one stays
		}
		w.asked = group
		if !w.do("DELETE", w.c.lab.ready.ServiceHost, "/enrollmentGroups/"+group, "", bearer) {
			return
		}
		w.deleted = append(w.deleted, group)
		acknowledged(group)
	}
}

// check compares what the lab holds after its restart with what was answered.
func (w *mixedWriter) check(t *testing.T, l *Lab, hub string) {
	t.Helper()
	gone := map[string]bool{w.asked: true}
	for _, name := range w.deleted {
		gone[name] = true
	}
	err := l.store.view(func(t2 *tx) error {
		for _, name := range w.groups {
			e, err := getEntryRecord(t2, entryRef{group, name})
			if err != nil {
				return err
			}
			listed, _ := walk(t2, bucketKeyGroups, strings.ToLower(name), page{size: 1})
			half := len(listed) == 1 && listed[0] == ""
			if (e != nil) != half {
				t.Errorf("group %s is there by half", name)
			}
			if e == nil && !gone[name] {
				t.Errorf("group %s was answered and is not there", name)
			}
		}
		for _, name := range w.deleted {
			if e, err := getEntryRecord(t2, entryRef{group, name}); err != nil || e != nil {
				t.Errorf("group %s was deleted and is there, %v", name, err)
			}
		}
		d, err := getHubDevice(t2, hub, w.name)
		if err != nil || d == nil {
			return errors.Join(err, errors.New(w.name+" is not there"))
		}
		round, _ := d.Tags["round"].(float64)
		if again, _ := d.Tags["again"].(float64); int(round) < w.rounds || int(round) > w.rounds+1 || again != round {
			t.Errorf("%s: the twin is at %v and %v, round %d was answered", w.name, round, again, w.rounds)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	events, err := l.inbox(hub, w.name, 0)
	if err != nil || len(events) < w.events || len(events) > w.events+1 {
		t.Errorf("%s: %d messages of %d, %v", w.name, len(events), w.events, err)
	}
	for i, m := range events {
		if m.Body != fmt.Sprint(i) || m.Sequence != uint64(i+1) {
			t.Errorf("%s: message %d is %+v", w.name, i, m)
		}
	}
}

// TestKilledAmongMixedWrites kills a lab at some moment of a load of creations,
// deletions, twins and messages.
func TestKilledAmongMixedWrites(t *testing.T) {
	t.Parallel()
	for _, after := range []int{7, 400, 1000} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := startChild(t, dir)
			hub := c.ready.HubHosts[0]
			clients, writers := asChildren(t, c, dir, ident{}), map[*client]*mixedWriter{}
			for i, client := range clients {
				w := &mixedWriter{c: client, name: fmt.Sprintf("w%d", i)}
				token, err := dps.Token(hub+"/devices/"+w.name, "", dps.NewSecret(mixedKey), time.Now().Add(time.Hour))
				if err != nil {
					t.Fatal(err)
				}
				w.token, writers[client] = token.Reveal(), w
			}
			l, _ := killedAfter(t, c, dir, after, clients, func(c *client, acknowledged func(string)) { writers[c].run(acknowledged) })
			for _, w := range writers {
				if w.made {
					w.check(t, l, hub)
				}
			}
		})
	}
}
