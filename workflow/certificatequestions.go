package workflow

import (
	"strconv"

	"dpslab/pki"
	"dpslab/profiles"
)

var certificateFields = []Field{
	{
		Key: keySource, Label: "certificate", Page: PageCertificates, Hidden: notX509, Moot: true, Default: constant(profiles.SourceSelfSigned),
		Help: "What the device shows to prove who it is.",
		Options: []Option{
			{profiles.SourceSelfSigned, "self-signed", "one certificate for one device; DPS is told its thumbprint"},
			{profiles.SourceChain, "chain", "root CA, intermediate CA, device certificate; one CA admits many devices"},
			{profiles.SourceFiles, "existing files", "a certificate and key that you have already; PEM, DER or PFX"},
			{profiles.SourceCSR, "signing request", "the key is made here and stays here; a CA elsewhere signs the request"},
		},
	},
	{
		Key: keyCertificate, Label: "certificate file", Page: PageCertificates, Hidden: either(notX509, not(fromFiles)), Check: checkPath,
		Help: "The device's certificate, with the chain above it if there is one. PEM, DER or PFX: which of them it is shows by itself.", Example: "/home/me/device-01-full-chain.cert.pem",
	},
	{
		Key: keyKeyFile, Label: "key file", Page: PageCertificates, Hidden: either(notX509, not(fromFiles)), Check: optional(checkPath),
		Unset: "none: the key is in the certificate's file",
		Help:  "Its private key. Leave it empty when the key is in the certificate's file, as in a PFX.", Example: "/home/me/device-01.key.pem",
	},
	{
		Key: keyAlgorithm, Label: "key", Page: PageCertificates, Hidden: either(notX509, fromFiles), Default: constant(string(pki.ECP256)),
		Help:    "The kind of key. EC P-256 is small and quick; RSA 4096 is what the public how-to uses and takes a second or more to make.",
		Options: algorithmOptions(),
	},
	{
		Key: keyValidDays, Label: "valid for (days)", Page: PageCertificates, Hidden: either(notX509, is(keySource, profiles.SourceFiles, profiles.SourceCSR)), Default: constant(strconv.Itoa(pki.DeviceDays)), Check: checkDays,
		Help: "The life of the device certificate. The CAs of a new chain live ten years.", Example: "30",
	},
	{
		Key: keyAuthority, Label: "authority", Page: PageCertificates, Hidden: either(notX509, notChain), Default: constant("dpslab-ca"), Check: checkID(profiles.CheckName),
		Help: "The root and intermediate CA that sign this device. Made once, shared by all profiles that name it.", Example: "dpslab-ca",
	},
	{
		Key: keySignedFile, Label: "signed certificate", Page: PageCertificates, Hidden: either(notX509, not(is(keySource, profiles.SourceCSR))), Check: optional(checkPath),
		Unset: "the device's folder: the step says where",
		Help:  "Where the CA's answer to the request will lie: the certificate, with the chain above it if there is one. The step waits for it, or finds it when it runs again.", Example: "/home/me/device-01.cert.pem",
	},
	{
		Key: keyPassphraseEnv, Label: "pass phrase variable", Page: PageCertificates, Hidden: notX509, Check: optional(checkEnvName),
		Unset: "none: keys without a pass phrase",
		Help:  "The name of an environment variable that holds a pass phrase for the private keys. Leave it empty for keys without one.", Example: "DEVICE_PASSPHRASE",
	},
	{
		Key: keyPassphraseCommand, Label: "pass phrase command", Page: PageCertificates, Check: optional(checkCommand),
		Hidden: either(notX509, not(is(keyPassphraseEnv, ""))),
		Unset:  "none: keys without a pass phrase",
		Help:   "Or a command that prints the pass phrase on its first line, such as that of a password store. It runs once in a run; what it prints is kept nowhere.", Example: "pass show dps/device-01",
	},
	{
		Key: keyMoreCertificates, Label: "more choices", Page: PageCertificates, Hidden: notX509, Default: constant(no),
		Help:    "A certificate to roll over to, a PFX, deeper chains.",
		Options: yesNo("what is usual", "ask me about them"),
	},
	{
		Key: keySecondary, Label: "second certificate", Page: PageCertificates, Default: constant(no),
		Hidden:  either(fewCertificates, not(is(keySource, profiles.SourceSelfSigned, profiles.SourceChain)), not(individual)),
		Help:    "A second key and certificate for the same device. The enrollment names it as its secondary one, so that the device can roll over without a gap.",
		Options: yesNo("one certificate", "a primary and a secondary one"),
	},
	{
		Key: keySecondaryAuthority, Label: "second authority", Page: PageCertificates, Check: optional(checkSecondAuthority),
		Hidden: either(fewCertificates, notChain, individual),
		Unset:  "none",
		Help:   "Another CA, made when it is not there. The enrollment group names its intermediate CA as the secondary one, so that the devices can roll over to it.", Example: "dpslab-ca-2",
	},
	{
		Key: keyIntermediates, Label: "intermediate CAs", Page: PageCertificates, Hidden: either(fewCertificates, notChain), Default: constant("1"), Check: checkIntermediates,
		Help: "How many CAs stand between the root and the device. Counts when the authority is made; one that is there keeps its depth.", Example: "1",
	},
	{
		Key: keyPFXPasswordEnv, Label: "PFX password variable", Page: PageCertificates, Hidden: fewCertificates, Check: optional(checkEnvName),
		Unset: "none: no PFX is written",
		Help:  "Writes key and chain as a PFX (PKCS#12) too, for Windows and API Management. The environment variable of this name holds its password.", Example: "DEVICE_PFX_PASSWORD",
	},
	{
		Key: keyPFXCompatible, Label: "PFX for old Windows", Page: PageCertificates, Default: constant(no),
		Hidden:  either(fewCertificates, func(a Answers) bool { return value(a, keyPFXPasswordEnv) == "" }),
		Help:    "How the PFX is encrypted. Windows Server 2016 and older read 3DES only.",
		Options: yesNo("AES-256", "3DES with SHA-1"),
	},
}

// fewCertificates hides what only those who want more choices are asked.
func fewCertificates(a Answers) bool { return notX509(a) || value(a, keyMoreCertificates) != yes }
