// Package tpm lets a device prove itself to Device Provisioning Service and IoT
// Hub by its TPM 2.0: /dev/tpmrm0 of Linux, the socket of a software TPM, or the
// TPM Base Services of Windows.
//
// Keys are where the services' own client libraries have them, after the TCG
// "TPM v2.0 Provisioning Guidance": the endorsement key at 0x81010001, the
// storage root key at 0x81000001. Where nothing is, both are made for the time
// of use from the TCG's RSA 2048 templates, which give the same keys each time.
// The key that a service sends is kept at 0x81000100, so that a later process
// can sign with it.
package tpm
