package azure

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"dpslab/workflow/wire"
)

// Right is the least that an account needs for one operation. Actions are those
// of Microsoft's lists "Azure permissions for Internet of Things" and "… for
// Integration"; a custom role with the action alone is the smallest.
type Right struct {
	Operation string // as exchanges and errors name it, or what a person does
	Action    string // of Azure role-based access control; empty: none is needed
	Data      bool   // a data action: owners and contributors do not have it
	Role      string // the smallest built-in role that has it
	Scope     string // the smallest thing to assign the role on
	Policy    string // the same right of a shared access policy; empty: Entra alone
}

// Operations of Azure Resource Manager, as exchanges and errors name them.
const (
	opSubscriptions = "list subscriptions"
	opServices      = "list provisioning services"
	opService       = "get provisioning service"
	opKeys          = "list shared access keys"
	opKey           = "get shared access key"
	opCertificates  = "list signing certificates"
	opGet           = "get signing certificate"
	opPut           = "upload signing certificate"
	opDelete        = "delete signing certificate"
	opCode          = "generate verification code"
	opVerify        = "verify signing certificate"
	opAPIMPut       = "put API Management certificate"
	opAPIMGet       = "get API Management certificate"
	opAPIMTag       = "get API Management certificate entity tag"
	opAPIMList      = "list API Management certificates"
	opAPIMRefresh   = "refresh API Management certificate"
	opAPIMDelete    = "delete API Management certificate"
)

// Built-in roles and what they are assigned on.
const (
	roleReader          = "Reader"
	roleContributor     = "Contributor"
	roleAPIMReader      = "API Management Service Reader Role"
	roleAPIMContributor = "API Management Service Contributor"
	roleDataReader      = "Device Provisioning Service Data Reader"
	roleDataContributor = "Device Provisioning Service Data Contributor"
	roleHubReader       = "IoT Hub Data Reader"
	roleHubRegistry     = "IoT Hub Registry Contributor"
	roleHubContributor  = "IoT Hub Data Contributor"

	onDPS  = "the DPS instance"
	onAPIM = "the API Management service"
	onHub  = "the IoT hub"
)

// LeastRights is what each operation needs, in the order of a device's life.
// Devices themselves need no role: they have their certificate, key or TPM.
func LeastRights() []Right {
	const devices, apim = "Microsoft.Devices/provisioningServices", "Microsoft.ApiManagement/service/certificates"
	management := func(operation, action, role string) Right {
		return Right{Operation: operation, Action: devices + action, Role: role, Scope: onDPS}
	}
	data := func(operation, action, role, policy string) Right {
		return Right{Operation: operation, Action: devices + action, Data: true, Role: role, Scope: onDPS, Policy: policy}
	}
	gateway := func(operation, action, role string) Right {
		return Right{Operation: operation, Action: apim + action, Role: role, Scope: onAPIM}
	}
	hub := func(operation, action, role, policy string) Right {
		return Right{Operation: operation, Action: "Microsoft.Devices/IotHubs" + action, Data: true, Role: role, Scope: onHub, Policy: policy}
	}
	return []Right{
		{Operation: opSubscriptions, Role: "any role in it", Scope: "the subscription or anything in it"},
		{Operation: opServices, Action: devices + "/Read", Role: roleReader, Scope: "the DPS instances to be listed, or their resource group"},
		management(opService, "/Read", roleReader),
		management(opKeys, "/listkeys/Action", roleContributor),
		management(opKey, "/keys/listkeys/Action", roleContributor),
		management(opCertificates, "/certificates/Read", roleReader),
		management(opGet, "/certificates/Read", roleReader),
		management(opPut, "/certificates/Write", roleContributor),
		management(opDelete, "/certificates/Delete", roleContributor),
		management(opCode, "/certificates/generateVerificationCode/Action", roleContributor),
		management(opVerify, "/certificates/verify/Action", roleContributor),
		data("read and query enrollments", "/enrollments/read", roleDataReader, "EnrollmentRead"),
		data("write enrollments", "/enrollments/write", roleDataContributor, "EnrollmentWrite"),
		data("delete enrollments", "/enrollments/delete", roleDataContributor, "EnrollmentWrite"),
		data("read and query enrollment groups", "/enrollmentGroups/read", roleDataReader, "EnrollmentRead"),
		data("write enrollment groups", "/enrollmentGroups/write", roleDataContributor, "EnrollmentWrite"),
		data("delete enrollment groups", "/enrollmentGroups/delete", roleDataContributor, "EnrollmentWrite"),
		data("read the keys of an enrollment or a group", "/attestationmechanism/details/action", roleDataContributor, "EnrollmentWrite"),
		data("read and query registration records", "/registrationStates/read", roleDataReader, "RegistrationStatusRead"),
		data("delete registration records", "/registrationStates/delete", roleDataContributor, "RegistrationStatusWrite"),
		hub("read a device of the hub", "/devices/read", roleHubReader, "RegistryRead"),
		hub("delete a device of the hub", "/devices/delete", roleHubRegistry, "RegistryReadWrite"),
		hub("read a device twin", "/twins/read", roleHubReader, "ServiceConnect"),
		hub("send a message to a device", "/cloudToDeviceMessages/send/action", roleHubContributor, "ServiceConnect"),
		gateway(opAPIMList, "/read", roleAPIMReader),
		gateway(opAPIMGet, "/read", roleAPIMReader),
		gateway(opAPIMTag, "/read", roleAPIMReader),
		gateway(opAPIMPut, "/write", roleAPIMContributor),
		gateway(opAPIMRefresh, "/refreshSecret/action", roleAPIMContributor),
		gateway(opAPIMDelete, "/delete", roleAPIMContributor),
	}
}

// RightsHelp is LeastRights as a text for help: what each operation needs, one
// line for the operation and one for its right.
func RightsHelp() string {
	var b strings.Builder
	b.WriteString("What an account needs at least. A device needs none of this: it has its own certificate, key or TPM.\n")
	for _, r := range LeastRights() {
		action := r.Action
		switch {
		case action == "":
			action = "no action of its own"
		case r.Data:
			action = "data action " + action
		}
		fmt.Fprintf(&b, "\n%s\n    %s\n    role: %s, on %s\n", r.Operation, action, r.Role, r.Scope)
		if r.Policy != "" {
			fmt.Fprintf(&b, "    or a connection string whose policy has %s\n", r.Policy)
		}
	}
	return b.String()
}

// rightOf finds what an operation needs; the zero value says nothing.
func rightOf(operation string) Right {
	all := LeastRights()
	if i := slices.IndexFunc(all, func(r Right) bool { return r.Operation == operation }); i >= 0 {
		return all[i]
	}
	return Right{}
}

// AccessError is a refusal of the account: 401, its token is not accepted, or
// 403, a right is missing.
type AccessError struct {
	Err   *wire.ServiceError
	Right Right // what the operation needs; the zero value when that is unknown
}

func (e *AccessError) Error() string { return e.Err.Error() + ". " + e.Fix() }

// Unwrap returns the refusal.
func (e *AccessError) Unwrap() error { return e.Err }

// Fix is what to do about it.
func (e *AccessError) Fix() string {
	if e.Err.Status == http.StatusUnauthorized {
		return "Sign in again, in the tenant that the subscription belongs to: az login --tenant TENANT."
	}
	if e.Right.Action == "" {
		return "Ask an owner of the resource for a role that allows this call."
	}
	return fmt.Sprintf("The account needs the action %s. Ask for a role that has it on %s; the smallest built-in one is %q. A new assignment takes up to ten minutes.",
		e.Right.Action, e.Right.Scope, e.Right.Role)
}
