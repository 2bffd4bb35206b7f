//go:build unix

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"dpslab/profiles"
	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

// TestServiceExamplesRun runs every example in the help of the commands of the
// services as it stands, in a folder and a lab that have what they name.
func TestServiceExamplesRun(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	bin := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(bin, "dpslab")); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(home, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	env := environ(t, home, "GATEWAY_PASSWORD=of the gateway", "ROOT_PASSPHRASE=of the root")
	env = append(env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	shell := func(line string) {
		t.Helper()
		c := exec.Command("sh", "-ec", line)
		c.Dir, c.Env = work, env
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
	put(t, filepath.Join(work, "devices.toml"), "[[enrollments]]\nregistrationId = \"dev-1\"\nattestation = { type = \"symmetricKey\" }\n")
	put(t, filepath.Join(work, "old.json"), `["old-1", "old-2"]`)
	shell(`dpslab new press-3 --yes --enrollment group --enrollment-id line-3 --authority line-3 --count 1
dpslab cert new gateway --out . && dpslab cert pfx device-cert.pem --key device-key.pem --out gateway.pfx --out-passphrase-env GATEWAY_PASSWORD
dpslab cert new x --authority contoso --out x
cp "$DPSLAB_HOME"/data/dpslab/authorities/contoso/certs/*root*.pem root.pem
cp "$DPSLAB_HOME"/data/dpslab/authorities/contoso/private/*root*.pem root.key.pem`)
	// Some examples destroy: what the others need is made again.
	const prepare = `dpslab enrollment delete press-3 --yes -q || true
dpslab enrollment enable line-3 --group -q || true
dpslab run press-3 -q
dpslab enrollment put press-3 --attestation symmetric-key -q
dpslab apim put gateway --certificate device-cert.pem --key device-key.pem -q
`
	examples, destroyed := 0, true
	for _, group := range []string{"enrollment", "registration", "ca", "dps", "apim"} {
		c, _, err := (&app{}).command().Find([]string{group})
		if err != nil {
			t.Fatal(err)
		}
		every(c, func(c *cobra.Command) {
			for line := range strings.Lines(c.Example) {
				examples++
				if destroyed {
					shell(prepare)
				}
				shell(strings.TrimSpace(line))
				destroyed = strings.Contains(line, " delete ") || strings.Contains(line, " disable ")
			}
		})
	}
	if examples < 40 {
		t.Errorf("only %d examples", examples)
	}
}

// TestBrokenOffProofGoesOn: a proof of possession that ended after the upload,
// or after DPS made its code, is finished by the same command.
func TestBrokenOffProofGoesOn(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	_, ready := serve(t, home)
	dpslab(t, home, "cert", "new", "device-01", "--authority", "line-3", "-q", "--out", filepath.Join(home, "chain")).want(t, 0)
	for _, coded := range []bool{false, true} {
		uploaded := dpslab(t, home, "ca", "upload", "line-3", "--json").want(t, 0)
		if coded {
			askForCode(t, ready, jsonLines(t, uploaded.stdout)[0]["etag"].(string))
		}
		r := dpslab(t, home, "ca", "verify", "line-3").want(t, 0)
		if strings.Contains(r.stderr, "PUT ") || !strings.Contains(r.stderr, "/verify → 200") || r.stdout != "verified line-3\n" {
			t.Errorf("it did not go on:\n%s%s", r.stdout, r.stderr)
		}
		dpslab(t, home, "ca", "delete", "line-3", "--yes").want(t, 0)
	}
}

// askForCode makes DPS generate a verification code for line-3, whose answer
// nobody reads.
func askForCode(t *testing.T, ready emulator.Ready, tag string) {
	t.Helper()
	root, err := os.ReadFile(ready.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, ready.Address)
		},
	}
	defer transport.CloseIdleConnections()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+ready.ManagementHost+"/subscriptions/"+ready.SubscriptionID+"/resourceGroups/"+
		ready.ResourceGroup+"/providers/Microsoft.Devices/provisioningServices/"+ready.DPSName+"/certificates/line-3/generateVerificationCode?api-version=2022-02-05", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+ready.ManagementToken)
	q.Header.Set("If-Match", tag)
	answer, err := transport.RoundTrip(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("no code: %s", answer.Status)
	}
}

// tunnel is a proxy that connects to one address whatever is asked for, as if it
// were that host.
func tunnel(t *testing.T, to string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go relay(client, to)
		}
	}()
	return listener.Addr().String()
}

func relay(client net.Conn, to string) {
	defer client.Close()
	from := bufio.NewReader(client)
	if q, err := http.ReadRequest(from); err != nil || q.Method != http.MethodConnect {
		return
	}
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connected\r\n\r\n"); err != nil {
		return
	}
	go func() { _, _ = io.Copy(server, from); server.Close() }()
	_, _ = io.Copy(client, server)
}

// TestAzureTargetByFlags reaches the lab as if it were in Azure: by its host
// name, a connection string in the environment, a proxy and a private root.
func TestAzureTargetByFlags(t *testing.T) {
	t.Parallel()
	home, other := t.TempDir(), t.TempDir()
	lab, ready := serve(t, home)
	env := environ(t, other, "HTTPS_PROXY=http://"+tunnel(t, ready.Address), "CONNECTION="+ready.ServiceConnectionString)
	target := []string{"--connection-string-env", "CONNECTION", "--ca-file", ready.CAFile}
	for _, args := range []string{
		"enrollment put x --attestation symmetric-key", "enrollment list", "enrollment show x --json", "enrollment delete x --yes",
		"enrollment list --service-endpoint " + ready.ServiceHost,
	} {
		r := dpslabWith(t, env, append(strings.Fields(args), target...)...).want(t, 0)
		if strings.Contains(r.stderr, "lab ") {
			t.Errorf("%s opened a lab of its own:\n%s", args, r.stderr)
		}
	}
	if !strings.Contains(asked(lab), "DELETE /enrollments/x") {
		t.Errorf("the requests went elsewhere:\n%s", asked(lab))
	}
	dpslabWith(t, env, "enrollment", "list", "--connection-string-env", "CONNECTION").want(t, 3) // its root is not trusted
	dry := dpslabWith(t, env, append([]string{"enrollment", "list", "--dry-run"}, target...)...).want(t, 0)
	if !strings.Contains(dry.stdout, "az iot dps enrollment list --dps-name") || strings.Contains(dry.stdout, "--connect-to") {
		t.Errorf("the copies are not for Azure:\n%s", dry.stdout)
	}
}

// TestEntraDryRunNeedsNoAccount: nobody signs in to see a request.
func TestEntraDryRunNeedsNoAccount(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	azure := "--credential entra-device-code --subscription-id 00000000-1111-2222-3333-444444444444 --resource-group rg --dps-name contoso --dry-run"
	for args, want := range map[string]string{
		"enrollment list": "https://contoso.azure-devices-provisioning.net/enrollments/query",
		"ca list":         "/resourceGroups/rg/providers/Microsoft.Devices/provisioningServices/contoso/certificates",
		"dps show":        "/resourceGroups/rg/providers/Microsoft.Devices/provisioningServices/contoso?",
		"apim list --apim-service gate --apim-resource-group rg-2": "/resourceGroups/rg-2/providers/Microsoft.ApiManagement/service/gate/certificates",
	} {
		r := dpslab(t, home, strings.Fields(args+" "+azure)...).want(t, 0)
		if !strings.Contains(r.stdout, want) || !strings.Contains(r.stdout, "Authorization: Bearer [secret]") || strings.Contains(r.stderr, "code") {
			t.Errorf("%s says:\n%s%s", args, r.stdout, r.stderr)
		}
	}
}

// TestPrintedTargetIsOne: what dps show prints for Azure is the target of a
// profile.
func TestPrintedTargetIsOne(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	i := &workflow.Instance{IDScope: "0ne00111111", ServiceHost: "contoso.azure-devices-provisioning.net", DeviceHost: "global.azure-devices-provisioning.net"}
	i.SubscriptionID, i.ResourceGroup, i.DPSName = "00000000-1111-2222-3333-444444444444", `rg "1"`, "contoso"
	s := &serviceCall{app: &app{environment: environment{out: &output{File: file}}}, flags: &serviceFlags{subscriptionID: i.SubscriptionID, credential: "entra-cli"}}
	if err := s.printTarget(i); err != nil {
		t.Fatal(err)
	}
	printed, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := profiles.Parse("printed", []byte("version = 1\n"+string(printed)+"[identity]\nregistration_id = \"x\"\n[enrollment]\nkind = \"individual\"\n"))
	if err != nil {
		t.Fatalf("%v in\n%s", err, printed)
	}
	want := profiles.Target{
		Kind: profiles.TargetAzure, IDScope: i.IDScope, DeviceEndpoint: i.DeviceHost, ServiceEndpoint: i.ServiceHost, Credential: "entra-cli",
		SubscriptionID: i.SubscriptionID, ResourceGroup: i.ResourceGroup, DPSName: i.DPSName,
	}
	if doc.Profile.Target != want {
		t.Errorf("%+v\nwant %+v", doc.Profile.Target, want)
	}
}

// TestPickNeedsATerminal: of several instances one must be named.
func TestPickNeedsATerminal(t *testing.T) {
	t.Parallel()
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s := &serviceCall{app: &app{environment: environment{in: in, err: in}}, flags: &serviceFlags{}}
	if _, err := s.pick(t.Context(), nil); err == nil || !notFound(err) {
		t.Errorf("of none: %v", err)
	}
	one := &workflow.Instance{IDScope: "0ne1"}
	if got, err := s.pick(t.Context(), []*workflow.Instance{one}); err != nil || got != one {
		t.Errorf("of one: %v, %v", got, err)
	}
	if _, err := s.pick(t.Context(), []*workflow.Instance{one, {}}); err == nil || !strings.Contains(err.Error(), "there are 2") {
		t.Errorf("of two: %v", err)
	}
}
