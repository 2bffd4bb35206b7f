package workflow

import (
	"dpslab/pki"
	"dpslab/profiles"
)

// Write is one thing that saving or running a profile writes.
type Write struct {
	Step  StepID // empty: saving
	What  string // "device private key"
	Where string // a path here, or a host
	Local bool   // on this machine
}

// Writes lists what saving the answers and running all steps will write, and
// where. It does no I/O: a file that is there already is reused.
func (w Wizard) Writes(paths profiles.Paths) []Write {
	p, name := w.Profile(), w.Name()
	out := []Write{{What: "profile", Where: paths.Profile(name), Local: true}}
	if byCertificate(p) {
		out = append(out, certificateWrites(paths, name, p)...)
	}
	host, hub := p.Target.ServiceEndpoint, "the hub that DPS assigns"
	if p.Target.Kind != profiles.TargetAzure {
		host, hub = "the lab", "the lab's hub"
	}
	record, id := "individual enrollment", p.Identity.RegistrationID
	if p.Enrollment.Kind == profiles.EnrollmentGroup {
		record, id = "enrollment group", p.Enrollment.ID
	}
	return append(out,
		Write{Step: StepEnrollment, What: record, Where: id + " at " + host},
		Write{Step: StepRegistration, What: "registration record", Where: host + ", and the device at " + hub},
		Write{Step: StepTelemetry, What: "messages", Where: hub},
		Write{Step: StepTelemetry, What: "progress and journal", Where: paths.StateFile(name), Local: true})
}

func certificateWrites(paths profiles.Paths, name string, p *profiles.Profile) []Write {
	f := pki.DeviceFiles{Dir: paths.DeviceDir(name), RegistrationID: p.Identity.RegistrationID}
	local := func(what, where string) Write {
		return Write{Step: StepCertificates, What: what, Where: where, Local: true}
	}
	if p.Identity.Source == profiles.SourceSelfSigned {
		return []Write{local("device certificate", f.SelfSignedCertificate()), local("device private key", f.SelfSignedKey())}
	}
	out := []Write{local("device certificate", f.Certificate()), local("its full chain", f.FullChain()), local("device private key", f.Key())}
	host := p.Target.ServiceEndpoint
	if p.Target.Kind != profiles.TargetAzure {
		host = "the lab"
	}
	if p.Identity.Source == profiles.SourceChain {
		out = append([]Write{local("root and intermediate CA", paths.AuthorityDir(p.Identity.Authority))}, out...)
		out = append(out, Write{Step: StepSigningCA, What: "signing CA, verified", Where: host})
	}
	return out
}
