package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

// firstCollection is the size of the heap, in percent of Go's usual 4 MiB, at
// which garbage is collected for the first time.
const firstCollection = 300

// postponeCollection lets a short process end without collecting garbage: a whole
// run allocates 5 to 10 MiB, and the one collection in it touched more memory, by
// its own lists and marks, than it freed (250 page faults, a tenth of the run).
// From the first collection on all is as usual, for the lab and the workbench.
func postponeCollection() {
	usual := debug.SetGCPercent(firstCollection)
	if usual != 100 { // GOGC was set: whoever did it knows why
		debug.SetGCPercent(usual)
		return
	}
	type sentinel struct{ _ *byte } // with a pointer in it, or it would share its block and outlive the collection
	runtime.AddCleanup(new(sentinel), func(percent int) {
		if !thrifty.Load() {
			debug.SetGCPercent(percent)
		}
	}, usual)
}

// thrifty says that collectOften was called.
var thrifty atomic.Bool

// collectOften keeps the memory of a long session small: the heap grows by
// half, not twofold, before garbage is collected. A hundred thousand exchanges
// leave 5 MiB to look at, which takes two milliseconds.
func collectOften() {
	if _, set := os.LookupEnv("GOGC"); set {
		return
	}
	thrifty.Store(true)
	debug.SetGCPercent(50)
}
