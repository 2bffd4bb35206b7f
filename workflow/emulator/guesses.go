package emulator

import (
	"fmt"
	"time"
)

// Guess is one behaviour of the lab that no contract and no capture of the real
// service settles. Numbers U1, U2, … are those of the project's register of
// uncertainties; others are the section of its protocol facts that leaves the
// question open.
type Guess struct {
	Number   string
	Question string
	Choice   string // in words, where it is more than an answer
	Strict   string // what a strict lab refuses where others are lenient

	code    int    // as in [refusal]
	name    string // as in [refusal]
	message string
}

type guess int

const (
	unknownIDScope guess = iota
	unknownOperation
	missingVersion
	unknownVersion
	errorCodeHeader
	pollBody
	registrationAbsent
	lookupUnassigned
	attestationFacts
	alreadyExists
	certificateTaken
	staleTag
	updateOfAbsent
	certificateSize
	operationLife
	certificateRefused
	nameMismatch
	individualLookup
	chainNeedsAuthority
	malformedBody
	bodyTooLarge
	mediaType
	wrongVerb
	noSuchPath
	idMismatch
	concurrentRegistration
	geoLatencyTies
	serviceUnauthorized
	serviceForbidden
	badContinuation
	verifyFailed
	authorityInUse
	authorityGone
	authorityTaken
	authorityQuota
	tagMissing
	badManagementBody
	noSuchAuthority
	contentTypeKept
	hubUnknownDevice
	hubExpired
	hubDeviceDisabled
	hubUnknown
	hubNoCredential
	hubBadBatch
	hubBatchSize
	tlsVersions
	dataPlaneETagHeader
	entryGone
	thumbprintMismatch
	noHub
	throttled
	tpmUnknown
	tpmKeyShape
	webhookFailed
	webhookSilent
	groupQuota
	bulkSize
	networkRefused
	concurrentFault
	substatusForced
	vaultContent
	apimErrors
	oneInstance
	hubAuthorities
	hubQuery
	signerNoAuthority
	bodyOfAnotherVersion
	queryText
	registrationIDMissing
	unusedCodes
	redirects
	hubVersion
	twinShape
	initialTwinShape
	leftBehind
	noStorage
	strayAttestation
)

// guesses is the table. Code refuses with a row by guess.refuse.
var guesses = [...]Guess{
	unknownIDScope:         {Number: "U1", Question: "answer for an unknown ID scope", code: 404000, message: "IdScope not found"},
	unknownOperation:       {Number: "U1", Question: "answer for an unknown operation ID", code: 404203, message: "Operation not found"},
	missingVersion:         {Number: "U1", Question: "answer when api-version is missing", code: 400000, message: "api-version is required"},
	unknownVersion:         {Number: "U1", Question: "answer for an unsupported api-version", code: 400000, message: "Unsupported API version", Choice: "a date-shaped unknown version is accepted", Strict: "every version that is not in the table"},
	errorCodeHeader:        {Number: "U2", Question: "is x-ms-error-code emitted, as a number or a name", Choice: "emitted, the number"},
	pollBody:               {Number: "U3", Question: "body of a poll while assigning", Choice: "registrationState holds registrationId and status"},
	registrationAbsent:     {Number: "U4", Question: "registration record that is absent", code: 404201, message: "Registration not found"},
	lookupUnassigned:       {Number: "U4", Question: "status lookup of an enrolled device that never registered", Choice: "200 unassigned"},
	attestationFacts:       {Number: "U5", Question: "content of registrationState.x509", Choice: "{} for an individual enrollment, enrollmentGroupId for a group from 2021-10-01 on"},
	alreadyExists:          {Number: "U6", Question: "code for a create over an existing enrollment", code: 409000, message: "Resource already exists"},
	certificateTaken:       {Number: "U6", Question: "code for a certificate that another enrollment holds", code: 409000, message: "The certificate is used by another enrollment"},
	staleTag:               {Number: "U6", Question: "code for a stale If-Match", code: 412000, message: "ETag is invalid"},
	updateOfAbsent:         {Number: "U9", Question: "If-Match on an enrollment that is absent", code: 404201, message: "Enrollment not found", Choice: "404 for a tag, a create for *"},
	certificateSize:        {Number: "U10", Question: "longest chain a device may present", Choice: "16 certificates, and what Go's TLS takes"},
	tlsVersions:            {Number: "U11", Question: "does the service speak TLS 1.3", Choice: "1.2 and 1.3"},
	operationLife:          {Number: "U12", Question: "how long an operation ID can be resolved", Choice: "24 hours"},
	certificateRefused:     {Number: "U15", Question: "answer for a certificate that is expired, not yet valid, or not fit for a device", code: 401002, message: "Invalid certificate"},
	nameMismatch:           {Number: "U15", Question: "answer when the common name is not the registration ID", code: 401002, message: "Unauthorized", Choice: "compared without regard to case"},
	contentTypeKept:        {Number: "U16", Question: "does plain Content-Type become the message's content type", Choice: "kept beside it as its own value"},
	hubDeviceDisabled:      {Number: "U17", Question: "hub's answer to a disabled device", code: 403012, name: "DeviceDisabled", message: "Device is disabled"},
	verifyFailed:           {Number: "U18", Question: "answer for a failed proof of possession", code: 400053, message: "Failed to verify the proof of possession of the certificate. errorcode: IH400053."},
	authorityInUse:         {Number: "U18", Question: "deleting a certificate that an enrollment refers to", code: 409000, message: "The certificate is referenced by an enrollment"},
	dataPlaneETagHeader:    {Number: "U19", Question: "does the service API send an ETag header", Choice: "in the body only"},
	individualLookup:       {Number: "1.8", Question: "individual enrollment of the registration ID that holds another certificate", code: 401002, message: "Invalid certificate", Choice: "the entry decides and no group is asked"},
	chainNeedsAuthority:    {Number: "1.8", Question: "individual enrollment by leaf when the leaf is not self-signed", Choice: "a signer in the presented chain must be uploaded and verified"},
	malformedBody:          {Number: "1.13", Question: "code for a body that is no JSON of the expected shape", code: 400000, message: "Bad Request"},
	bodyTooLarge:           {Number: "1.16", Question: "code for a DPS request above 96 KB", code: 413000, message: "Request body too large"},
	mediaType:              {Number: "1.13", Question: "code for a media type that is not JSON", code: 415000, message: "Unsupported Media Type"},
	wrongVerb:              {Number: "1.13", Question: "answer for a known path with another method", code: 405000, name: "MethodNotAllowed", message: "Method Not Allowed"},
	noSuchPath:             {Number: "1.13", Question: "answer for an unknown path", code: 404000, name: "NotFound", message: "Resource not found"},
	idMismatch:             {Number: "2.9", Question: "code when the ID in the body is not the one in the path", code: 400000, message: "The ID in the body does not match the ID in the path"},
	concurrentRegistration: {Number: "1.6", Question: "register while an operation of the same device runs", Choice: "a second operation begins; both finish"},
	geoLatencyTies:         {Number: "2.7", Question: "allocation by latency when every hub is here", Choice: "a tie, so hashed"},
	serviceUnauthorized:    {Number: "2.6", Question: "service API without or with a wrong credential", code: 401002, message: "Unauthorized"},
	serviceForbidden:       {Number: "2.6", Question: "service API with a policy that lacks the right", code: 401002, message: "Unauthorized: the policy lacks a right"},
	badContinuation:        {Number: "2.2", Question: "malformed continuation token", code: 400000, message: "Bad Request"},
	authorityGone:          {Number: "3.2", Question: "deleting a certificate that is not there", Choice: "204, as Resource Manager has it"},
	authorityTaken:         {Number: "3.2", Question: "the same CA certificate under a second name", code: 409000, message: "The certificate was uploaded under another name"},
	authorityQuota:         {Number: "1.16", Question: "more CA certificates than the quota", code: 403000, message: "The limit of 25 certificates is reached"},
	tagMissing:             {Number: "3.2", Question: "certificate operation without the If-Match it requires", code: 412001, message: "Invalid ETag supplied. If-Match is required. errorcode: IH412001."},
	badManagementBody:      {Number: "3.3", Question: "certificate body that cannot be read", code: 400000, message: "The certificate is not a valid base64 string or PEM text"},
	noSuchAuthority:        {Number: "3.5", Question: "certificate name that is unknown", code: 404001, message: "The certificate was not found. errorcode: IH404001."},
	hubUnknownDevice:       {Number: "5.6", Question: "unknown device with a device credential", code: 401002, name: "IotHubUnauthorizedAccess", message: "Unauthorized"},
	hubExpired:             {Number: "5.5", Question: "hub's answer to an expired certificate with the right thumbprint", code: 401002, name: "IotHubUnauthorizedAccess", message: "The certificate is expired or not yet valid"},
	hubNoCredential:        {Number: "5.6", Question: "hub's answer without any credential", code: 401002, name: "IotHubUnauthorizedAccess", message: "Unauthorized"},
	hubUnknown:             {Number: "5.6", Question: "a hub host name that is not in the lab", code: 401001, name: "IotHubNotFound", message: "IoT hub not found"},
	entryGone:              {Number: "1.6", Question: "enrollment deleted while its device is being assigned", code: 404201, message: "Enrollment not found"},
	noHub:                  {Number: "2.7", Question: "wording of a failed assignment without a hub", code: 400208, message: "No IoT hub is available for this enrollment"},
	thumbprintMismatch:     {Number: "5.6", Question: "code and name when the leaf is not the one that registered", code: 401002, name: "IotHubUnauthorizedAccess", message: "Thumbprint does not match configuration"},
	throttled:              {Number: "1.13", Question: "code and wait of a throttled register or poll", code: 429001, message: "Too many requests", Choice: "Retry-After says when there is room again, at least 2 seconds"},
	webhookFailed:          {Number: "2.8", Question: "custom allocation whose webhook refuses, or names a hub that is not linked or a twin that no hub would take", code: 400207, message: "Custom allocation failed with status code"},
	webhookSilent:          {Number: "U13", Question: "custom allocation whose webhook cannot be reached or takes longer than 5 s", code: 400207, message: "Custom allocation failed: the webhook did not answer"},
	groupQuota:             {Number: "2.9", Question: "more enrollment groups than the quota", code: 403000, message: "The limit of 100 enrollment groups is reached"},
	bulkSize:               {Number: "2.3", Question: "a bulk operation without items or with more than ten", code: 400000, message: "A bulk operation takes 1 to 10 enrollments"},
	networkRefused:         {Number: "3.1", Question: "answer to a network that is not allowed", code: 403000, name: "IotHubUnauthorizedAccess", message: "Unauthorized"},
	concurrentFault:        {Number: "U6", Question: "answer to a second registration of the same device at once, where it is refused", code: 409203, message: "Precondition failed"},
	substatusForced:        {Number: "U8", Question: "meaning of reprovisionedToInitialAssignment", Choice: "never produced, unless a scenario asks for it"},
	vaultContent:           {Number: "4", Question: "what a Key Vault secret holds where there is no Key Vault", Choice: "a certificate named after the secret, a new one at every refresh of a reference without version"},
	apimErrors:             {Number: "U20", Question: "error codes and ETag of API Management", Choice: "ValidationError with target, PreconditionFailed, ResourceNotFound; a quoted counter in base64"},
	oneInstance:            {Number: "3.1", Question: "creating a second DPS instance", code: 409000, name: "ResourceCreationNotAllowed", message: "The lab has one DPS instance"},
	hubAuthorities:         {Number: "5.5", Question: "CA certificates of a hub, for devices that prove themselves by CA", Choice: "those of the DPS instance"},
	hubQuery:               {Number: "5.4", Question: "queries of the hub that the lab understands", code: 400004, name: "ArgumentInvalid", message: "The lab understands SELECT * FROM devices, and WHERE deviceId = '…'"},
	signerNoAuthority:      {Number: "2.9", Question: "enrollment group whose signing certificate is no CA", code: 400000, message: "The signing certificate is not a CA certificate", Choice: "accepted; its devices are refused", Strict: "the enrollment"},
	bodyOfAnotherVersion:   {Number: "3.3", Question: "certificate body in the shape of another api-version", code: 400000, message: "The body does not have the shape of this api-version", Choice: "both shapes are read in every version", Strict: "the other shape"},
	queryText:              {Number: "2.2", Question: "grammar of the service API's queries", code: 400000, message: "The query is not SELECT *", Choice: "the text is not looked at", Strict: "what does not begin with SELECT * or *"},
	registrationIDMissing:  {Number: "1.3", Question: "register without registrationId in the body", code: 400000, message: "registrationId is required", Choice: "the path counts", Strict: "a body without it"},
	tpmUnknown:             {Number: "1.10", Question: "TPM whose endorsement key is not the enrolled one", code: 404201, message: "Enrollment not found", Choice: "as if there was no enrollment"},
	tpmKeyShape:            {Number: "1.10", Question: "TPM keys that the lab can encrypt for", code: 400000, message: "The TPM's public key cannot be used", Choice: "RSA, SHA-256, AES-128-CFB, as the default templates make them"},
	unusedCodes:            {Number: "U7", Question: "meaning of 404202, and of 401001 on the device API", Choice: "neither is sent there"},
	redirects:              {Number: "U14", Question: "does DPS ever answer 3xx", Choice: "never, unless a scenario asks for it"},
	hubVersion:             {Number: "0.3", Question: "hub's answer to an api-version that is missing or not supported", code: 400004, name: "ArgumentInvalid", message: "Unknown api version", Choice: "a date-shaped unknown version is accepted", Strict: "every version that is not in the table"},
	twinShape:              {Number: "5.4", Question: "hub's answer to a twin with keys or sizes that it does not take", code: 400004, name: "ArgumentInvalid", message: "The twin is not valid"},
	initialTwinShape:       {Number: "2.9", Question: "enrollment whose initialTwin no hub would take", code: 400000, message: "initialTwin is not valid", Choice: "refused when it is written"},
	leftBehind:             {Number: "1.17", Question: "messages of a device that moves to another hub", Choice: "those to the device go with its old identity; those from it stay in the inbox of the hub that received them"},
	noStorage:              {Number: "5.1", Question: "hub's answer to a file upload without a storage account", code: 400000, name: "InvalidOperation", message: "File upload is not configured: this IoT hub has no storage account"},
	strayAttestation:       {Number: "2.3", Question: "attestation with members of another type than its own", Choice: "they are left out"},
	hubBatchSize:           {Number: "5.2", Question: "a batch of very many small messages", code: 413001, name: "MessageTooLarge", message: "The batch has too many messages", Choice: "as many as fit in 256 KB, at most 4096"},
	hubBadBatch:            {Number: "5.2", Question: "a batch that is no JSON array of messages", code: 400006, name: "IotHubFormatError", message: "The batch is not a JSON array of messages"},
}

// Values of rows that are no answers.
const (
	operationLifetime = 24 * time.Hour // U12
	maxPresented      = 16             // U10
)

// refuse answers with the row; extra text says what the matter is.
func (g guess) refuse(extra ...any) *refusal {
	row := guesses[g]
	r := &refusal{status: row.code / 1000, code: row.code, name: row.name, message: row.message}
	if len(extra) > 0 {
		r.message += ": " + fmt.Sprint(extra...)
	}
	return r
}

// because answers with the row and keeps the reason to the lab's own log: DPS
// tells devices no details.
func (g guess) because(reason ...any) *refusal {
	r := g.refuse()
	r.why = fmt.Sprint(reason...)
	return r
}

// forbids reports whether the lab is strict and the row has a strict side. It is
// the one place that asks for strictness, so that no leniency is without a row.
func (l *Lab) forbids(g guess) bool { return l.options.Strict && guesses[g].Strict != "" }

// Guesses lists every guessed behaviour of the lab.
func Guesses() []Guess { return append([]Guess(nil), guesses[:]...) }
