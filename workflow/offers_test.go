package workflow

import "testing"

// The CAs of this machine are offered, the usual name first where it is new.
func TestAuthoritiesAreOffered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		there []string
		want  []string
	}{
		{nil, nil},
		{[]string{"line-1"}, []string{"dpslab-ca", "line-1"}},
		{[]string{"dpslab-ca", "line-1"}, []string{"dpslab-ca", "line-1"}},
	} {
		w := NewWizard(nil)
		w.Authorities = c.there
		got := w.Offers(keyAuthority)
		if len(got) != len(c.want) {
			t.Errorf("%v: %v", c.there, got)
			continue
		}
		for i := range got {
			if got[i].Value != c.want[i] || got[i].Help == "" {
				t.Errorf("%v: offer %d is %+v", c.there, i, got[i])
			}
		}
		if w.Offers(keyIDScope) != nil {
			t.Error("an ID scope is offered")
		}
	}
}
