package emulator

import (
	"testing"
)

// Scenarios about connections strike everybody but the hand that switches them
// off, also when it is another process's.
func TestConnectScenariosSpareTheOperator(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"silent", "tls-alert", "foreign-ca", "expired-server-certificate", "tls12-only"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			lab, err := Start(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0", RetryAfter: -1})
			if err != nil {
				t.Fatal(err)
			}
			defer lab.Close()
			for range 2 { // every call comes on a connection of its own
				_, operator, err := Join(t.Context(), dir)
				if err != nil {
					t.Fatal(err)
				}
				if err := operator.SetFault(t.Context(), Fault{Scenario: name}); err != nil {
					t.Fatal(err)
				}
				operator.Close()
			}
			_, operator, err := Join(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			defer operator.Close()
			faults, err := operator.Faults(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range faults {
				if f.Scenario == name && f.Hits != 0 {
					t.Errorf("the operator was struck %d times", f.Hits)
				}
			}
			if _, err := operator.ClearFaults(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A hub that the store lacks is made and linked at the next start.
func TestHubsAreAdded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct {
		hubs []string
		want int
	}{{nil, 1}, {[]string{DefaultHub, "hub-two"}, 2}, {nil, 2}} {
		lab, err := Start(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0", Hubs: tt.hubs})
		if err != nil {
			t.Fatal(err)
		}
		if got := lab.Ready().HubHosts; len(got) != tt.want {
			t.Errorf("with %v the lab has %v", tt.hubs, got)
		}
		if err := lab.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
