// Package pki makes, reads and writes the keys and certificates of a device
// and of the CAs above it.
//
// Rules of the package: it prints nothing, logs nothing and knows no other
// package of dpslab. A private key reaches the disk only through [WriteKey] and
// [EnsureKey], with mode 0600 from its first byte, and is never overwritten. No
// error text holds key material or a pass phrase. Every kind of certificate has
// one row in the table in certificate.go; nothing else decides what stands in a
// certificate.
package pki
