package profiles

import (
	"encoding/binary"
	"hash/fnv"
	"os"
	"time"
)

// Mark tells one state of some files from another, without reading them: two
// marks that differ mean that something may have changed. It says nothing more,
// and is not worth keeping longer than the process lives.
type Mark uint64

// youngFor is how long after a change a file's time may miss another change:
// FAT counts time in steps of two seconds, others in those of the kernel's clock.
const youngFor = 2 * time.Second

// MarkNames marks the list of the profiles. It looks at one folder and does not
// read it.
func (s *Store) MarkNames() Mark { return markAt(time.Now(), s.Paths.profiles()) }

// Mark marks what [Store.Load] and [Store.LoadState] read of a profile.
func (s *Store) Mark(name string) Mark {
	return markAt(time.Now(), s.Paths.Profile(name), s.Paths.StateFile(name))
}

// markAt marks files and folders by their size, mode and time. One that changed a
// moment ago has another mark when it has been at rest: what was read of it at once
// may be older than what its time tells by then.
func markAt(now time.Time, paths ...string) Mark {
	h := fnv.New64a()
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			_, _ = h.Write([]byte{0})
			continue
		}
		at := info.ModTime()
		young := byte(1)
		if now.Sub(at) < youngFor {
			young = 2
		}
		b := binary.LittleEndian.AppendUint64([]byte{young}, uint64(info.Size()))
		b = binary.LittleEndian.AppendUint32(b, uint32(info.Mode()))
		_, _ = h.Write(binary.LittleEndian.AppendUint64(b, uint64(at.UnixNano())))
	}
	return Mark(h.Sum64())
}
