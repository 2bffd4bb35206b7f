//go:build !linux

package main

// echoOff is left to term.ReadPassword here, which comes after the prompt.
func echoOff(int) error { return nil }
