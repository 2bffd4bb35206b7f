package workflow

import (
	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/dps"
)

var enrollmentFields = []Field{
	{
		Key: keyEnrollment, Label: "enrollment", Page: PageEnrollment, Default: defaultEnrollment, Hidden: onlyIndividual, Check: checkEnrollment,
		Help: "An individual enrollment admits one device; an enrollment group admits every device of a signing CA.",
		Options: []Option{
			{profiles.EnrollmentGroup, "group", "every device below the signing CA, or with a key derived from the group's"},
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
			{dps.AllocationCustom, "custom", "a webhook of yours, named next, decides"},
		},
	},
	{
		Key: keyHubs, Label: "IoT hubs", Page: PageEnrollment, Check: checkHubs,
		Hidden: func(a Answers) bool {
			return value(a, keyAllocation) != dps.AllocationStatic && value(a, keyMoreEnrollment) != yes
		},
		Default: func(a Answers) string {
			if inLab(a) && value(a, keyAllocation) == dps.AllocationStatic {
				return "lab-hub.azure-devices.net"
			}
			return ""
		},
		Unset: "every linked hub",
		Help:  "The host name of the linked hub that gets the device; several, separated by commas, with another policy than static.", Example: "contoso-hub.azure-devices.net",
	},
	{
		Key: keyWebhook, Label: "webhook URL", Page: PageEnrollment, Check: checkWebhook, Hidden: not(is(keyAllocation, dps.AllocationCustom)),
		Help: "DPS posts the device's context there, and the answer names the hub.", Example: "https://contoso.azurewebsites.net/api/allocate",
	},
	{
		Key: keyWebhookVersion, Label: "webhook API version", Page: PageEnrollment, Check: checkWebhookVersion, Hidden: not(is(keyAllocation, dps.AllocationCustom)), Default: constant("2021-10-01"),
		Help: "The form in which DPS asks the webhook; 2018-09-01-preview or later.", Example: "2021-10-01",
	},
	{
		Key: keyMoreEnrollment, Label: "more choices", Page: PageEnrollment, Default: constant(no),
		Help:    "Reprovisioning, initial twin, IoT Edge, CA references, a payload for the webhook.",
		Options: yesNo("what is usual", "ask me about them"),
	},
}

// few hides what only those who want more choices are asked.
func few(a Answers) bool { return value(a, keyMoreEnrollment) != yes }

var moreEnrollmentFields = []Field{
	{
		Key: keyDerivedKey, Label: "the key is", Page: PageEnrollment, Default: constant(no),
		Hidden: either(few, notKey, individual, is(keySymmetricKeyEnv, "")),
		Help:   "Which key the environment variable holds: the group's, from which the device's is derived here, or the device's own, as a device in the field has it.",
		Options: []Option{
			{no, "the group's", "the device's key is derived from it"},
			{yes, "the device's", "derived already; the group's key stays elsewhere"},
		},
	},
	{
		Key: keyCAReference, Label: "CA reference", Page: PageEnrollment, Hidden: either(few, noSigner), Check: optional(check(checkCAName)),
		Unset: "none: the enrollment holds the certificate itself",
		Help:  "The name of a CA that was uploaded to DPS and verified. The enrollment then refers to it and holds no certificate.", Example: "dpslab-ca",
	},
	{
		Key: keySecondaryCA, Label: "secondary CA reference", Page: PageEnrollment, Hidden: either(few, noSigner, is(keyCAReference, "")), Check: optional(check(checkCAName)),
		Unset: "none",
		Help:  "The name of another uploaded CA, to roll over to.", Example: "dpslab-ca-2",
	},
	{
		Key: keyReprovision, Label: "registering again", Page: PageEnrollment, Hidden: few, Default: constant(reprovisionDefault),
		Help: "What DPS may do with the device's hub and its twin when it registers again.",
		Options: []Option{
			{reprovisionDefault, "as DPS does", "leaves the choice to DPS, whose default is to migrate"},
			{reprovisionMigrate, "migrate", "another hub if the policy says so; the twin goes along"},
			{reprovisionReset, "reset", "another hub if the policy says so; the twin begins anew"},
			{reprovisionNever, "never", "the device keeps its first hub"},
		},
	},
	{
		Key: keyEdge, Label: "IoT Edge", Page: PageEnrollment, Hidden: few, Default: constant(no),
		Help:    "Whether the device runs IoT Edge.",
		Options: yesNo("an ordinary device", "an IoT Edge device"),
	},
	{
		Key: keyTwin, Label: "initial twin", Page: PageEnrollment, Hidden: few, Check: optional(check(checkTwin)),
		Unset: "none",
		Help:  "What the device's twin at the hub begins with: a JSON object with tags and properties.desired.", Example: `{"tags": {"line": 3}, "properties": {"desired": {"interval": 60}}}`,
	},
	{
		Key: keyDeviceInfo, Label: "device information", Page: PageEnrollment, Hidden: either(few, not(individual)), Check: optional(check(checkObject)),
		Unset: "none",
		Help:  "Notes about the device that DPS keeps with its enrollment: a JSON object.", Example: `{"serial": "4711"}`,
	},
	{
		Key: keyPayload, Label: "payload", Page: PageEnrollment, Hidden: few, Check: optional(check(checkJSON)),
		Unset: "none",
		Help:  "JSON that the device sends along when it registers; a custom allocation webhook receives it.", Example: `{"model": "press-3"}`,
	},
}
