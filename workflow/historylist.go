package workflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"
)

// Bounds of the exchanges that a list keeps in memory although they are on disk:
// the newest, which are looked at most.
const (
	keptWhole      = 64
	keptWholeBytes = 2 << 20
)

// Exchanges is a list of finished exchanges, oldest first, of one or several
// runs; beyond [MaxExchanges] the oldest go. It holds what a row of the list
// shows and where in a journal the rest is: the newest exchanges, and those of no
// journal, are in memory whole. The zero list is empty and ready.
//
// An exchange is known by its number, which never changes: the first one that
// was ever added has the number 0. A list belongs to one goroutine; what
// [Exchanges.Pick] returns may be read in another.
type Exchanges struct {
	rows   []exchangeRow // of the numbers from gone
	gone   int
	kinds  []ExchangeKind
	kindOf map[ExchangeKind]uint32
	files  []*journalFile
	whole  map[int]*Exchange // by number
	young  []youngExchange   // of whole, those that are on disk too; oldest first
	bytes  int               // of young
}

// exchangeRow is small, because there may be a hundred thousand.
type exchangeRow struct {
	place   uint64 // the file's place among the files, from 1, in the upper 16 bits, then the offset; 0: it is on no disk
	size    uint32 // of the line, without its end
	ms      float32
	kind    uint32
	started uint32 // seconds since 1970
}

// offsetBits is how much of a row's place is the offset: 256 TiB.
const offsetBits = 48

// file is the place of a row's file, from 1; 0: it is on no disk.
func (r exchangeRow) file() int { return int(r.place >> offsetBits) }

func (r exchangeRow) offset() int64 { return int64(r.place & (1<<offsetBits - 1)) }

type youngExchange struct{ number, bytes int }

// ExchangeKind is what many exchanges have in common.
type ExchangeKind struct {
	Method, Operation, Service, Host string
	Step                             StepID // that sent it; empty: not known
	Status                           int    // 0: no answer came
	// Asked says that a client certificate was asked for or sent.
	Asked bool
}

// place is where an event stands in a journal.
type place struct {
	file   *journalFile // nil: nowhere
	offset int64
	size   int
	// part says that the event's exchange lacks what is in the journal only.
	part bool
}

// journalFile is a journal that is open for reading. It stays readable when a
// later run begins a journal of its own, except on systems that cannot remove an
// open file.
type journalFile struct {
	file *os.File
	path string
}

// openJournalFile opens a journal for reading. Who drops the last reference
// without closing it leaves that to the garbage collector.
func openJournalFile(path string) (*journalFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return &journalFile{file: file, path: path}, nil
}

// errLost is why a recorded exchange cannot be read.
var errLost = errors.New("another run has begun the journal anew, or it was changed")

// read reads the exchange of a row, which must be what the row says.
func (j *journalFile) read(r exchangeRow, kind ExchangeKind) (*Exchange, error) {
	line := make([]byte, r.size)
	if _, err := j.file.ReadAt(line, r.offset()); err != nil {
		if errors.Is(err, io.EOF) {
			err = errLost
		}
		return nil, fmt.Errorf("read an exchange from %s: %w", j.path, err)
	}
	x, err := exchangeOf(line, kind)
	if err != nil {
		return nil, fmt.Errorf("read an exchange from %s: %w", j.path, err)
	}
	return x, nil
}

// exchangeOf is the exchange of a journal line.
func exchangeOf(line []byte, kind ExchangeKind) (*Exchange, error) {
	var e struct {
		Kind     EventKind `json:"event"`
		Exchange *Exchange `json:"exchange"`
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", errLost, err)
	}
	x := e.Exchange
	if e.Kind != ExchangeFinished || x == nil || x.Method != kind.Method || x.Operation != kind.Operation || x.Status != kind.Status {
		return nil, errLost
	}
	return x, nil
}

// Len is how many exchanges the list has.
func (l *Exchanges) Len() int { return len(l.rows) }

// Gone is how many of the oldest were dropped, and so the number of the first.
func (l *Exchanges) Gone() int { return l.gone }

// Kind is what the list knows of an exchange; id is the same for all of the same
// kind. n must be the number of an exchange of the list.
func (l *Exchanges) Kind(n int) (kind ExchangeKind, id uint32) {
	id = l.rows[n-l.gone].kind
	return l.kinds[id], id
}

// Total is how long an exchange took, in milliseconds.
func (l *Exchanges) Total(n int) float64 { return float64(l.rows[n-l.gone].ms) }

// Started is when an exchange began, to the second.
func (l *Exchanges) Started(n int) time.Time {
	return time.Unix(int64(l.rows[n-l.gone].started), 0)
}

// Size is about how many bytes must be read for an exchange; 0: it is in memory.
func (l *Exchanges) Size(n int) int {
	if l.whole[n] != nil {
		return 0
	}
	return int(l.rows[n-l.gone].size)
}

// Whole is an exchange that is in memory, and nil for one that must be read.
func (l *Exchanges) Whole(n int) *Exchange { return l.whole[n] }

// Newest is the last exchange, which is always in memory; nil: there is none.
func (l *Exchanges) Newest() *Exchange { return l.whole[l.gone+len(l.rows)-1] }

// Add appends an exchange that is in no journal.
func (l *Exchanges) Add(x *Exchange, step StepID) { l.add(x, step, place{}) }

func (l *Exchanges) add(x *Exchange, step StepID, at place) {
	n := l.gone + len(l.rows)
	row := exchangeRow{ms: float32(x.Timing.Total), kind: l.kind(x, step), size: uint32(at.size), started: uint32(max(x.Started.Unix(), 0))}
	if at.file != nil {
		row.place = l.place(at.file)<<offsetBits | uint64(at.offset)
	}
	l.rows = append(l.rows, row)
	if !at.part {
		l.keep(n, x)
	}
	if len(l.rows) > MaxExchanges {
		l.drop(MaxExchanges / 10)
	}
}

func (l *Exchanges) kind(x *Exchange, step StepID) uint32 {
	k := ExchangeKind{Method: x.Method, Operation: x.Operation, Service: x.Service, Host: hostOf(x.URL), Step: step, Status: x.Status}
	k.Asked = x.TLS != nil && (x.TLS.Requested || len(x.TLS.Client) > 0)
	id, ok := l.kindOf[k]
	if !ok {
		if l.kindOf == nil {
			l.kindOf = map[ExchangeKind]uint32{}
		}
		id = uint32(len(l.kinds))
		l.kinds, l.kindOf[k] = append(l.kinds, k), id
	}
	return id
}

// hostOf is the host of a URL, with its port.
func hostOf(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		url = rest
	}
	if end := strings.IndexAny(url, "/?"); end >= 0 {
		url = url[:end]
	}
	return url
}

func (l *Exchanges) place(f *journalFile) uint64 {
	i := slices.Index(l.files, f)
	if i < 0 {
		i, l.files = len(l.files), append(l.files, f)
	}
	return uint64(i + 1)
}

// reserve makes room for the exchanges of a journal of which a beginning of some
// bytes holds n: a list that grows step by step needs twice the memory.
func (l *Exchanges) reserve(file *journalFile, n, bytes int64) {
	if file == nil {
		return
	}
	if info, err := file.file.Stat(); err == nil && info.Size() > bytes {
		more := (info.Size() - bytes) / (bytes/n + 1)
		l.rows = slices.Grow(l.rows, int(min(more+more/50, MaxExchanges)))
	}
}

// keep keeps an exchange in memory: for good when it is on no disk, else as long
// as it is among the newest.
func (l *Exchanges) keep(n int, x *Exchange) {
	if l.whole == nil {
		l.whole = map[int]*Exchange{}
	}
	l.whole[n] = x
	row := l.rows[n-l.gone]
	if row.file() == 0 {
		return
	}
	l.young = append(l.young, youngExchange{n, int(row.size)})
	l.bytes += int(row.size)
	for len(l.young) > keptWhole || len(l.young) > 1 && l.bytes > keptWholeBytes {
		delete(l.whole, l.young[0].number)
		l.bytes -= l.young[0].bytes
		l.young = slices.Delete(l.young, 0, 1)
	}
}

// drop forgets the oldest exchanges.
func (l *Exchanges) drop(n int) {
	for i := range n {
		delete(l.whole, l.gone+i)
	}
	l.rows = slices.Clone(l.rows[n:])
	l.gone += n
	l.young = slices.DeleteFunc(l.young, func(y youngExchange) bool {
		if y.number < l.gone {
			l.bytes -= y.bytes
			return true
		}
		return false
	})
}

// warm reads the newest exchanges of a list that was made from a journal.
func (l *Exchanges) warm() {
	end := l.gone + len(l.rows)
	from, bytes := end, 0
	for from > l.gone && end-from < keptWhole && (from == end || bytes < keptWholeBytes) {
		from--
		bytes += int(l.rows[from-l.gone].size)
	}
	for _, y := range l.young {
		delete(l.whole, y.number)
	}
	l.young, l.bytes = nil, 0
	for n := from; n < end; n++ {
		if x, err := l.Pick(n).Read(0); err == nil {
			l.keep(n, x)
		}
	}
}

// Close lets go of the journals. What is in memory can still be read, all else
// no more.
func (l *Exchanges) Close() {
	for _, f := range l.files {
		_ = f.file.Close()
	}
}

// Pick makes a recording of some exchanges, by their numbers.
func (l *Exchanges) Pick(numbers ...int) Recording {
	r := Recording{files: l.files, kinds: l.kinds, rows: make([]exchangeRow, len(numbers)), whole: map[int]*Exchange{}}
	for i, n := range numbers {
		r.rows[i] = l.rows[n-l.gone]
		if x := l.whole[n]; x != nil {
			r.whole[i] = x
		}
	}
	return r
}

// Recording makes a recording of all exchanges.
func (l *Exchanges) Recording() Recording {
	r := Recording{files: l.files, kinds: l.kinds, rows: l.rows, whole: make(map[int]*Exchange, len(l.whole))}
	for n, x := range l.whole {
		r.whole[n-l.gone] = x
	}
	return r
}

// Recording is a number of exchanges of a list as it was, to be read by any
// goroutine.
type Recording struct {
	rows  []exchangeRow
	files []*journalFile
	kinds []ExchangeKind
	whole map[int]*Exchange // by their place here
}

// Len is how many exchanges there are.
func (r Recording) Len() int { return len(r.rows) }

// Kind is what the list knows of the exchange at a place.
func (r Recording) Kind(i int) ExchangeKind { return r.kinds[r.rows[i].kind] }

// Read reads the exchange at a place, from disk where need be. It fails when the
// journal was changed, or when the list was closed.
func (r Recording) Read(i int) (*Exchange, error) {
	if x := r.whole[i]; x != nil {
		return x, nil
	}
	row := r.rows[i]
	if row.file() == 0 {
		return nil, errLost
	}
	return r.files[row.file()-1].read(row, r.kinds[row.kind])
}

// Pick makes a recording of the exchanges at some places.
func (r Recording) Pick(places []int) Recording {
	some := Recording{files: r.files, kinds: r.kinds, rows: make([]exchangeRow, len(places)), whole: map[int]*Exchange{}}
	for i, n := range places {
		some.rows[i] = r.rows[n]
		if x := r.whole[n]; x != nil {
			some.whole[i] = x
		}
	}
	return some
}

// All reads all exchanges, one after another, and ends with the first error.
func (r Recording) All() iter.Seq2[*Exchange, error] {
	return func(yield func(*Exchange, error) bool) {
		for i := range r.rows {
			x, err := r.Read(i)
			if !yield(x, err) || err != nil {
				return
			}
		}
	}
}
