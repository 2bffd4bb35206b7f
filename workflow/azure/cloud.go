package azure

import (
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"dpslab/workflow/dps"
)

// ManagementHost is Azure Resource Manager in public Azure.
const ManagementHost = "management.azure.com"

// Cloud is one of the separate Azure clouds: an authority that gives tokens,
// a Resource Manager, and the names of its device services.
type Cloud string

// The clouds, by the names that az cloud list prints.
const (
	CloudPublic       Cloud = "AzureCloud"
	CloudChina        Cloud = "AzureChinaCloud"
	CloudUSGovernment Cloud = "AzureUSGovernment"
)

// CloudOf tells the cloud from any of its host names, such as a DPS service
// endpoint or the ID scope's device endpoint. Every other name is taken for one
// of public Azure.
func CloudOf(host string) Cloud {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for suffix, c := range map[string]Cloud{
		".azure-devices-provisioning.cn": CloudChina, ".azure-devices.cn": CloudChina, ".chinacloudapi.cn": CloudChina,
		".azure-devices-provisioning.us": CloudUSGovernment, ".azure-devices.us": CloudUSGovernment, ".usgovcloudapi.net": CloudUSGovernment,
	} {
		if strings.HasSuffix(host, suffix) {
			return c
		}
	}
	return CloudPublic
}

// ManagementHost is the cloud's Azure Resource Manager.
func (c Cloud) ManagementHost() string {
	switch c {
	case CloudChina:
		return "management.chinacloudapi.cn"
	case CloudUSGovernment:
		return "management.usgovcloudapi.net"
	}
	return ManagementHost
}

// DeviceEndpoint is the cloud's global device endpoint of DPS.
func (c Cloud) DeviceEndpoint() string {
	switch c {
	case CloudChina:
		return "global.azure-devices-provisioning.cn"
	case CloudUSGovernment:
		return "global.azure-devices-provisioning.us"
	}
	return dps.GlobalDeviceEndpoint
}

// serviceScope is the Entra scope of the DPS service API. Microsoft documents
// one audience, for all clouds.
func (c Cloud) serviceScope() string { return "https://azure-devices-provisioning.net/.default" }

// hubScope is the Entra scope of the IoT Hub service API. US Government has one
// of its own.
func (c Cloud) hubScope() string {
	if c == CloudUSGovernment {
		return "https://iothubs.azure.us/.default"
	}
	return "https://iothubs.azure.net/.default"
}

// configuration is the cloud as Azure's modules want it, with Resource Manager
// at host.
func (c Cloud) configuration(host string) cloud.Configuration {
	authority, audience := cloud.AzurePublic.ActiveDirectoryAuthorityHost, "https://"+ManagementHost
	switch c {
	case CloudChina:
		authority, audience = cloud.AzureChina.ActiveDirectoryAuthorityHost, cloud.AzureChina.Services[cloud.ResourceManager].Audience
	case CloudUSGovernment:
		authority, audience = cloud.AzureGovernment.ActiveDirectoryAuthorityHost, cloud.AzureGovernment.Services[cloud.ResourceManager].Audience
	}
	return cloud.Configuration{
		ActiveDirectoryAuthorityHost: authority,
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Audience: audience, Endpoint: "https://" + host},
		},
	}
}

// scopes asks for a token of one scope.
func scopes(scope string) policy.TokenRequestOptions {
	return policy.TokenRequestOptions{Scopes: []string{scope}}
}
