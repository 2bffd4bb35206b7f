package emulator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
)

// eventLog is the file of the journal: records one after the other, from its
// beginning again with each epoch, so that most writes change no size and need
// no more than their own blocks to reach the disk.
//
// A record is, in big-endian numbers, the length of its text (4 bytes), a CRC-32C
// of all that follows (4), its epoch (8), the sequence number (8) and the text of
// a message, or an [Event] in JSON as earlier versions wrote it. The first that
// does not fit, be it torn or of another epoch, ends the log.
type eventLog struct {
	file   *os.File
	epoch  uint64
	offset int64
	size   int64
}

const (
	logName    = "events.log"
	recordHead = 24
	// logStep is how far the file grows ahead of what is written.
	logStep = 1 << 20
	// maxRecord bounds the text of a record: a message whose body may be base64, or
	// may have three bytes of U+FFFD for each that was no text.
	maxRecord = 8 * maxMessage
)

var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// bucketLog has the epoch of the valid log as its sequence. It is part of the
// file, not of what the lab holds: no export has it, and no reset drops it.
const bucketLog = "log"

func currentEpoch(t *tx) (uint64, error) {
	if b := t.bolt.Bucket([]byte(bucketLog)); b != nil {
		return b.Sequence(), nil
	}
	return 0, nil
}

// nextEpoch makes all logs before it invalid. It is random, so that a log which
// was left beside another database is none of its own.
func nextEpoch(t *tx) (uint64, error) {
	t.dirty = true
	b, err := t.bolt.CreateBucketIfNotExists([]byte(bucketLog))
	epoch := rand.Uint64() | 1 // 0 stands for none
	if err == nil {
		err = b.SetSequence(epoch)
	}
	if err != nil {
		return 0, fmt.Errorf("beginning a log of messages: %w", err)
	}
	return epoch, nil
}

// createLog makes the file, and its name durable.
func createLog(dir string) (*eventLog, error) {
	file, err := os.OpenFile(filepath.Join(dir, logName), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making the log of messages: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("making the log of messages: %w", err), file.Close())
	}
	return &eventLog{file: file}, nil
}

// begin starts over. The epoch is in the database already.
func (l *eventLog) begin(epoch uint64) { l.epoch, l.offset = epoch, 0 }

// append writes records and returns when they are on disk.
func (l *eventLog) append(records []byte) error {
	end := l.offset + int64(len(records))
	if end > l.size {
		grown := end + logStep
		if _, err := l.file.WriteAt(make([]byte, grown-end), end); err != nil {
			return fmt.Errorf("extending the log of messages: %w", err)
		}
		l.size = grown
	}
	if _, err := l.file.WriteAt(records, l.offset); err != nil {
		return fmt.Errorf("writing the log of messages: %w", err)
	}
	if err := syncData(l.file); err != nil {
		return fmt.Errorf("writing the log of messages to disk: %w", err)
	}
	l.offset = end
	return nil
}

// remove closes and deletes the file.
func (l *eventLog) remove() error {
	if err := errors.Join(l.file.Close(), os.Remove(l.file.Name())); err != nil {
		return fmt.Errorf("removing the log of messages: %w", err)
	}
	return nil
}

// appendRecord adds a record to a buffer.
func appendRecord(buffer []byte, epoch uint64, m *message) []byte {
	start := len(buffer)
	buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(m.text)))
	buffer = binary.BigEndian.AppendUint32(buffer, 0)
	buffer = binary.BigEndian.AppendUint64(buffer, epoch)
	buffer = binary.BigEndian.AppendUint64(buffer, m.sequence)
	buffer = append(buffer, m.text...)
	binary.BigEndian.PutUint32(buffer[start+4:], crc32.Checksum(buffer[start+8:], castagnoli()))
	return buffer
}

// cutRecord takes the first record off a log; false where the log ends.
func cutRecord(raw []byte, epoch uint64) (m message, rest []byte, ok bool) {
	if len(raw) < recordHead {
		return m, nil, false
	}
	length := binary.BigEndian.Uint32(raw)
	if length > maxRecord || int(length) > len(raw)-recordHead {
		return m, nil, false
	}
	record, rest := raw[:recordHead+int(length)], raw[recordHead+int(length):]
	if binary.BigEndian.Uint32(record[4:]) != crc32.Checksum(record[8:], castagnoli()) || binary.BigEndian.Uint64(record[8:]) != epoch {
		return m, nil, false
	}
	return message{binary.BigEndian.Uint64(record[16:]), record[recordHead:]}, rest, true
}

// readLog gives the messages of the log of an epoch, and says whether there is
// a file at all. A record that is whole was acknowledged: one that cannot be read
// is an error, not the end of the log.
func readLog(dir string, epoch uint64, keep func(message, *Event)) (found bool, err error) {
	path := filepath.Join(dir, logName)
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the log of messages: %w", err)
	}
	for {
		m, rest, ok := cutRecord(raw, epoch)
		if !ok {
			return true, nil
		}
		m, e, ok := m.recorded()
		if !ok {
			return true, &DamagedError{path, "it holds messages in a form that this version does not know; start and end the version that wrote them once, which moves them into the database"}
		}
		keep(m, &e)
		raw = rest
	}
}
