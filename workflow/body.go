package workflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
)

// Body is a telemetry body: a text/template with the functions
//
//	now                  the time, RFC 3339 in UTC
//	n                    the message's number, from 1
//	wave LOW HIGH PERIOD a number that swings between LOW and HIGH, one turn in PERIOD ("60s")
type Body struct {
	template *template.Template // nil: plain is the body
	plain    string
	n        int
	at       time.Time
}

// ParseBody reads a template; its errors name the place in it.
func ParseBody(text string) (*Body, error) {
	b := &Body{}
	t, err := template.New("body").Funcs(template.FuncMap{
		"now":  func() string { return b.at.UTC().Format(time.RFC3339Nano) },
		"n":    func() int { return b.n },
		"wave": b.wave,
	}).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("is not a template of now, n and wave: %s", strings.TrimPrefix(err.Error(), "template: "))
	}
	if t.Tree != nil && !simple(t.Root) {
		return nil, errors.New("may use only now, n and wave, and if: loops and other functions could run without end")
	}
	b.template = t
	return b, nil
}

// plainBody is a body in which nothing is filled in.
func plainBody(text string) *Body { return &Body{plain: text} }

// simple reports whether a node is text, a call of one of our functions, or an
// if of such: nothing that runs long or makes much out of little.
func simple(node parse.Node) bool {
	switch n := node.(type) {
	case nil, *parse.TextNode, *parse.CommentNode:
		return true
	case *parse.ListNode:
		return n == nil || !slices.ContainsFunc(n.Nodes, func(c parse.Node) bool { return !simple(c) })
	case *parse.ActionNode:
		return calls(n.Pipe)
	case *parse.IfNode:
		return calls(n.Pipe) && simple(n.List) && simple(n.ElseList)
	}
	return false
}

func calls(p *parse.PipeNode) bool {
	for _, c := range p.Cmds {
		for _, arg := range c.Args {
			switch a := arg.(type) {
			case *parse.StringNode, *parse.NumberNode:
			case *parse.IdentifierNode:
				if !slices.Contains([]string{"now", "n", "wave"}, a.Ident) {
					return false
				}
			default:
				return false
			}
		}
	}
	return true
}

func (b *Body) wave(low, high float64, period string) (string, error) {
	d, err := time.ParseDuration(period)
	if err != nil || d <= 0 {
		return "", fmt.Errorf("wave needs a period like \"60s\"")
	}
	turn := float64(b.at.UnixNano()%int64(d)) / float64(d)
	v := low + (high-low)*(1+math.Sin(2*math.Pi*turn))/2
	return fmt.Sprintf("%.2f", v), nil
}

// Render makes the n-th message's body at a time.
func (b *Body) Render(n int, at time.Time) (string, error) {
	if b.template == nil {
		return b.plain, nil
	}
	b.n, b.at = n, at
	var out bytes.Buffer
	if err := b.template.Execute(&out, nil); err != nil {
		return "", fmt.Errorf("cannot be filled in: %s", strings.TrimPrefix(err.Error(), "template: "))
	}
	return out.String(), nil
}

// firstNumber finds the first number of a JSON object, for the chart.
func firstNumber(body string) (name string, value float64, ok bool) {
	d := json.NewDecoder(strings.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", 0, false
	}
	for depth, key := 1, ""; depth > 0; {
		t, err := d.Token()
		if err != nil {
			return "", 0, false
		}
		switch t := t.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			key = t
		case float64:
			return key, t, true
		}
	}
	return "", 0, false
}
