package workflow

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"dpslab/pki"
)

// CarriesKeys reports whether a record brings symmetric keys, as only what
// somebody wrote does: what DPS holds is read without them.
func (e *Enrollment) CarriesKeys() bool { return carriesKeys(e) }

// EnrollmentChanges lists by member in what want, which is wanted, differs from
// base, which was read; a nil base has no members. Both are of the same kind.
// Symmetric keys that only one of them carries are no difference.
func EnrollmentChanges(base, want *Enrollment) []Change {
	if base == nil {
		base = &Enrollment{Group: want.Group}
	}
	return differences(base, want)
}

// DescribeCertificate reads a certificate in DER, such as a service holds. Its
// error is a *Problem.
func DescribeCertificate(der []byte) (ChainElement, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return ChainElement{}, &Problem{Kind: Refused, Op: "read the certificate", Summary: err.Error()}
	}
	return chainElement(c, ""), nil
}

// Target says where the services are and how they let in, without a secret:
// "lab", or the DPS instance's name.
func (v *Service) Target() string {
	if v.target.lab != nil {
		return "lab"
	}
	name, _, _ := strings.Cut(v.target.serviceHost, ".")
	return cmp.Or(v.profile.DPSName, name)
}

// InLab says whether the target is the lab.
func (v *Service) InLab() bool { return v.target.lab != nil }

// APIM is the API Management service that the profile names, or that the lab
// has; its parts are empty when there is none.
func (v *Service) APIM() APIM {
	if v.apiManagement.Service == "" && v.target.lab != nil {
		return APIM{Service: v.target.lab.APIMName}
	}
	return v.apiManagement
}

// AuthorityOf finds among the authorities of this machine the one whose root or
// intermediate CA is a certificate that DPS holds; false: there is none.
func (v *Service) AuthorityOf(held SigningCertificate) (CAFiles, bool) {
	parent := filepath.Dir(v.session.config.Store.Paths.AuthorityDir("any"))
	entries, err := os.ReadDir(parent)
	if err != nil {
		return CAFiles{}, false
	}
	is := func(file string) bool {
		found, err := pki.ReadCertificates(file)
		return err == nil && strings.EqualFold(pki.Thumbprint1(found[0]), held.Thumbprint)
	}
	for _, e := range entries {
		files := pki.AuthorityFiles{Dir: filepath.Join(parent, e.Name())}
		switch {
		case is(files.RootCertificate()):
			return CAFiles{Authority: e.Name()}, true
		case is(files.IntermediateCertificate()):
			return CAFiles{Authority: e.Name(), ByIntermediate: true}, true
		}
	}
	return CAFiles{}, false
}

// Elsewhere says how somebody who has the rights looks at what this target's
// credential cannot reach: the way through the portal, and the command.
func (v *Service) Elsewhere(l Listing, group string) Manual {
	dps, apim := []string{"--dps-name", v.Target()}, v.APIM()
	if g := v.target.instance.ResourceGroup; g != "" {
		dps = append(dps, "--resource-group", g)
	}
	m := map[Listing]Manual{
		ListIndividual:    {Portal: "Manage enrollments › Individual enrollments", Command: "az iot dps enrollment list"},
		ListGroups:        {Portal: "Manage enrollments › Enrollment groups", Command: "az iot dps enrollment-group list"},
		ListRegistrations: {Portal: "Manage enrollments › Enrollment groups › " + cmp.Or(group, "GROUP") + " › Registration records", Command: "az iot dps enrollment-group registration list"},
		ListCAs:           {Portal: "Certificates", Command: "az iot dps certificate list"},
	}[l]
	if l == ListAPIM {
		service := cmp.Or(apim.Service, "SERVICE")
		return Manual{
			What: "Somebody with the rights sees them elsewhere:", Portal: service + " › Security › Certificates",
			Command: fmt.Sprintf("az rest --url 'https://management.azure.com/subscriptions/%s/resourceGroups/%s/providers/Microsoft.ApiManagement/service/%s/certificates?api-version=2024-05-01'",
				cmp.Or(v.target.instance.SubscriptionID, "SUBSCRIPTION"), cmp.Or(apim.ResourceGroup, v.target.instance.ResourceGroup, "GROUP"), service),
		}
	}
	if l == ListRegistrations {
		dps = append(dps, "--enrollment-id", cmp.Or(group, "GROUP"))
	}
	return Manual{What: "Somebody with the rights sees them elsewhere:", Portal: v.Target() + " › " + m.Portal, Command: m.Command + " " + shellLine(dps)}
}

// Listing names one of the lists of what a target holds.
type Listing int

// The listings.
const (
	ListIndividual    Listing = iota // individual enrollments
	ListGroups                       // enrollment groups
	ListRegistrations                // registration records of a group
	ListCAs                          // signing certificates at DPS
	ListAPIM                         // certificates at API Management
	Listings                         // how many
)
