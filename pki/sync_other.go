//go:build !linux

package pki

// syncTree makes the files of a batch durable.
func syncTree(_ string, devices []batchDevice) error { return syncFiles(devices) }
