package wire

import (
	"net/url"
	"strings"
)

// secretVariable stands for a credential that was masked.
const secretVariable = "AUTHORIZATION"

// authorizationComment says where the credential of a copy comes from: it is not
// kept. Lab's variables are those that dpslab lab env prints.
func authorizationComment(x *Exchange) string {
	const beginning = "# " + secretVariable + " is the token, which is not kept"
	u, err := url.Parse(x.URL)
	if err != nil {
		return beginning + "\n"
	}
	variable, az := "", "az account get-access-token"
	host := strings.ToLower(u.Hostname())
	switch resource := tokenResource(host); {
	case ofDevice(host, u.EscapedPath()):
		return "# " + secretVariable + " is the device's SAS token, which is not kept\n"
	case strings.HasPrefix(host, "management."):
		variable = "DPSLAB_MANAGEMENT_AUTHORIZATION"
	case resource == "":
		return beginning + "\n"
	case strings.Contains(resource, "//iothubs."):
		variable, az = "DPSLAB_HUB_AUTHORIZATION", az+" --resource "+resource
	default:
		variable, az = "DPSLAB_SERVICE_AUTHORIZATION", az+" --resource "+resource
	}
	if x.ConnectTo != "" {
		return beginning + "; in the lab:\n#   eval \"$(dpslab lab env)\" && " + secretVariable + "=$" + variable + "\n"
	}
	return beginning + "; with az:\n#   " + secretVariable + "=\"Bearer $(" + az + " --query accessToken -o tsv)\"\n"
}

// tokenResource is what an Entra token for the service API of a DPS instance or
// an IoT hub is for; empty: the host is of neither.
func tokenResource(host string) string {
	_, suffix, _ := strings.Cut(host, ".")
	switch {
	case strings.HasPrefix(suffix, "azure-devices-provisioning."):
		return "https://" + suffix
	case strings.HasPrefix(suffix, "azure-devices."):
		return "https://iothubs.azure." + strings.TrimPrefix(suffix, "azure-devices.")
	}
	return ""
}

// ofDevice reports whether a request speaks as a device: below an ID scope at
// DPS, or about messages at a hub.
func ofDevice(host, path string) bool {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	_, suffix, _ := strings.Cut(host, ".")
	if strings.HasPrefix(suffix, "azure-devices-provisioning.") {
		return len(segments) > 1 && strings.EqualFold(segments[1], "registrations")
	}
	return len(segments) > 2 && strings.EqualFold(segments[0], "devices") && strings.EqualFold(segments[2], "messages")
}
