package tui

import (
	"context"
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/workflow"
)

// ErrDeclined is the answer of a person who closes a question; the run that
// asked ends as if cancelled.
var ErrDeclined = fmt.Errorf("the question was not answered: %w", workflow.ErrByUser)

// Asker brings a run's questions to the screen. Its Ask is made for
// workflow.Config.Ask. Make it with [NewAsker].
type Asker struct{ questions chan *question }

// question is one that waits for an answer.
type question struct {
	workflow.Question
	ctx   context.Context
	reply chan answer // has room for one
}

type answer struct {
	text string
	err  error
}

// NewAsker makes an asker with nobody listening yet.
func NewAsker() *Asker { return &Asker{questions: make(chan *question)} }

// Ask shows a question and waits for the answer. It returns ErrDeclined when
// the person closes it, and the context's error when that ends first.
func (a *Asker) Ask(ctx context.Context, q workflow.Question) (string, error) {
	w := &question{Question: q, ctx: ctx, reply: make(chan answer, 1)}
	select {
	case a.questions <- w:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	select {
	case r := <-w.reply:
		return r.text, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// relay sends questions to the program, and tells it when one is no longer
// asked, until stop is closed.
func (a *Asker) relay(send func(tea.Msg), stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case q := <-a.questions:
			send(askMsg{q})
			go watch(q, send, stop)
		}
	}
}

// watch tells the program when the run that asks has ended.
func watch(q *question, send func(tea.Msg), stop <-chan struct{}) {
	select {
	case <-stop:
	case <-q.ctx.Done():
		send(withdrawMsg{q})
	}
}
