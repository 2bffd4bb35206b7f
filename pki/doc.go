// Package pki makes, reads and writes the keys and certificates of a device
// and of the CAs above it.
//
// Rules of the package: it prints nothing, logs nothing and knows no other
// package of dpslab. A private key reaches the disk with mode 0600 from its first
// byte, whole or not at all, and is never overwritten; [WriteOutput] alone
// replaces one when it is told to, and keeps a copy. No error text holds key
// material or a pass phrase. Every kind of certificate has one row in the table
// in kinds.go; nothing else decides what stands in a certificate.
//
// Two readers: [DecodeCertificates] and [DecodeKey] take clean PEM only, as what
// goes into TLS must be; [Sniff] takes anything, for people who look for what is
// wrong. [Verify] checks heaps of files by the rules F01 to F18, see [Rules].
package pki
