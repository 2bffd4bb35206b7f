// Package doctor knows what usually lies behind an answer that says no.
//
// It keys on the message first, then on the code, then on the HTTP status, and
// says nothing when it does not know.
package doctor

import (
	"errors"
	"net"
	"net/http"
	"strings"

	"dpslab/workflow/wire"
)

// Advice is the likeliest cause of a problem and what to do about it.
type Advice struct {
	Rule string // id of the diagnostic rule, "R02"
	Why  string
	Fix  string
}

// rule matches an answer of a service.
type rule struct {
	id      string
	service string // where the answer came from, one of the at… constants; empty: anywhere
	// operation is the only one that it is about; empty: any of the service.
	operation string
	message   string // part of the message, lower case
	code      string
	status    int
	why       string
	fix       string
}

// Services that answer; the same code means different things at each.
const (
	atDevice     = "device"
	atService    = "service"
	atManagement = "management"
	atHub        = "hub"      // towards a device
	atRegistry   = "registry" // the hub towards an account
	atGateway    = "gateway"  // API Management
)

// rules are tried in order; the first match wins, so the specific come first.
var rules = []rule{
	{
		id: "R01", service: atDevice, message: "ca certificate not found",
		why: "DPS found no verified signing certificate in the chain that the device sent: the chain holds the leaf only, or its CA is not uploaded, or is uploaded but not verified.",
		fix: "Send the full chain (leaf, intermediate, root) and run the step \"signing CA\", which uploads the root and proves possession of its key.",
	},
	{
		id: "R03", service: atDevice, message: "signing certificate info did not match",
		why: "The certificate that the enrollment names is not in the chain that the device sent.",
		fix: "Run the step \"enrollment\" again, so that it names the CA that really signs this device.",
	},
	{
		id: "R02", service: atDevice, message: "invalid certificate",
		why: "The certificate is expired or not yet valid, is itself a CA, lacks clientAuth, or is not the one that was enrolled. An individual enrollment of this registration ID decides before any group does.",
		fix: "Run the steps \"certificates\" and \"enrollment\" again; if that does not help, look for another enrollment of this registration ID at DPS, and at this machine's clock.",
	},
	{
		id: "R06", service: atDevice, code: "401000",
		why: "No client certificate reached DPS.",
		fix: "Run the step \"certificates\", then register again; the transcript (t) shows which certificates were sent.",
	},
	{
		id: "R04", service: atDevice, code: "401002",
		why: "No enrollment admits this certificate under this registration ID: it was never created, was deleted, holds an older certificate, belongs to another ID scope, or the certificate's CN is not the registration ID.",
		fix: "Run the step \"enrollment\" again, and compare the ID scope with the one on the Overview page of the DPS instance.",
	},
	{
		id: "R07", service: atDevice, status: http.StatusBadRequest,
		why: "The registration ID in the address and in the body differ, or are not legal: letters, digits, '-', '.', '_', ':', the last a letter, digit or '-'.",
		fix: "Correct identity.registration_id in the profile.",
	},
	{
		id: "R09", service: atDevice, code: "404203",
		why: "DPS no longer knows this operation: it keeps one for a limited time.",
		fix: "Run the step \"registration\" again; it registers anew.",
	},
	{
		id: "R09", service: atDevice, code: "404201",
		why: "DPS has no enrollment and no registration under this registration ID.",
		fix: "Run the step \"enrollment\", then the step \"registration\".",
	},
	{
		id: "R09", service: atDevice, code: "404202",
		why: "DPS has no registration under this registration ID.",
		fix: "Run the step \"registration\".",
	},
	{
		id: "R08", service: atDevice, status: http.StatusNotFound,
		why: "DPS does not know this ID scope.",
		fix: "Copy the ID scope from the Overview page of the DPS instance into target.id_scope; it looks like 0ne00111111.",
	},
	{
		id: "R15", status: http.StatusTooManyRequests,
		why: "More calls than the service allows: 1000 registrations a minute for the instance, 5 polls in 10 s for a device.",
		fix: "Wait for the time that Retry-After names; register only when the hub refuses the device, not at every start.",
	},
	{
		id: "M08", service: atService, status: http.StatusUnauthorized,
		why: "The service connection string is not one of this DPS instance, its policy lacks the right, or this machine's clock is off.",
		fix: "Take the connection string of the DPS instance (not of the IoT hub) with policy provisioningserviceowner, from Shared access policies.",
	},
	{
		service: atService, operation: "delete registration", status: http.StatusPreconditionFailed,
		why: "The device registered again since its record was read: every registration changes the etag.",
		fix: "Read the record again; without an etag it is deleted as it is.",
	},
	{
		id: "M09", service: atService, status: http.StatusPreconditionFailed,
		why: "Somebody changed the enrollment between reading and writing it.",
		fix: "Run the step \"enrollment\" again; it reads the record anew and shows the difference.",
	},
	{
		service: atService, operation: "get registration", status: http.StatusNotFound,
		why: "No device is registered at this DPS instance under this ID, or its record was deleted.",
		fix: "dpslab registration list GROUP shows the records of a group; dpslab register NAME registers a device.",
	},
	{
		service: atService, operation: "delete registration", status: http.StatusNotFound,
		why: "There is no record under this ID at this DPS instance: it was deleted already, or stands at another one.",
		fix: "dpslab registration list GROUP shows the records of a group.",
	},
	{
		service: atService, status: http.StatusNotFound,
		why: "This DPS instance has no such enrollment. Individual enrollments and enrollment groups are looked up apart.",
		fix: "dpslab enrollment list shows the individual ones, with --group the groups.",
	},
	{
		id: "M01", service: atManagement, status: http.StatusPreconditionFailed,
		why: "The signing certificate changed since its etag was read; generating a code changes it too.",
		fix: "Run the step \"signing CA\" again; it reads the etag anew.",
	},
	{
		service: atManagement, code: "404001",
		why: "This DPS instance has no signing certificate of that name.",
		fix: "dpslab ca list shows those that it has.",
	},
	{
		id: "M02", service: atManagement, code: "400053",
		why: "The verification certificate is signed by another CA than the uploaded one, or its CN is not the last code.",
		fix: "Run the step \"signing CA\" again; it asks for a new code and signs it with the uploaded CA's key.",
	},
	{
		id: "M08", service: atManagement, status: http.StatusUnauthorized,
		why: "Azure Resource Manager did not accept the token.",
		fix: "Sign in again (az login) with an account that may write this DPS instance.",
	},
	{
		service: atGateway, status: http.StatusPreconditionFailed,
		why: "The certificate at API Management changed since its etag was read, or there is none.",
		fix: "Read it again and give its etag: dpslab apim show ID tells it.",
	},
	{
		id: "M08", service: atGateway, status: http.StatusUnauthorized,
		why: "Azure Resource Manager, which stands before API Management, did not accept the token.",
		fix: "Sign in again (az login) with an account that may write certificates of this service.",
	},
	{
		id: "M08", service: atRegistry, status: http.StatusUnauthorized,
		why: "The hub did not accept the account or the connection string: it is of another hub, or its policy lacks the right, or this machine's clock is off.",
		fix: "Take the connection string of the hub itself, or an account with the role IoT Hub Registry Contributor.",
	},
	{
		id: "H02", service: atRegistry, status: http.StatusNotFound,
		why: "The hub has no device of that name.",
		fix: "Run the step \"registration\" again.",
	},
	{
		service: atRegistry, status: http.StatusPreconditionFailed,
		why: "The device at the hub changed since its etag was read.",
		fix: "Read it again; what was changed may be worth a look.",
	},
	{
		service: atHub, status: http.StatusPreconditionFailed,
		why: "The lock on the message ran out: after a minute it waits in the queue again.",
		fix: "Receive it again, and settle it before its lock ends.",
	},
	{
		service: atGateway, code: "ResourceNotFound",
		why: "The service holds no certificate of that name; or this resource group has no API Management service of that name: it is misspelt, or in another resource group or subscription.",
		fix: "dpslab apim list shows the certificates. Compare the service's name with the one on its Overview page, and correct api_management in the profile; in the lab it is called dpslab-apim.",
	},
	{
		service: atManagement, code: "ResourceNotFound",
		why: "Azure Resource Manager has no resource of that name in this resource group: the name is misspelt, or the resource is in another resource group or subscription.",
		fix: "Compare name, resource group and subscription with those on the resource's Overview page, and correct them in the profile.",
	},
	{
		code: "ResourceGroupNotFound",
		why:  "The subscription has no resource group of that name.",
		fix:  "Copy resource group and subscription ID from the Overview page of the DPS instance into target.resource_group and target.subscription_id.",
	},
	{
		code: "SubscriptionNotFound",
		why:  "There is no such subscription, or the account's tenant does not have it.",
		fix:  "Copy the subscription ID from the Overview page of the DPS instance into target.subscription_id, and sign in to the tenant that it belongs to (az login --tenant).",
	},
	{
		id: "H01", service: atHub, status: http.StatusUnauthorized,
		why: "The hub holds another thumbprint than that of this certificate: the certificate was renewed after the last registration, or the device was changed at the hub.",
		fix: "Run the step \"registration\" again: it stores the present certificate's thumbprint at the hub.",
	},
	{
		id: "H02", service: atHub, status: http.StatusNotFound,
		why: "The device is not at this hub any more.",
		fix: "Run the step \"registration\" again.",
	},
	{
		id: "H03", service: atHub, status: http.StatusForbidden,
		why: "The hub has disabled the device, or its daily quota is used up.",
		fix: "Look at the device in the hub's device list; if it is enabled, run the step \"registration\" again.",
	},
	{
		service: atHub, status: http.StatusRequestEntityTooLarge,
		why: "An event may have 256 KB at most, properties included.",
		fix: "Make telemetry.body shorter.",
	},
	{
		id: "R21", status: 500,
		why: "Trouble at the service.",
		fix: "Try again later; quote the tracking ID to support when it stays.",
	},
}

// Explain finds the advice for an error, or none.
func Explain(err error) Advice {
	var refused *wire.ServiceError
	if errors.As(err, &refused) {
		return explainAnswer(serviceOf(refused), refused.Operation, refused.Status, refused.Code, refused.Message)
	}
	var connect *wire.ConnectError
	if errors.As(err, &connect) {
		return explainConnection(connect)
	}
	return Advice{}
}

// explainConnection tells a proxy that nobody reaches from a service that
// nobody reaches.
func explainConnection(e *wire.ConnectError) Advice {
	var op *net.OpError
	if e.Reason == wire.ReasonRefused && errors.As(e.Err, &op) && op.Op == "proxyconnect" {
		return Advice{Rule: "N03", Why: "The proxy that HTTPS_PROXY names does not answer; the service was not reached.", Fix: "Correct HTTPS_PROXY, or unset it where this network needs none; NO_PROXY lists hosts to reach without it."}
	}
	return connectAdvice[e.Reason]
}

// serviceOf tells from an operation which service answered it.
func serviceOf(e *wire.ServiceError) string {
	switch e.Operation {
	case "register", "operation status", "registration status":
		return atDevice
	case "get registration", "delete registration", "query registrations", "get group attestation":
		return atService
	case "send event", "send batch", "receive message", "complete message", "abandon message", "reject message":
		return atHub
	case "get device", "delete device", "get twin", "send message to the device":
		return atRegistry
	}
	switch {
	case strings.Contains(e.Operation, "enrollment"):
		return atService
	case strings.Contains(e.Operation, "API Management"):
		return atGateway
	}
	return atManagement
}

func explainAnswer(service, operation string, status int, code, message string) Advice {
	message = strings.ToLower(message)
	for _, r := range rules {
		if r.service != "" && r.service != service {
			continue
		}
		if r.operation != "" && r.operation != operation {
			continue
		}
		if r.message != "" && !strings.Contains(message, r.message) {
			continue
		}
		if r.code != "" && r.code != code {
			continue
		}
		if r.status != 0 && r.status != status && !(r.status == 500 && status > 500) {
			continue
		}
		return Advice{Rule: r.id, Why: r.why, Fix: r.fix}
	}
	return Advice{}
}

// ExplainRegistration finds the advice for a registration that ended in status
// failed (with its error code) or disabled.
func ExplainRegistration(status string, errorCode int) Advice {
	if status == "disabled" {
		return Advice{
			Rule: "R12",
			Why:  "The enrollment exists and the certificate is right, but the enrollment is disabled. A disabled individual enrollment also hides an enabled group.",
			Fix:  "Enable the enrollment in DPS, or delete the individual one, then register again.",
		}
	}
	switch errorCode {
	case 400207:
		return Advice{Rule: "R17", Why: "The custom allocation webhook could not be reached or answered with an error.", Fix: "Check the webhook's address and key, and that it answers with one of the linked hubs."}
	case 400208:
		return Advice{Rule: "R10", Why: "No IoT hub is left for this enrollment: none is linked, or those it names are not.", Fix: "Link a hub to the DPS instance, or correct enrollment.iot_hubs."}
	case 400209:
		return Advice{Rule: "R11", Why: "The linked hub refused DPS: its keys were changed after linking.", Fix: "Unlink the hub in DPS and link it again."}
	}
	return Advice{}
}

var connectAdvice = map[wire.ConnectReason]Advice{
	wire.ReasonName:     {Rule: "N02", Why: "The host name cannot be resolved: it is misspelt, has https:// or a path in it, or DNS is blocked here.", Fix: "Compare the host name with the one on the Overview page; it stands alone, without https://."},
	wire.ReasonRefused:  {Rule: "N03", Why: "Nobody answers at that address and port, or a firewall is in between.", Fix: "Check the network; set HTTPS_PROXY if this network needs a proxy."},
	wire.ReasonTimeout:  {Rule: "N03", Why: "Packets are dropped on the way, as a firewall does.", Fix: "Port 443 must be open to the service; set HTTPS_PROXY if this network needs a proxy."},
	wire.ReasonTrust:    {Rule: "N04", Why: "The server's certificate is not signed by a CA that this machine trusts: a proxy opens TLS, or the root DigiCert Global Root G2 is missing.", Fix: "Set target.ca_file in the profile to the CA that signs it; the check itself cannot be switched off."},
	wire.ReasonTLS:      {Rule: "N06", Why: "Client and server did not agree on how to speak TLS.", Fix: "The services need TLS 1.2; look for a proxy that changes it."},
	wire.ReasonTooLarge: {Why: "Something else than the service answers at that address: a service's answer is a few kilobytes.", Fix: "Compare the host name with the one on the Overview page, and look for a proxy or a sign-in page in between."},
	wire.ReasonProxy:    {Rule: "N03", Why: "The proxy does not connect to the service.", Fix: "Correct HTTPS_PROXY; NO_PROXY lists hosts to reach without it."},
	wire.ReasonBroken:   {Rule: "R21", Why: "The connection ended before the answer came.", Fix: "Try again."},
}
