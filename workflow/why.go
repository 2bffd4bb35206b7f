package workflow

// why says of every question what its answer decides, for people who wonder.
// Help is the sentence beside the field; this is what a colleague would tell.
var why = map[string]string{
	keyTarget:                      "Everything after this talks to the place you choose. In the lab nothing leaves this machine and nothing costs money, and its rules are those of Azure: what works there works in your subscription. A profile can be changed to Azure later; its certificates stay.",
	"target.id_scope":              "A device does not know your instance's host name. It calls one global address and names the ID scope, and DPS finds your instance by it. It is no secret, and it never changes.",
	"target.service_endpoint":      "Enrollments are written by you, not by the device, and not at the global address: they live at your instance's own host.",
	keyCredential:                  "Writing an enrollment needs a right at the DPS instance that a device never has. Entra ID names you and can be withdrawn; a connection string is a password for everybody who holds it. Without either, the steps that write are left to somebody else, and registering still works.",
	"target.connection_string_env": "A profile may be shared or checked in, so the string itself does not go into it. It is read from your environment when a step needs it, and never written to a file, a log or the transcript.",
	"target.subscription_id":       "Uploading a CA goes through Azure Resource Manager, which addresses things as subscription, resource group and name. Registering and enrolling do not need it.",
	"target.resource_group":        "The second part of the address under which Azure Resource Manager knows your DPS instance. It is needed to upload a signing CA and to prove that you hold its key.",
	"target.dps_name":              "The third part of that address: the instance's own name. It is also the first word of its service endpoint.",
	keyRegistrationID:              "DPS knows a device by this and by nothing else. With X.509 it must stand in the certificate as its common name, exactly: a difference is the most frequent reason for 401. Choose it once; another one is another device.",
	keyName:                        "It names the device on these screens and its file here. DPS never sees it, so it can be shorter than the registration ID.",
	keyAttestation:                 "It decides what stands behind the device's name. X.509: a certificate and a key that only the device has, which is what most production devices use. Symmetric key: a secret that DPS and the device share, the quickest to try. TPM: a chip that gives its key to nobody.",
	keySymmetricKeyEnv:             "Who has this key is the device, as far as DPS can tell. So it does not go into the profile; it is read from your environment when the device signs, and never written anywhere.",
	keyDerivedKey:                  "Devices of a group each have a key of their own, computed from the group's key and the registration ID, so that a stolen device does not give away the others.",
	keyTPMDevice:                   "DPS encrypts a challenge so that only this TPM can read it. The program has to know where the TPM is.",
	keyPayload:                     "DPS hands it on to your allocation function with the registration, so the function can decide by more than the registration ID. Without such a function nobody reads it.",
	keySignedFile:                  "The certificate comes from a CA that this program cannot reach. The request is written; when the signed certificate lies in this file, the step goes on with it.",
	keySecondary:                   "An enrollment has room for two certificates. With the next one enrolled already, a device can change over at any moment without being refused.",
	keySecondaryAuthority:          "When a CA itself is about to run out or to be replaced, devices of the old one and the new one have to be admitted side by side for a while.",
	keyIntermediates:               "Every intermediate CA can be taken back without touching the root. A group names one of them; each more makes the handshake longer.",
	keyPFXPasswordEnv:              "A PFX holds certificate and key in one file, as Windows and API Management want it, and what protects it is this password. It is read from your environment.",
	keyPFXCompatible:               "Windows Server 2016 and older answer \"the password is not correct\" to a PFX with AES. Everything newer, and API Management, reads AES, which protects better.",
	keyWebhook:                     "Your function decides which hub a device gets: DPS calls it at every registration. With one hub there is nothing to decide.",
	keyWebhookVersion:              "The form in which DPS writes to your function.",
	keyCAReference:                 "The enrollment can name a CA that lies at DPS already, verified, instead of carrying the certificate itself; then the CA is replaced in one place.",
	keySecondaryCA:                 "The CA that devices move to. With both named, neither kind is refused during the change.",
	keyReprovision:                 "It decides what happens when a device registers again: keep its hub, move it to another with its twin, or begin anew with the twin of the enrollment.",
	keyEdge:                        "An IoT Edge device gets modules and may be a gateway for others. It cannot be changed afterwards at the hub without removing the device there.",
	keyTwin:                        "What the device's twin holds on its first day, so that your backend finds its tags and the device its settings without a second call.",
	keyDeviceInfo:                  "Notes for your own records in the enrollment. Nothing at DPS or the hub acts on them.",
	keyMoreCertificates:            "Most devices do not need the rest of this page. Nothing is hidden that changes what is made unless you say yes.",
	keyMoreEnrollment:              "Most enrollments do not need the rest of this page. Nothing is hidden that changes what is written unless you say yes.",
	keyBatch:                       "One request with several messages costs less than several requests, in time and at the hub. When it is refused, none of its messages arrived.",
	keyAPIMService:                 "API Management can show this certificate to your own backends, so that they know the call as the device's. It is a copy: renewing here means uploading again.",
	keyAPIMCertificate:             "The name under which API Management's policies refer to the certificate.",
	keySource:                      "It decides who vouches for the device. A self-signed certificate is compared byte by byte with the one you enrolled: simple, one device at a time. In a chain a CA vouches: DPS trusts the CA, and every device that it signed may come. Existing files are for a device that has its certificate already.",
	keyCertificate:                 "The device shows this certificate when it connects. If it was signed by a CA, the certificates above it must be in the file as well: DPS does not fetch them.",
	keyKeyFile:                     "The certificate alone proves nothing: everybody may have it. What proves the device is its private key, which never leaves this machine.",
	keyAlgorithm:                   "It decides how long making the key takes, how large the handshake is, and what the device's TLS must understand. Small devices prefer EC P-256; old tools and some policies ask for RSA.",
	keyValidDays:                   "When the certificate has run out, DPS and IoT Hub refuse the device, and it cannot come back by itself. Short lives limit what a stolen key is good for; long ones forgive a device that was switched off.",
	keyAuthority:                   "Devices that name the same authority are signed by the same CA, so one enrollment group admits all of them. Its key is the one to keep: who has it can make new devices.",
	keyPassphraseEnv:               "With a pass phrase the key files are useless to somebody who copies them. It is read from your environment when a key is opened; it goes into no file and no command line.",
	keyPassphraseCommand:           "A password store can give the pass phrase at the moment it is needed, so that it stands in no environment and no file. The profile holds the command, never what it prints. A variable and a command at once would contradict each other, so one of the two is asked for.",
	keyEnrollment:                  "A group admits every device whose chain leads to its CA, also those you make next year. An individual enrollment admits one device and can give it a device ID and a hub of its own. If both exist, the individual one counts.",
	keyEnrollmentID:                "The group's name at DPS. Devices do not know it: DPS finds the group by the CA in the chain that the device shows.",
	keyDeviceID:                    "The device may have another name at the hub than at DPS. Leave it empty unless something at the hub expects that other name.",
	keyAllocation:                  "An instance may be linked to several hubs, and this decides which one gets the device. With one hub all policies do the same. It decides at the first registration; later ones keep the hub unless told otherwise.",
	keyHubs:                        "The static policy sends the device to one hub, and it must be linked to the instance: DPS refuses an enrollment that names another.",
	keyCount:                       "Enough messages to see the charts move. You can stop at any moment, and send more later.",
	keyInterval:                    "How quickly the messages follow each other. A free hub takes 8 000 messages a day, and every hub slows down who sends too fast.",
	keyBody:                        "What the device says. The first number in it is drawn as a chart. Nothing is checked at the hub: an answer that your routes and your code understand is the right one.",
	keyContentType:                 "Routes at the hub can look into a message's body only when it says that it is JSON, and in which encoding. Other messages are passed on as bytes.",
}

// Why says what the answer to a question decides; for a question without such a
// text it is the question's help.
func (f Field) Why() string {
	if text, ok := why[f.Key]; ok {
		return text
	}
	return f.Help
}
