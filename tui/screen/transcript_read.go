package screen

import (
	"errors"

	"dpslab/workflow"
)

// reading is what of the exchanges on disk a transcript has read, and how its
// search there stands. The root reads and searches: see Wanted and Sought.
type reading struct {
	read     map[int]*workflow.Exchange // by number
	failed   map[int]error              // why one cannot be read
	searches int                        // how often a search began; only the newest counts
	progress bool                       // a part of the search is done: it is told how far it is
}

// errNotRead is why an exchange is not shown yet.
var errNotRead = errors.New("reading it from disk")

// ReadExchange reads an exchange and does what Then makes of it.
type ReadExchange struct {
	From workflow.Recording // of the one exchange
	Then func(*workflow.Exchange) Intent
}

func (ReadExchange) intent() {}

// Wanted are exchanges that must be read to be shown: the chosen one and its
// neighbours, and the marked one. The answer goes to Take.
func (t *Transcript) Wanted() []int {
	var numbers []int
	for _, n := range t.near() {
		if t.whole(n) == nil && t.failed[n] == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// Pick are exchanges of the list, by their numbers.
func (t *Transcript) Pick(numbers []int) workflow.Recording { return t.all.Pick(numbers...) }

// near are the chosen exchange, the marked one, and those that the next key may
// choose.
func (t *Transcript) near() []int {
	var numbers []int
	for _, i := range []int{t.list.Cursor, t.list.Cursor - 1, t.list.Cursor + 1} {
		if i >= 0 && i < len(t.shown) {
			numbers = append(numbers, int(t.shown[i]))
		}
	}
	if t.marked != noExchange {
		numbers = append(numbers, t.marked)
	}
	return numbers
}

// Take takes in an exchange that was read, or why it cannot be. The ones that
// are far from the cursor by now are forgotten.
func (t *Transcript) Take(n int, x *workflow.Exchange, err error) {
	kept, failed := map[int]*workflow.Exchange{n: x}, map[int]error{n: err}
	for _, near := range t.near() {
		if near != n {
			kept[near], failed[near] = t.read[near], t.failed[near]
		}
	}
	t.read, t.failed = kept, failed
}

// forget forgets what was read of another list.
func (t *Transcript) forget() { t.read, t.failed = nil, nil }

// whole is an exchange that is in memory; nil for one that must be read first.
func (t *Transcript) whole(n int) *workflow.Exchange {
	if x := t.all.Whole(n); x != nil {
		return x
	}
	return t.read[n]
}

// both are the exchange of the detail and the one beside it, if any.
func (t *Transcript) both(d drawnDetail) (x, beside *workflow.Exchange, err error) {
	x = t.whole(d.number)
	if d.beside != noExchange {
		beside = t.whole(d.beside)
		if beside == nil {
			return nil, nil, t.missing(d.beside)
		}
	}
	if x == nil {
		return nil, nil, t.missing(d.number)
	}
	return x, beside, nil
}

// missing is why an exchange is not there.
func (t *Transcript) missing(n int) error {
	if err := t.failed[n]; err != nil {
		return err
	}
	return errNotRead
}

// with does something with the chosen exchange, after it was read.
func (t *Transcript) with(then func(*workflow.Exchange) Intent) Intent {
	n := t.number()
	if x := t.whole(n); x != nil {
		return then(x)
	}
	return ReadExchange{From: t.all.Pick(n), Then: then}
}

// Sought is a part of a search that reads from disk, for the root to do.
type Sought struct {
	In      workflow.Recording
	Text    string
	Found   func(*workflow.Exchange) bool
	id      int
	numbers []int
	end     int
}

// soughtAtOnce is how many bytes are searched on disk between two answers: a few
// hundredths of a second from memory.
const soughtAtOnce = 4 << 20

// Sought is the part of the search that comes next; ok is false when there is
// nothing to read. Its answer goes to Found.
func (t *Transcript) Sought() (part Sought, ok bool) {
	if t.query.text == "" {
		return Sought{}, false
	}
	text := t.query.text
	part = Sought{Text: text, Found: func(x *workflow.Exchange) bool { return contains(x, text) }, id: t.searches}
	n, left := t.seen, soughtAtOnce
	for ; n < t.end() && left > 0; n++ {
		if !t.fits(n) {
			continue
		}
		if t.all.Whole(n) != nil {
			break
		}
		part.numbers = append(part.numbers, n)
		left -= t.all.Size(n)
	}
	if len(part.numbers) == 0 {
		return Sought{}, false
	}
	part.In, part.end = t.all.Pick(part.numbers...), n
	return part, true
}

// Current says whether the search that a part belongs to still goes on.
func (t *Transcript) Current(part Sought) bool { return part.id == t.searches }

// Found takes in at which places of a part something was found.
func (t *Transcript) Found(part Sought, places []int) {
	if !t.Current(part) {
		return
	}
	for _, i := range places {
		if n := part.numbers[i]; n >= t.all.Gone() {
			t.show(n)
		}
	}
	t.progress = true
	t.searchedTo(max(part.end, t.seen))
	t.sift()
}
