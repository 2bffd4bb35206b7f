package emulator

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dpslab/workflow/dps"
)

// TestStrict does the same to a lenient lab and to a strict one.
func TestStrict(t *testing.T) {
	t.Parallel()
	root := newFamily(t, "strict").root.Certificate
	id := selfSigned(t, "d1")
	group := dps.EnrollmentGroup{EnrollmentGroupID: "g"}
	group.Attestation = dps.AttestationMechanism{Type: "x509", X509: &dps.X509Attestation{SigningCertificates: &dps.X509Certificates{
		Primary: &dps.X509CertificateWithInfo{Certificate: pemText(selfSigned(t, "no-ca").chain[0])},
	}}}
	at := func(version string) func(*testing.T, *Lab) answer {
		return func(t *testing.T, l *Lab) answer {
			url := strings.Replace(l.registerURL("d1"), "2021-06-01", version, 1)
			return l.as(t, id).do(t, "PUT", url, `{"registrationId":"d1"}`)
		}
	}
	type try struct {
		row  guess
		name string
		do   func(*testing.T, *Lab) answer
	}
	tests := []try{
		{unknownVersion, "device API", at("2031-01-01")},
		{unknownVersion, "Resource Manager", func(t *testing.T, l *Lab) answer {
			return l.manageCall(t, "2031-01-01-preview", "GET", "/certificates", "")
		}},
		{hubVersion, "telemetry", func(t *testing.T, l *Lab) answer {
			c := l.as(t, id)
			c.provision(t, "d1")
			return c.do(t, "POST", "https://"+l.ready.HubHosts[0]+"/devices/d1/messages/events?api-version=2031-01-01", "{}")
		}},
		{signerNoAuthority, "", func(t *testing.T, l *Lab) answer {
			return l.service(t, "PUT", "/enrollmentGroups/g", jsonText(t, group))
		}},
		{bodyOfAnotherVersion, "flat body in a wrapped version", func(t *testing.T, l *Lab) answer {
			return l.manageCall(t, "2022-02-05", "PUT", "/certificates/a", jsonText(t, map[string]any{"certificate": root.Raw}))
		}},
		{bodyOfAnotherVersion, "wrapped body in a flat version", func(t *testing.T, l *Lab) answer {
			return l.manageCall(t, "2018-01-22", "PUT", "/certificates/a", jsonText(t, map[string]any{"properties": map[string]any{"certificate": root.Raw}}))
		}},
		{queryText, "", func(t *testing.T, l *Lab) answer {
			return l.service(t, "POST", "/enrollments/query", `{"query":"everything"}`)
		}},
		{registrationIDMissing, "register", func(t *testing.T, l *Lab) answer {
			return l.as(t, id).do(t, "PUT", l.registerURL("d1"), `{}`)
		}},
		{registrationIDMissing, "status lookup", func(t *testing.T, l *Lab) answer {
			return l.as(t, id).do(t, "POST", strings.Replace(l.registerURL("d1"), "/register?", "?", 1), `{}`)
		}},
	}
	for row, g := range Guesses() {
		tried := slices.ContainsFunc(tests, func(x try) bool { return x.row == guess(row) })
		if tried != (g.Strict != "") {
			t.Errorf("row %s %q: tried %v, strict %q", g.Number, g.Question, tried, g.Strict)
		}
	}
	for _, test := range tests {
		t.Run(guesses[test.row].Question+" "+test.name, func(t *testing.T) {
			t.Parallel()
			for _, strict := range []bool{false, true} {
				l := start(t, func(o *Options) { o.Strict = strict })
				l.enroll(t, "d1", id.chain[0])
				a := test.do(t, l)
				if (a.status == 400) != strict || !strict && a.status > 204 {
					t.Errorf("strict %v: %d %s", strict, a.status, a.body)
				}
				if strict && !strings.Contains(string(a.body), guesses[test.row].message) {
					t.Errorf("%s is not the answer of the row", a.body)
				}
			}
		})
	}
}

// TestEveryStrictBranchHasItsRow reads the source: strictness is asked for in
// one place, which takes a row, and each row with a strict side is asked there.
func TestEveryStrictBranchHasItsRow(t *testing.T) {
	t.Parallel()
	files := packageFiles(t)
	asked := map[string]int{}
	for name, file := range files {
		for _, declared := range file.Decls {
			fn, isFunc := declared.(*ast.FuncDecl)
			ast.Inspect(declared, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if n.Sel.Name == "Strict" && !(isFunc && fn.Name.Name == "forbids") {
						t.Errorf("%s asks for strictness without a row", name)
					}
				case *ast.CallExpr:
					if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "forbids" {
						row, ok := n.Args[0].(*ast.Ident)
						if !ok {
							t.Fatalf("%s: forbids takes the name of a row", name)
						}
						asked[row.Name]++
					}
				}
				return true
			})
		}
	}
	strict := 0
	for _, g := range Guesses() {
		strict += btoi(g.Strict != "")
	}
	if len(asked) != strict {
		t.Errorf("%d rows have a strict side, %d are asked: %v", strict, len(asked), asked)
	}
	for row, times := range asked {
		if times != 1 {
			t.Errorf("%s is asked %d times", row, times)
		}
	}
}

// TestEveryRowIsUsed finds rows that answer and that no code refuses with, and
// numbers that say nothing.
func TestEveryRowIsUsed(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	var names []string
	for name, file := range packageFiles(t) {
		if name == "guesses.go" {
			names = rowNames(file)
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				used[id.Name] = true
			}
			return true
		})
	}
	if len(names) != len(guesses) {
		t.Fatalf("%d names for %d rows", len(names), len(guesses))
	}
	numbers := map[string]bool{}
	for i, g := range Guesses() {
		numbers[g.Number] = true
		switch {
		case !regexp.MustCompile(`^(U[1-9]\d?|\d{1,2}(\.\d{1,2})?)$`).MatchString(g.Number):
			t.Errorf("%s has number %q", names[i], g.Number)
		case g.Question == "" || g.code == 0 && g.Choice == "":
			t.Errorf("%s says nothing: %+v", names[i], g)
		case g.code != 0 && !used[names[i]]:
			t.Errorf("nothing refuses with %s", names[i])
		}
	}
	for n := range 20 {
		if !numbers[fmt.Sprint("U", n+1)] {
			t.Errorf("no row decides about U%d", n+1)
		}
	}
}

// rowNames are the constants of the rows, in order.
func rowNames(file *ast.File) []string {
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		group, ok := n.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST || len(names) > 0 {
			return true
		}
		for _, spec := range group.Specs {
			for _, id := range spec.(*ast.ValueSpec).Names {
				names = append(names, id.Name)
			}
		}
		return true
	})
	return names
}

// packageFiles parses the package without its tests.
func packageFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	all, err := filepath.Glob("*.go")
	if err != nil || len(all) == 0 {
		t.Fatalf("%v %v", all, err)
	}
	files := map[string]*ast.File{}
	for _, name := range all {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if files[name], err = parser.ParseFile(token.NewFileSet(), name, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestStrictAcceptsWhatIsRight does what every version of the contract allows.
func TestStrictAcceptsWhatIsRight(t *testing.T) {
	t.Parallel()
	root := newFamily(t, "strict").root.Certificate
	id := selfSigned(t, "d1")
	l := start(t, func(o *Options) { o.Strict = true })
	l.enroll(t, "d1", id.chain[0])
	if op := l.as(t, id).provision(t, "d1"); op.Status != dps.StatusAssigned {
		t.Errorf("%+v", op)
	}
	l.upload(t, "root", root, true)
	l.enrollGroup(t, "g", root)
	// What az sends today.
	for path, version := range map[string]string{
		"/subscriptions": "2022-12-01", "/tenants": "2022-12-01", "/subscriptions/" + l.ready.SubscriptionID + "/resourceGroups": "2024-11-01",
		"/subscriptions/" + l.ready.SubscriptionID + "/providers/Microsoft.Devices/IotHubs":              "2023-06-30",
		"/subscriptions/" + l.ready.SubscriptionID + "/providers/Microsoft.Devices/provisioningServices": "2021-10-15",
	} {
		a := l.as(t, ident{}).do(t, "GET", "https://"+managementHost+path+"?api-version="+version, "", "Authorization", "Bearer "+l.ready.ManagementToken)
		if a.status != 200 {
			t.Errorf("%s %s: %d %s", path, version, a.status, a.body)
		}
	}
	for _, text := range []string{"SELECT * FROM enrollments", "*", "select  *", "{'additional_properties': {}, 'query': 'SELECT *'}"} {
		if a := l.service(t, "POST", "/enrollments/query", jsonText(t, map[string]string{"query": text})); a.status != 200 {
			t.Errorf("%s: %d %s", text, a.status, a.body)
		}
	}
}
