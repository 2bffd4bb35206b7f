package emulator

import "sync"

// maxKnownEntries bounds the cache of entries: those of the devices that register
// at this moment, and the groups that they come by.
const maxKnownEntries = 256

// entryCache keeps entries decoded. A registration looks at its entry twice, and
// all devices of a group at the same one. What is in the database decides: an entry
// counts as known only while its text there is the very same.
type entryCache struct {
	mu    sync.Mutex
	known map[entryRef]knownEntry
}

type knownEntry struct {
	text  string // as the database has it
	entry *entry
}

// lookAtEntry is getEntryRecord for those who change nothing in it.
func lookAtEntry(t *tx, ref entryRef) (*entry, error) {
	text := t.bolt.Bucket([]byte(ref.Kind.bucket())).Get([]byte(ref.key()))
	if text == nil || t.entries == nil {
		return getEntryRecord(t, ref)
	}
	ref.ID = ref.key()
	if e := t.entries.find(ref, text); e != nil {
		return e, nil
	}
	e, err := getEntryRecord(t, ref)
	if err == nil {
		t.entries.keep(ref, knownEntry{string(text), e})
	}
	return e, err
}

func (c *entryCache) find(ref entryRef, text []byte) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.known[ref]; ok && known.text == string(text) {
		return known.entry
	}
	return nil
}

func (c *entryCache) keep(ref entryRef, known knownEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxKnownEntries {
		c.known = map[entryRef]knownEntry{}
	}
	c.known[ref] = known
}
