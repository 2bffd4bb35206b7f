// Package workflow is the engine of dpslab: the steps of a device's life, the
// questions that must be answered before, and the stream of events that every
// face renders.
//
// Rules of the package: no Bubble Tea, no colours, no os.Stdout. Everything
// that happens is an [Event]; [Status] is its one projection; [Session] is the
// one door for faces. Time comes from package time and is faked in tests with
// testing/synctest. A run may be killed after any event: what the next run
// needs is in the state file before a wait begins.
package workflow
