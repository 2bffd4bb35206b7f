package workflow

import (
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
		Key: keyIDScope, Label: "ID scope", Page: PageWhere, Hidden: inLab, Check: check(dps.CheckIDScope),
		Help: "Names your DPS instance; the Overview page of the instance shows it.", Example: "0ne00111111",
	},
	{
		Key: keyServiceEndpoint, Label: "service endpoint", Page: PageWhere, Hidden: inLab, Check: checkHost,
		Help:    "The instance's own host name, where enrollments are written; the Overview page shows it.",
		Example: "contoso-dps.azure-devices-provisioning.net",
	},
	{
		Key: keyCredential, Label: "credential", Page: PageWhere, Hidden: inLab, Default: constant(profiles.CredentialEntra),
		Help: "How this program may write enrollments. The device itself never uses it.",
		Options: []Option{
			{profiles.CredentialEntra, "Entra ID", "the account of az login, the environment or a managed identity"},
			{profiles.CredentialEntraDeviceCode, "Entra ID by a code", "a code that you type into any browser; for SSH"},
			{profiles.CredentialEntraCLI, "Entra ID of az login", "that account and no other"},
			{profiles.CredentialEntraEnvironment, "service principal", "AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret or certificate in the environment"},
			{profiles.CredentialEntraManagedIdentity, "managed identity", "of the Azure machine that this runs on"},
			{profiles.CredentialEntraWorkloadIdentity, "workload identity", "of the Kubernetes pod that this runs in"},
			{profiles.CredentialConnectionString, "connection string", "a service connection string, read from an environment variable"},
			{profiles.CredentialNone, "none", "somebody else writes the enrollment and uploads the CA"},
		},
	},
	{
		Key: keyConnectionStringEnv, Label: "connection string variable", Page: PageWhere,
		Hidden: func(a Answers) bool {
			return inLab(a) || value(a, keyCredential) != profiles.CredentialConnectionString
		},
		Default: constant("DPS_CONNECTION_STRING"), Check: checkEnvName,
		Help: "The name of the environment variable that holds the connection string. The string itself is never stored.", Example: "DPS_CONNECTION_STRING",
	},
	{
		Key: keySubscription, Label: "subscription ID", Page: PageWhere, Hidden: noManagement, Check: optional(checkUUID),
		Unset: "none: no signing CA is uploaded",
		Help:  "Needed to upload a signing CA. Leave it empty for self-signed certificates.", Example: "11111111-2222-3333-4444-555555555555",
	},
	{
		Key: keyResourceGroup, Label: "resource group", Page: PageWhere, Hidden: noManagement,
		Unset: "none: no signing CA is uploaded",
		Help:  "The resource group of the DPS instance; needed to upload a signing CA.", Example: "rg-iot",
	},
	{
		Key: keyDPSName, Label: "DPS name", Page: PageWhere, Hidden: noManagement,
		Unset: "none: no signing CA is uploaded",
		Help:  "The name of the DPS instance; needed to upload a signing CA.", Example: "contoso-dps",
	},
}

var telemetryFields = []Field{
	{
		Key: keyCount, Label: "messages", Page: PageTelemetry, Default: constant("10"), Check: checkCount,
		Help: "How many messages the telemetry step sends.", Example: "10",
	},
	{
		Key: keyBatch, Label: "batch", Page: PageTelemetry, Default: constant("1"), Check: checkBatch,
		Help: "More than one go out together in one request: quicker, but all of them are accepted or none.", Example: "1",
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
	{
		Key: keyAPIMService, Label: "API Management", Page: PageTelemetry, Hidden: either(notX509, noAPIManagement), Check: optional(check(checkServiceName)),
		Unset: "none: nothing is uploaded there",
		Help: "Also uploads the device's certificate with its key, as a PFX, to an API Management service, which then shows it to backends. " +
			"That is not the certificate that DPS needs: DPS knows signing certificates without a key. The lab's is called dpslab-apim.",
		Example: "contoso-apim",
	},
	{
		Key: keyAPIMCertificate, Label: "certificate ID", Page: PageTelemetry, Check: optional(check(checkCertificateID)),
		Hidden: either(notX509, noAPIManagement, is(keyAPIMService, "")),
		Unset:  "the registration ID",
		Help:   "The certificate's name in the API Management service, at most 80 characters.", Example: "device-01",
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
