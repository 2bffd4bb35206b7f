package emulator

import (
	"sync"
	"sync/atomic"
)

// maxCachedDevices bounds the cache: a device's twin may be large.
const maxCachedDevices = 4096

// deviceCache keeps devices as the last commit left them. Each commit puts an
// empty one in its place before it is answered. So what is found is never older
// than an answered write, and who reads beside a commit fills the cache that goes
// away with it.
type deviceCache struct {
	byKey sync.Map // deviceKey → *hubDevice
	count atomic.Int64
}

// device gives a device, or a module of it, to look at, not to change; nil when
// there is none.
func (s *store) device(hub, id, module string) (*hubDevice, error) {
	cache, key := s.devices.Load(), deviceKey(hub, id)
	if module != "" {
		key = modulePrefix(hub, id) + module
	}
	if known, ok := cache.byKey.Load(key); ok {
		return known.(*hubDevice), nil
	}
	d, err := read(s, func(t *tx) (*hubDevice, error) { return getIdentity(t, hub, id, module) })
	if err != nil || d == nil {
		return nil, err
	}
	if cache.count.Add(1) <= maxCachedDevices {
		cache.byKey.Store(key, d)
	}
	return d, nil
}
