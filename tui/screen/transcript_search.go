package screen

import (
	"slices"
)

// dropGone forgets exchanges that the list has dropped, its oldest.
func (t *Transcript) dropGone() {
	gone := t.all.Gone()
	n := 0
	for n < len(t.shown) && int(t.shown[n]) < gone {
		n++
	}
	t.shown = t.shown[n:]
	t.list.SetLen(len(t.shown))
	t.list.Move(-n)
	t.seen = max(t.seen, gone)
	if t.keep < gone {
		t.keep = noExchange
	}
	if t.marked < gone {
		t.marked, t.comparing = noExchange, false
	}
}

// siftAtOnce is how many bytes in memory are searched between two frames: that
// takes one or two milliseconds. What an exchange has beside its bodies counts as
// headMost.
const (
	siftAtOnce = 1 << 20
	headMost   = 512
)

// Searching says whether some exchanges were not searched yet. The root then
// observes again, or searches what is on disk, so that a long search stops nobody
// from typing.
func (t *Transcript) Searching() bool { return t.seen < t.end() }

// end is the number after the newest exchange.
func (t *Transcript) end() int { return t.all.Gone() + t.all.Len() }

// sift searches exchanges that were not searched yet, up to one that must be
// read. After a new search the cursor goes back to its exchange; on the newest it
// goes with the newest.
func (t *Transcript) sift() {
	n, end, left := t.seen, t.end(), siftAtOnce
	if t.query.empty() {
		t.shown = slices.Grow(t.shown, end-n)
	}
	for ; n < end && left > 0; n++ {
		if !t.query.empty() && !t.fits(n) {
			continue
		}
		if t.query.text != "" {
			x := t.all.Whole(n)
			if x == nil {
				break // the root reads it: see Sought
			}
			left -= headMost + len(x.RequestBody) + len(x.ResponseBody)
			if !contains(x, t.query.text) {
				continue
			}
		}
		t.show(n)
	}
	t.searchedTo(n)
}

// fits says whether an exchange is of a kind that is searched for.
func (t *Transcript) fits(n int) bool {
	kind, id := t.all.Kind(n)
	fits, known := t.query.kinds[id]
	if !known {
		fits = t.query.fits(kind)
		t.query.kinds[id] = fits
	}
	return fits
}

// show adds an exchange to those that are found.
func (t *Transcript) show(n int) {
	if t.keep == n {
		t.list.Cursor, t.keep, t.follow = len(t.shown), noExchange, false
	}
	t.shown = append(t.shown, int32(n))
}

// searchedTo notes how far the search has come.
func (t *Transcript) searchedTo(n int) {
	t.seen = n
	t.list.SetLen(len(t.shown))
	if t.keep == noExchange && t.follow {
		t.list.Move(t.list.Len)
	}
	if !t.Searching() {
		t.keep = noExchange
		t.follow = t.follow || t.list.Cursor == len(t.shown)-1
	}
}

// research searches all exchanges anew; the cursor stays on its exchange where
// it is still shown.
func (t *Transcript) research() {
	failed := t.query.failed
	t.query = parseQuery(t.search.Value())
	t.query.failed = failed
	keep := t.number()
	if keep == noExchange {
		keep = t.keep // the search before has not come to it
	}
	t.again(keep)
	t.sift()
}

// again begins the search anew.
func (t *Transcript) again(keep int) {
	t.keep, t.seen, t.shown = keep, t.all.Gone(), nil
	t.query.kinds = map[uint32]bool{}
	t.searches++
	t.progress = false
	t.list.SetLen(0)
}
