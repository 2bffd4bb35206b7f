package emulator

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// maxUnsettled bounds, in bytes of memory and of log, what the journal holds
	// before it goes into the database, and with it what a start has to replay.
	maxUnsettled = 16 << 20
	// messageMemory is about what a message takes besides its text.
	messageMemory = 64
	// maxSpare is how large a buffer is kept for the next round.
	maxSpare = 1 << 20
)

// journal takes the messages of devices ahead of the database. A transaction for
// each would cost a device far more than all the rest of its request.
//
// A message lies in memory and, where the lab has a directory, in a log on disk
// before it is answered. Every commit of the database begins with what the
// journal holds, so each transaction finds the inboxes complete; who only reads
// them asks [store.settle] first. The database says, in the same commit, which
// log goes on from there. Anything older in the file is no longer valid.
type journal struct {
	// writing is held while the log is written, and mu for what is in memory.
	// Who needs both takes writing first.
	writing sync.Mutex
	mu      sync.Mutex

	unsettled atomic.Bool // whether a box holds a message
	boxes     map[string]*box
	size      int

	// Without a directory there is nothing below.
	dir     string
	log     *eventLog // nil until the first commit that has messages
	failed  bool      // the log took nothing; a commit begins a new one
	buffer  []byte    // records that wait to be written
	spare   []byte    // empty: what the last round was written from; who writes has it
	waiting *round    // of those who wait for that
}

// box holds the messages of one device that are not yet in the database.
type box struct {
	last  uint64 // sequence number of the newest message, here or there
	fresh []message
}

// round is one write of the log, shared by all whose records are in it. The
// first of them writes, the others wait.
type round struct {
	led  bool // whether it has a writer
	over bool
	err  error // read once done is closed
	done chan struct{}
}

func newRound() *round { return &round{done: make(chan struct{})} }

func (r *round) end(err error) {
	r.over, r.err = true, err
	close(r.done)
}

func newJournal(dir string) *journal {
	return &journal{dir: dir, boxes: map[string]*box{}, waiting: newRound()}
}

// errLogUnready says that a message has to take the way through the database.
var errLogUnready = errors.New("the log of messages is not ready")

// receive puts messages of a device into its inbox. It gives them their sequence
// numbers and returns once they are safe.
func (s *store) receive(hub, device string, messages []message) error {
	j := s.journal
	j.mu.Lock()
	if err := j.add(s, hub, device, messages); err != nil {
		j.mu.Unlock()
		return err
	}
	mine, full, leads := j.waiting, j.size > maxUnsettled, !j.waiting.led
	mine.led = true
	j.mu.Unlock()
	// What the log does not take, the database does.
	if err := j.record(mine, leads); err != nil || full {
		return s.settle()
	}
	return nil
}

// record returns once a round is on disk, for which its leader writes it. In
// memory nobody writes and nobody waits.
func (j *journal) record(mine *round, leads bool) error {
	if j.dir == "" {
		return nil
	}
	if leads {
		j.write(mine)
	}
	<-mine.done
	return mine.err
}

// add numbers messages of one device and puts them into its box. mu is held.
func (j *journal) add(s *store, hub, device string, messages []message) error {
	key := deviceKey(hub, device)
	b := j.boxes[key]
	if b == nil {
		last, err := read(s, func(t *tx) (uint64, error) { return lastSequence(t, hub, device), nil })
		if err != nil {
			return err
		}
		b = &box{last: last}
		j.boxes[key] = b
	}
	for i := range messages {
		b.last++
		m := &messages[i]
		m.sequence = b.last
		j.size += cap(m.text) + messageMemory
		if j.dir != "" {
			j.size += len(m.text)
			j.buffer = appendRecord(j.buffer, j.epoch(), m)
		}
	}
	b.fresh = append(b.fresh, messages...)
	b.trim()
	j.unsettled.Store(true)
	return nil
}

// trim forgets what the ring has passed, at times.
func (b *box) trim() {
	if len(b.fresh) > 2*inboxSize {
		b.fresh = slices.Clone(b.fresh[len(b.fresh)-inboxSize:])
	}
}

func (j *journal) epoch() uint64 {
	if j.log == nil {
		return 0
	}
	return j.log.epoch
}

// write brings a round to disk. It is not delayed for company: who comes while
// the round before it is written belongs to it.
func (j *journal) write(mine *round) {
	j.writing.Lock()
	defer j.writing.Unlock()
	if mine.over { // a commit took it
		return
	}
	runtime.Gosched() // who is about to come costs less here than in the next round
	j.mu.Lock()
	records := j.buffer
	j.buffer, j.spare, j.waiting = j.spare, nil, newRound()
	j.mu.Unlock()
	if j.log == nil || j.failed {
		mine.end(errLogUnready)
		return
	}
	err := j.log.append(records)
	j.failed = err != nil
	if cap(records) <= maxSpare {
		j.spare = records[:0]
	}
	mine.end(err)
}

// settle sees that all messages which were received are in the database.
func (s *store) settle() error {
	if !s.journal.unsettled.Load() {
		return nil
	}
	return s.update(func(*tx) error { return nil })
}

// readSettled is read for those who look into inboxes.
func readSettled[T any](s *store, fn func(*tx) (T, error)) (T, error) {
	if err := s.settle(); err != nil {
		var none T
		return none, err
	}
	return read(s, fn)
}

// hold stops the journal for a commit, and release lets it go on.
func (j *journal) hold() {
	j.writing.Lock()
	j.mu.Lock()
}

func (j *journal) release() {
	j.mu.Unlock()
	j.writing.Unlock()
}

// flush writes what the journal holds into a transaction, and the epoch of the
// log that goes on after it. It is held.
func (j *journal) flush(t *tx) (epoch uint64, err error) {
	if !j.unsettled.Load() {
		return 0, nil
	}
	for key, b := range j.boxes {
		if err := b.flush(t, key); err != nil {
			return 0, err
		}
	}
	if j.dir == "" {
		return 0, nil
	}
	return nextEpoch(t)
}

// flush moves the messages of a device, and drops what is older than the newest
// inboxSize.
func (b *box) flush(t *tx, key string) error {
	if len(b.fresh) == 0 {
		return nil
	}
	for i := max(0, len(b.fresh)-inboxSize); i < len(b.fresh); i++ {
		m := &b.fresh[i]
		e, ok := m.event()
		if !ok {
			return fmt.Errorf("message %d of %q cannot be unpacked", m.sequence, key)
		}
		if err := put(t, bucketEvents, sequenceKey(key, m.sequence), &e); err != nil {
			return err
		}
	}
	if b.last <= inboxSize {
		return nil
	}
	prefix, end := key+"\x00", sequenceKey(key, b.last-inboxSize)
	var old []string
	cursor := t.cursor(bucketEvents)
	for k, _ := cursor.Seek([]byte(prefix)); k != nil && strings.HasPrefix(string(k), prefix) && string(k) <= end; k, _ = cursor.Next() {
		old = append(old, string(k))
	}
	for _, k := range old {
		if err := t.delete(bucketEvents, k); err != nil {
			return err
		}
	}
	return nil
}

// settled goes on after a commit: empty, with a log that begins anew when the
// commit took messages. It is held.
func (j *journal) settled(epoch uint64) {
	clear(j.boxes) // the commit may have changed any inbox
	if !j.unsettled.Load() {
		return
	}
	j.unsettled.Store(false)
	j.size, j.buffer = 0, nil
	j.waiting.end(nil)
	j.waiting = newRound()
	if j.dir == "" {
		return
	}
	j.failed = false
	if j.log == nil {
		log, err := createLog(j.dir)
		if err != nil {
			return // messages go on through the database, which says what is wrong
		}
		j.log = log
	}
	j.log.begin(epoch)
}

// close closes the log. The database holds all of it by then.
func (j *journal) close() error {
	if j.log == nil {
		return nil
	}
	return j.log.remove()
}

// takeOver reads what a killed process left in its log.
func (s *store) takeOver() error {
	j := s.journal
	if j.dir == "" {
		return nil
	}
	epoch, err := read(s, currentEpoch)
	if err != nil {
		return err
	}
	found, err := readLog(j.dir, epoch, func(m message, e *Event) {
		key := deviceKey(e.Hub, e.DeviceID)
		b := j.boxes[key]
		if b == nil {
			b = &box{}
			j.boxes[key] = b
		}
		b.last = m.sequence
		b.fresh = append(b.fresh, m)
		b.trim()
	})
	if err != nil || !found {
		return err
	}
	j.unsettled.Store(true) // were it for the new epoch alone
	return nil
}
