package workflow

import (
	"runtime"
	"strings"

	"dpslab/profiles"
)

var identityFields = []Field{
	{
		Key: keyRegistrationID, Label: "registration ID", Page: PageIdentity, Check: checkRegistrationID,
		Help: "The device's name at DPS, and the CN of its certificate if it has one. Letters, digits, '-', '.', '_' and ':'; case does not matter; at most 64 with a certificate, else 128.", Example: "my-x509-device",
	},
	{
		Key: keyName, Label: "profile name", Page: PageIdentity, Check: checkID(profiles.CheckName),
		Default: func(a Answers) string {
			return strings.ToLower(strings.ReplaceAll(a[keyRegistrationID], ":", "-"))
		},
		Unset: "the registration ID, in lower case",
		Help:  "What this device is called here; also the file's name.", Example: "my-x509-device",
	},
	{
		Key: keyAttestation, Label: "attestation", Page: PageIdentity, Default: constant(profiles.AttestationX509),
		Help: "How the device proves to DPS who it is.",
		Options: []Option{
			{profiles.AttestationX509, "X.509", "a certificate and its private key; the next page makes or takes them"},
			{profiles.AttestationSymmetricKey, "symmetric key", "a secret that the device and DPS share; no certificate"},
			{profiles.AttestationTPM, "TPM", "a Trusted Platform Module 2.0 in this machine; no certificate"},
		},
	},
	{
		Key: keySymmetricKeyEnv, Label: "key variable", Page: PageIdentity, Hidden: notKey, Check: checkKeyEnv,
		Unset: "none: the service makes the key, and each run asks for it",
		Help: "The name of an environment variable that holds the enrollment's key, base64 of 16 to 64 bytes: the device's, or the group's, from which the device's is derived. " +
			"Leave it empty when this program may read enrollments: it asks for the key when it needs it. The key itself is never stored.", Example: "DEVICE_01_KEY",
	},
	{
		Key: keyTPMDevice, Label: "TPM", Page: PageIdentity, Hidden: notTPM, Default: constant(usualTPM(runtime.GOOS)), Check: checkTPMDevice,
		Help: "The TPM's device file, or the socket of a software TPM; on Windows tbs, the machine's own.", Example: usualTPM(runtime.GOOS),
	},
}

// usualTPM is the TPM of a machine: of Linux the one behind the kernel's resource
// manager, of Windows what its TPM Base Services give.
func usualTPM(goos string) string {
	if goos == "windows" {
		return "tbs"
	}
	return "/dev/tpmrm0"
}

// yesNo are the options of a question with two answers, what is usual first.
func yesNo(helpNo, helpYes string) []Option {
	return []Option{{no, "no", helpNo}, {yes, "yes", helpYes}}
}
