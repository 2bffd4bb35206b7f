package tui

import "sync"

// drafts keeps the commands that write and drop the half-filled wizard in the
// order in which the person caused them: commands run beside each other, and a
// draft that is written late must not outlive the profile that it became.
type drafts struct {
	mu     sync.Mutex
	newest int // number of the last wish
	done   int // number of the last one carried out
}

// wish takes a number, when the key is pressed.
func (d *drafts) wish() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.newest++
	return d.newest
}

// keep carries out a wish unless a newer one has been.
func (d *drafts) keep(wish int, write func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if wish < d.done {
		return nil
	}
	d.done = wish
	return write()
}

// drop ends all wishes so far.
func (d *drafts) drop(remove func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.newest++
	d.done = d.newest
	return remove()
}
