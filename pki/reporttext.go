package pki

import "time"

// Text is the report as people read it: each chain from the device upwards, then
// the findings, the worst first. brief leaves out what is only worth knowing.
func (r *Report) Text(brief bool) string {
	var t text
	for _, c := range r.Chains {
		for depth, e := range c.Elements {
			t.line(2*depth, "%s  until %s  (%s)", nameText(e.Certificate.RawSubject), e.NotAfter.Format(time.DateOnly), e.File)
		}
		if !c.Complete {
			t.line(2*len(c.Elements), "… the chain goes on in no file here")
		}
	}
	if len(r.Chains) == 0 {
		t.line(0, "no device certificate here")
	}
	counts := map[Severity]int{}
	for _, f := range r.Findings {
		counts[f.Severity]++
		if brief && f.Severity == SeverityInfo {
			continue
		}
		t.line(0, "%s %-7s  %s", f.Rule, f.Severity, f.Observed)
		if f.Severity == SeverityInfo {
			continue
		}
		t.line(4, "why  %s", f.Why)
		t.line(4, "fix  %s", f.Fix)
	}
	t.line(0, "%s, %s, %s", count(len(r.Files), "file"), count(counts[SeverityError], "error"), count(counts[SeverityWarning], "warning"))
	return t.String()
}
