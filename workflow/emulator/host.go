package emulator

import (
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// hostName is a Host header without its port, in lower case.
func hostName(host string) string {
	if strings.Contains(host, ":") { // an error for its absence would cost more than all the rest
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// Suffixes and names of the hosts the lab answers under.
const (
	globalHost     = "global.azure-devices-provisioning.net"
	instanceSuffix = ".azure-devices-provisioning.net"
	hubSuffix      = ".azure-devices.net"
	managementHost = "management.azure.com"
)

// surfacesOf says which APIs a host serves. A host that is none of Azure's is
// localhost under some name and serves all; paths do not collide.
func (l *Lab) surfacesOf(host string) []*surface {
	switch {
	case strings.HasSuffix(host, hubSuffix):
		return hubSurfaces
	case host == globalHost:
		return globalSurfaces
	case host == l.instance().serviceHost():
		return instanceSurfaces
	case strings.HasSuffix(host, instanceSuffix):
		return noSurfaces // an instance that does not exist
	case host == managementHost:
		return managementSurfaces
	}
	return allSurfaces
}

// The surfaces of each kind of host.
var (
	hubSurfaces        = []*surface{hubSurface, operatorSurface}
	globalSurfaces     = []*surface{deviceSurface, operatorSurface}
	instanceSurfaces   = []*surface{serviceSurface, deviceSurface, operatorSurface}
	noSurfaces         = []*surface{operatorSurface}
	managementSurfaces = []*surface{managementSurface, apimSurface, resourceSurface, operatorSurface}
	allSurfaces        = []*surface{serviceSurface, deviceSurface, managementSurface, apimSurface, resourceSurface, hubSurface, operatorSurface}
)

var versionShape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^20\d\d-\d\d-\d\d(-preview)?$`) })

// checkVersion applies the surface's table of api-versions.
func (l *Lab) checkVersion(c *call) error {
	if c.surface.versions == nil || slices.Contains(c.surface.versions, c.version) {
		return nil
	}
	shaped := versionShape().MatchString(c.version)
	switch {
	case c.surface == hubSurface:
		if !shaped || l.forbids(hubVersion) {
			r := hubVersion.refuse()
			r.message += "; uri: " + c.r.URL.Path
			return r
		}
	case c.version == "":
		return c.named(missingVersion.refuse(), "MissingApiVersionParameter")
	case !shaped || l.forbids(unknownVersion):
		return c.named(unknownVersion.refuse(), "InvalidApiVersionParameter")
	}
	return nil
}
