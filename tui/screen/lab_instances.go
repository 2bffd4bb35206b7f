package screen

import (
	"strings"

	"dpslab/workflow"
)

// instance is one of the services that the lab stands for.
type instance struct {
	service, host string
	name, about   string
	path          string // of a request that shows it answers
}

// instances are the services of the lab, each under the host name that it has
// in Azure.
func (l *Lab) instances() []instance {
	v := l.view
	if v.DPSName == "" {
		return nil
	}
	all := []instance{
		{"DPS device API", v.DeviceHost, v.Facts.IDScope, "where devices register, with the ID scope in the path", "/" + v.Facts.IDScope + "/registrations/DEVICE?api-version=2021-06-01"},
		{"DPS service API", v.ServiceHost, v.DPSName, "where enrollments are written", "/enrollments/DEVICE?api-version=2021-10-01"},
	}
	for _, hub := range v.Hubs {
		name, _, _ := strings.Cut(hub, ".")
		all = append(all, instance{"IoT Hub", hub, name, "linked to the DPS instance; devices send telemetry to it", "/devices/DEVICE/messages/deviceBound?api-version=2020-03-13"})
	}
	if v.ManagementHost != "" {
		all = append(all, instance{
			"Azure Resource Manager", v.ManagementHost, v.ResourceGroup, "DPS certificates and API Management, subscription " + v.SubscriptionID,
			"/subscriptions/" + v.SubscriptionID + "/resourceGroups/" + v.ResourceGroup + "?api-version=2021-04-01",
		})
	}
	return all
}

// instance tells how a program reaches a service of the lab.
func (l *Lab) instance(r *report, i instance) {
	r.text("", i.service+": "+i.about, l.th.Strong)
	r.rows = append(r.rows, facts(l.th, r.w, [][2]string{{"name", i.name}, {"serves at", l.view.Facts.Address}, {"root CA", l.view.Facts.CAFile}})...)
	r.text("", "curl --cacert "+workflow.ShellWord(l.view.Facts.CAFile)+" --connect-to "+i.host+":443:"+l.view.Facts.Address+" https://"+i.host+i.path, l.th.Dim)
}
