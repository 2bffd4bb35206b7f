package wire

import (
	"bytes"
	"fmt"
	"go/format"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/template"
)

// GoSource writes the request of an exchange as a Go program of the standard
// library alone. A credential in a header comes from the environment variable
// AUTHORIZATION. Where why is not empty there is no such form.
func GoSource(x *Exchange) (text, why string) {
	if _, err := url.Parse(x.URL); err != nil {
		return "", whyAddress
	}
	if why := whyNotBody(x); why != "" {
		return "", why
	}
	p := goProgram{Exchange: x, Secret: hasSecret(x), Renegotiates: renegotiates(x)}
	for _, name := range slices.Sorted(maps.Keys(x.RequestHeader)) {
		if name == "Content-Length" {
			continue
		}
		values := make([]string, len(x.RequestHeader[name]))
		for i, v := range x.RequestHeader[name] {
			values[i] = fmt.Sprintf("%q", v)
			if strings.Contains(v, Masked) {
				values[i] = fmt.Sprintf("os.Getenv(%q)", secretVariable)
			}
		}
		p.Headers = append(p.Headers, fmt.Sprintf("%q: {%s},", name, strings.Join(values, ", ")))
	}
	var b bytes.Buffer
	if err := goTemplate().Execute(&b, p); err != nil {
		return "", "the program could not be written: " + err.Error()
	}
	source, err := format.Source(b.Bytes())
	if err != nil {
		return "", "the program could not be written: " + err.Error()
	}
	return string(source), ""
}

// renegotiates reports whether a server may ask for the client certificate
// after the handshake, as IoT Hub does.
func renegotiates(x *Exchange) bool {
	u, err := url.Parse(x.URL)
	return err == nil && x.CertificateFile != "" && !strings.Contains(u.Host, "azure-devices-provisioning")
}

type goProgram struct {
	*Exchange
	Secret       bool
	Renegotiates bool
	Headers      []string
}

// HasBody is for the template.
func (p goProgram) HasBody() bool { return p.RequestBody != "" }

// Config reports whether TLS needs more than its defaults.
func (p goProgram) Config() bool { return p.CAFile != "" || p.CertificateFile != "" }

// Method constants read better than their text.
func (p goProgram) MethodName() string {
	names := map[string]string{
		http.MethodGet: "http.MethodGet", http.MethodPut: "http.MethodPut", http.MethodPost: "http.MethodPost",
		http.MethodDelete: "http.MethodDelete", http.MethodPatch: "http.MethodPatch", http.MethodHead: "http.MethodHead",
	}
	if n, ok := names[p.Method]; ok {
		return n
	}
	return fmt.Sprintf("%q", p.Method)
}

// goTemplate is read when it is needed: programs start without it.
func goTemplate() *template.Template {
	return template.Must(template.New("go").Parse(goText))
}

const goText = `// Sends: {{printf "%q" .Operation}}{{if .Secret}}
// The environment variable AUTHORIZATION is the whole value of that header.{{end}}
package main

import (
	{{- if .ConnectTo}}
	"context"{{end}}
	{{- if .Config}}
	"crypto/tls"{{end}}
	{{- if .CAFile}}
	"crypto/x509"{{end}}
	"fmt"
	"io"
	"log"
	{{- if .ConnectTo}}
	"net"{{end}}
	"net/http"
	{{- if or .Secret .CAFile}}
	"os"{{end}}
	{{- if .HasBody}}
	"strings"{{end}}
	"time"
)

func main() {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	{{- if .Config}}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	{{- if .CertificateFile}}
	// The certificate file holds the leaf and then its chain; the key must not
	// be encrypted.
	certificate, err := tls.LoadX509KeyPair({{printf "%q" .CertificateFile}}, {{printf "%q" .KeyFile}})
	if err != nil {
		log.Fatal(err)
	}
	// Sent whatever certification authorities the server names.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &certificate, nil
	}
	{{- end}}
	{{- if .Renegotiates}}
	// IoT Hub may ask for the certificate after the handshake.
	config.MaxVersion, config.Renegotiation = tls.VersionTLS12, tls.RenegotiateOnceAsClient
	{{- end}}
	{{- if .CAFile}}
	roots, err := os.ReadFile({{printf "%q" .CAFile}})
	if err != nil {
		log.Fatal(err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(roots) {
		log.Fatal("the CA file holds no certificate")
	}
	{{- end}}
	transport.TLSClientConfig = config
	{{- end}}
	{{- if .ConnectTo}}
	transport.Proxy = nil
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, {{printf "%q" .ConnectTo}})
	}
	{{- end}}
	client := &http.Client{
		Transport: transport,
		Timeout:   time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequest({{.MethodName}}, {{printf "%q" .URL}}, {{if .HasBody}}strings.NewReader({{printf "%q" .RequestBody}}){{else}}http.NoBody{{end}})
	if err != nil {
		log.Fatal(err)
	}
	request.Header = http.Header{
		{{- range .Headers}}
		{{.}}
		{{- end}}
	}
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	fmt.Println(response.Status)
	for name, values := range response.Header {
		fmt.Println(name+":", values)
	}
	fmt.Println(string(body))
	if err != nil {
		log.Print(err)
	}
}
`
