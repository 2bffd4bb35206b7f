package dps

import (
	"errors"
	"regexp"
	"strings"
	"sync"
)

// DeviceAPIVersions are the versions of the device API that clients of the
// service send, the newest first.
var DeviceAPIVersions = []string{"2025-07-01-preview", "2021-10-01", "2021-06-01", "2019-03-31", "2018-11-01", "2018-09-01-preview"}

// ServiceAPIVersions are the versions of the service API that clients of the
// service send, the newest first.
var ServiceAPIVersions = []string{"2025-07-01-preview", "2021-10-01", "2019-03-31", "2018-11-01", "2018-04-01"}

// Cloud is one of the separate Azure clouds: names and accounts of one are
// unknown in another.
type Cloud struct {
	Name           string // as "az cloud list" has it
	DeviceEndpoint string // the device API's global host
	ServiceSuffix  string // {dps} + ServiceSuffix is an instance's own host
	HubSuffix      string // {hub} + HubSuffix is a hub's host
	TokenScope     string // of Entra tokens for the service API
	HubTokenScope  string // of Entra tokens for a hub's service API
}

// The clouds.
var (
	PublicCloud = Cloud{
		Name: "AzureCloud", DeviceEndpoint: GlobalDeviceEndpoint,
		ServiceSuffix: ".azure-devices-provisioning.net", HubSuffix: ".azure-devices.net",
		TokenScope: "https://azure-devices-provisioning.net/.default", HubTokenScope: "https://iothubs.azure.net/.default",
	}
	ChinaCloud = Cloud{
		Name: "AzureChinaCloud", DeviceEndpoint: "global.azure-devices-provisioning.cn",
		ServiceSuffix: ".azure-devices-provisioning.cn", HubSuffix: ".azure-devices.cn",
		TokenScope: "https://azure-devices-provisioning.cn/.default", HubTokenScope: "https://iothubs.azure.cn/.default",
	}
	USGovernmentCloud = Cloud{
		Name: "AzureUSGovernment", DeviceEndpoint: "global.azure-devices-provisioning.us",
		ServiceSuffix: ".azure-devices-provisioning.us", HubSuffix: ".azure-devices.us",
		TokenScope: "https://azure-devices-provisioning.us/.default", HubTokenScope: "https://iothubs.azure.us/.default",
	}
)

// Clouds are all of them, the public one first.
func Clouds() []Cloud { return []Cloud{PublicCloud, ChinaCloud, USGovernmentCloud} }

// CloudOf finds the cloud of a DPS instance, of a hub or of a global endpoint by
// its host name. A host of no cloud, such as one behind a private endpoint's own
// name, gives the public one and false.
func CloudOf(host string) (Cloud, bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if name, _, ok := strings.Cut(host, ":"); ok {
		host = name
	}
	for _, c := range Clouds() {
		if strings.HasSuffix(host, c.ServiceSuffix) || strings.HasSuffix(host, c.HubSuffix) {
			return c, true
		}
	}
	return PublicCloud, false
}

var apiVersionShape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^20[0-9][0-9]-[01][0-9]-[0-3][0-9](-preview)?$`) })

// CheckAPIVersion checks the shape of an api-version, "2021-06-01" or
// "2025-07-01-preview". Which ones a service takes, it alone knows.
func CheckAPIVersion(s string) error {
	if !apiVersionShape().MatchString(s) {
		return errors.New(`is a date, such as "2021-06-01" or "2025-07-01-preview"`)
	}
	return nil
}
