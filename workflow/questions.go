package workflow

import (
	"strings"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/dps"
)

var whereFields = []Field{
	{
		Key: keyTarget, Label: "target", Page: PageWhere, Default: constant(profiles.TargetLab),
		Help: "Where the services are. The lab runs inside this program and needs neither network nor subscription.",
		Options: []Option{
			{profiles.TargetLab, "lab", "the embedded emulator of DPS, IoT Hub and Azure Resource Manager, on this machine"},
			{profiles.TargetAzure, "Azure", "a DPS instance of yours in Azure"},
		},
	},
	{
		Key: "target.id_scope", Label: "ID scope", Page: PageWhere, Hidden: inLab, Check: check(dps.CheckIDScope),
		Help: "Names your DPS instance; the Overview page of the instance shows it.", Example: "0ne00111111",
	},
	{
		Key: "target.service_endpoint", Label: "service endpoint", Page: PageWhere, Hidden: inLab, Check: checkHost,
		Help:    "The instance's own host name, where enrollments are written; the Overview page shows it.",
		Example: "contoso-dps.azure-devices-provisioning.net",
	},
	{
		Key: keyCredential, Label: "credential", Page: PageWhere, Hidden: inLab, Default: constant(profiles.CredentialEntra),
		Help: "How this program may write enrollments. The device itself never uses it.",
		Options: []Option{
			{profiles.CredentialEntra, "Entra ID", "the account of az login, the environment or a managed identity"},
			{profiles.CredentialConnectionString, "connection string", "a service connection string, read from an environment variable"},
			{profiles.CredentialNone, "none", "somebody else writes the enrollment and uploads the CA"},
		},
	},
	{
		Key: "target.connection_string_env", Label: "connection string variable", Page: PageWhere,
		Hidden: func(a Answers) bool {
			return inLab(a) || value(a, keyCredential) != profiles.CredentialConnectionString
		},
		Default: constant("DPS_CONNECTION_STRING"), Check: checkEnvName,
		Help: "The name of the environment variable that holds the connection string. The string itself is never stored.", Example: "DPS_CONNECTION_STRING",
	},
	{
		Key: "target.subscription_id", Label: "subscription ID", Page: PageWhere, Hidden: noManagement, Check: optional(checkUUID),
		Unset: "none: no signing CA is uploaded",
		Help:  "Needed to upload a signing CA. Leave it empty for self-signed certificates.", Example: "11111111-2222-3333-4444-555555555555",
	},
	{
		Key: "target.resource_group", Label: "resource group", Page: PageWhere, Hidden: noManagement,
		Unset: "none: no signing CA is uploaded",
		Help:  "The resource group of the DPS instance; needed to upload a signing CA.", Example: "rg-iot",
	},
	{
		Key: "target.dps_name", Label: "DPS name", Page: PageWhere, Hidden: noManagement,
		Unset: "none: no signing CA is uploaded",
		Help:  "The name of the DPS instance; needed to upload a signing CA.", Example: "contoso-dps",
	},
}

var identityFields = []Field{
	{
		Key: keyRegistrationID, Label: "registration ID", Page: PageIdentity, Check: checkID(pki.CheckCommonName),
		Help: "The device's name at DPS, and the CN of its certificate. Letters, digits, '-', '.', '_' and ':'; case does not matter; at most 64.", Example: "my-x509-device",
	},
	{
		Key: keyName, Label: "profile name", Page: PageIdentity, Check: checkID(profiles.CheckName),
		Default: func(a Answers) string {
			return strings.ToLower(strings.ReplaceAll(a[keyRegistrationID], ":", "-"))
		},
		Unset: "the registration ID, in lower case",
		Help:  "What this device is called here; also the file's name.", Example: "my-x509-device",
	},
}

var certificateFields = []Field{
	{
		Key: keySource, Label: "certificate", Page: PageCertificates, Default: constant(profiles.SourceSelfSigned),
		Help: "What the device shows to prove who it is.",
		Options: []Option{
			{profiles.SourceSelfSigned, "self-signed", "one certificate for one device; DPS is told its thumbprint"},
			{profiles.SourceChain, "chain", "root CA, intermediate CA, device certificate; one CA admits many devices"},
			{profiles.SourceFiles, "existing files", "a certificate and key that you have already; PEM, DER or PFX"},
		},
	},
	{
		Key: keyCertificate, Label: "certificate file", Page: PageCertificates, Hidden: not(fromFiles), Check: checkPath,
		Help: "The device's certificate, with the chain above it if there is one. What kind of file it is finds itself.", Example: "/home/me/device-01-full-chain.cert.pem",
	},
	{
		Key: keyKeyFile, Label: "key file", Page: PageCertificates, Hidden: not(fromFiles), Check: optional(checkPath),
		Help: "Its private key. Leave it empty when the key is in the certificate's file, as in a PFX.", Example: "/home/me/device-01.key.pem",
	},
	{
		Key: keyAlgorithm, Label: "key", Page: PageCertificates, Hidden: fromFiles, Default: constant(string(pki.ECP256)),
		Help:    "The kind of key. EC P-256 is small and quick; RSA 4096 is what the public how-to uses and takes a second or more to make.",
		Options: algorithmOptions(),
	},
	{
		Key: keyValidDays, Label: "valid for (days)", Page: PageCertificates, Hidden: fromFiles, Default: constant("30"), Check: checkDays,
		Help: "The life of the device certificate. The CAs of a new chain live ten years.", Example: "30",
	},
	{
		Key: keyAuthority, Label: "authority", Page: PageCertificates, Hidden: notChain, Default: constant("dpslab-ca"), Check: checkID(profiles.CheckName),
		Help: "The root and intermediate CA that sign this device. Made once, shared by all profiles that name it.", Example: "dpslab-ca",
	},
	{
		Key: keyPassphraseEnv, Label: "pass phrase variable", Page: PageCertificates, Check: optional(checkEnvName),
		Unset: "none: keys without a pass phrase",
		Help:  "The name of an environment variable that holds a pass phrase for the private keys. Leave it empty for keys without one.", Example: "DEVICE_PASSPHRASE",
	},
}

var enrollmentFields = []Field{
	{
		Key: keyEnrollment, Label: "enrollment", Page: PageEnrollment, Default: defaultEnrollment, Hidden: selfSigned, Check: checkEnrollment,
		Help: "An individual enrollment admits one device; an enrollment group admits every device of a signing CA.",
		Options: []Option{
			{profiles.EnrollmentGroup, "group", "every device whose chain leads to the intermediate CA"},
			{profiles.EnrollmentIndividual, "individual", "this device alone"},
		},
	},
	{
		Key: keyEnrollmentID, Label: "group name", Page: PageEnrollment, Hidden: individual, Default: constant("dpslab-group"), Check: checkID(pki.CheckRegistrationID),
		Help: "The enrollment group at DPS; made when it is not there.", Example: "line-3",
	},
	{
		Key: keyDeviceID, Label: "device ID", Page: PageEnrollment, Hidden: not(individual), Check: optional(check(dps.CheckDeviceID)),
		Unset: "the registration ID",
		Help:  "The device's name at the hub. Empty: the registration ID.", Example: "truck-7",
	},
	{
		Key: keyAllocation, Label: "allocation policy", Page: PageEnrollment, Default: constant(dps.AllocationHashed),
		Help: "How DPS chooses among linked hubs.",
		Options: []Option{
			{dps.AllocationHashed, "hashed", "spread evenly, always the same hub for the same device"},
			{dps.AllocationGeoLatency, "lowest latency", "the hub that answers the device quickest"},
			{dps.AllocationStatic, "static", "one hub, named next"},
		},
	},
	{
		Key: keyHubs, Label: "IoT hub", Page: PageEnrollment, Check: checkHubs,
		Hidden: func(a Answers) bool { return value(a, keyAllocation) != dps.AllocationStatic },
		Default: func(a Answers) string {
			if inLab(a) {
				return "lab-hub.azure-devices.net"
			}
			return ""
		},
		Help: "The host name of the linked hub that gets the device.", Example: "contoso-hub.azure-devices.net",
	},
}

var telemetryFields = []Field{
	{
		Key: keyCount, Label: "messages", Page: PageTelemetry, Default: constant("10"), Check: checkCount,
		Help: "How many messages the telemetry step sends.", Example: "10",
	},
	{
		Key: keyInterval, Label: "interval", Page: PageTelemetry, Default: constant("1s"), Check: checkInterval,
		Help: "The pause between two messages.", Example: "500ms, 1s, 2m",
	},
	{
		Key: keyBody, Label: "body", Page: PageTelemetry, Default: constant(DefaultBody), Check: checkBody,
		Help:    "The message. {{ now }} is the time, {{ n }} the message's number, {{ wave 20 30 \"20s\" }} a number that swings.",
		Example: `{"temperature": 30}`,
	},
	{
		Key: keyContentType, Label: "content type", Page: PageTelemetry, Default: constant("application/json"), Check: checkContentType,
		Help: "Becomes the message's content type at the hub, on which routes can decide.", Example: "application/json",
	},
}

func algorithmOptions() []Option {
	about := map[pki.Algorithm]Option{
		pki.ECP256:  {Label: "EC P-256", Help: "small, quick, understood by every client"},
		pki.ECP384:  {Label: "EC P-384", Help: "larger, for policies that ask for it"},
		pki.ECP521:  {Label: "EC P-521", Help: "largest curve; some TLS stacks lack it"},
		pki.RSA2048: {Label: "RSA 2048", Help: "for clients without elliptic curves"},
		pki.RSA3072: {Label: "RSA 3072", Help: "for policies that ask for it"},
		pki.RSA4096: {Label: "RSA 4096", Help: "what the public how-to uses; slow to make, large on the wire"},
	}
	var out []Option
	for _, a := range pki.Algorithms() {
		o := about[a]
		o.Value = string(a)
		out = append(out, o)
	}
	return out
}
