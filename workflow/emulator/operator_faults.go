package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Faults lists the scenarios that are switched on.
func (o *Operator) Faults(ctx context.Context) ([]Fault, error) {
	if o.lab != nil {
		return o.lab.faults.list(), nil
	}
	var all []Fault
	return all, o.fetch(ctx, "/_emu/faults", &all)
}

// SetFault switches a scenario on; see [Scenarios]. One of the same scenario,
// operation and device is replaced.
func (o *Operator) SetFault(ctx context.Context, f Fault) error {
	if o.lab != nil {
		return o.lab.faults.set(f)
	}
	return o.send(ctx, http.MethodPost, "/_emu/faults", f, nil)
}

// ClearFaults switches a scenario off, all of them when the name is empty, and
// says how many faults that were.
func (o *Operator) ClearFaults(ctx context.Context, scenario string) (int, error) {
	if o.lab != nil {
		return o.lab.faults.clear(scenario), nil
	}
	var answer struct{ Cleared int }
	return answer.Cleared, o.send(ctx, http.MethodDelete, "/_emu/faults?"+url.Values{"scenario": {scenario}}.Encode(), nil, &answer)
}

// serveFaults answers GET /_emu/faults.
func (l *Lab) serveFaults(c *call) error {
	if err := l.operatorOnly(c); err != nil {
		return err
	}
	c.json(http.StatusOK, l.faults.list())
	return nil
}

// serveSetFault answers POST /_emu/faults.
func (l *Lab) serveSetFault(c *call) error {
	if err := l.operatorOnly(c); err != nil {
		return err
	}
	var raw json.RawMessage
	if err := c.jsonBody(&raw); err != nil {
		return err
	}
	var f Fault
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields() // a figure that is misspelt would strike everything
	if err := strict.Decode(&f); err != nil {
		return malformedBody.refuse("a fault has scenario, operation, device, rate, seed, count and value: ", err)
	}
	if err := l.faults.set(f); err != nil {
		return err
	}
	c.empty(http.StatusNoContent)
	return nil
}

// serveClearFaults answers DELETE /_emu/faults?scenario=.
func (l *Lab) serveClearFaults(c *call) error {
	if err := l.operatorOnly(c); err != nil {
		return err
	}
	c.json(http.StatusOK, map[string]int{"Cleared": l.faults.clear(c.r.URL.Query().Get("scenario"))})
	return nil
}
