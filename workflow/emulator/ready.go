package emulator

import (
	"fmt"
	"os"
)

// Ready says where a lab's services are and how to be let in. It holds the
// lab's keys: print it for the person who started the lab, store it nowhere.
type Ready struct {
	IDScope                 string   `json:"id_scope"`
	Address                 string   `json:"address"` // host:port that all the host names are served on
	DeviceHost              string   `json:"device_host"`
	ServiceHost             string   `json:"service_host"`
	HubHosts                []string `json:"hub_hosts"`
	ManagementHost          string   `json:"management_host"`
	ServiceConnectionString string   `json:"service_connection_string"`
	HubConnectionString     string   `json:"hub_connection_string"`  // of the first hub
	HubConnectionStrings    []string `json:"hub_connection_strings"` // of all of them, in the order of HubHosts
	ManagementToken         string   `json:"management_token"`       // JWT-shaped, for Authorization: Bearer
	CAFile                  string   `json:"ca_file"`                // PEM
	SubscriptionID          string   `json:"subscription_id"`
	ResourceGroup           string   `json:"resource_group"`
	DPSName                 string   `json:"dps_name"`
	APIMName                string   `json:"apim_name"`
	PID                     int      `json:"pid"`
	Version                 string   `json:"version"`
}

func (l *Lab) makeReady(address string) Ready {
	i := l.instance()
	r := Ready{
		IDScope: i.IDScope, Address: address,
		DeviceHost: globalHost, ServiceHost: i.serviceHost(), ManagementHost: managementHost,
		ServiceConnectionString: connectionString(i.serviceHost(), i.Policies[0]),
		HubConnectionString:     connectionString(i.Hubs[0].Host, i.Hubs[0].Policy),
		ManagementToken:         i.ManagementToken, CAFile: l.identity.caFile,
		SubscriptionID: i.SubscriptionID, ResourceGroup: i.ResourceGroup, DPSName: i.Name, APIMName: apimName,
		PID: os.Getpid(), Version: l.options.Version,
	}
	for _, h := range i.Hubs {
		r.HubHosts = append(r.HubHosts, h.Host)
		r.HubConnectionStrings = append(r.HubConnectionStrings, connectionString(h.Host, h.Policy))
	}
	return r
}

func connectionString(host string, p policy) string {
	return fmt.Sprintf("HostName=%s;SharedAccessKeyName=%s;SharedAccessKey=%s", host, p.Name, p.PrimaryKey)
}
