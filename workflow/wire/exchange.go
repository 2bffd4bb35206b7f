// Package wire is HTTP with a memory: every request and its response becomes
// an [Exchange] with timing and TLS facts, with secrets already taken out.
package wire

import (
	"net/http"
	"time"
)

// Exchange is one recorded HTTP request with its response. It is safe to show,
// store and send to somebody: credentials are replaced before it is made.
type Exchange struct {
	ID        int       `json:"id"`        // rises within a process
	Service   string    `json:"service"`   // "DPS", "IoT Hub", "Azure Resource Manager"
	Operation string    `json:"operation"` // "register", "operation status", "send event", …
	Started   time.Time `json:"started"`

	Method        string      `json:"method"`
	URL           string      `json:"url"` // with the real host name, secrets in the query masked
	RequestHeader http.Header `json:"request_header,omitempty"`
	RequestBody   string      `json:"request_body,omitempty"`

	Proto          string      `json:"proto,omitempty"`  // "HTTP/1.1"
	Status         int         `json:"status,omitempty"` // 0: no answer came
	Reason         string      `json:"reason,omitempty"` // "Accepted"
	ResponseHeader http.Header `json:"response_header,omitempty"`
	ResponseBody   string      `json:"response_body,omitempty"`
	Truncated      bool        `json:"truncated,omitempty"` // a body was longer than what is kept

	Error  string    `json:"error,omitempty"`   // why no answer came
	DryRun bool      `json:"dry_run,omitempty"` // made and not sent
	Timing Timing    `json:"timing"`
	TLS    *TLSFacts `json:"tls,omitempty"`

	// Files that make the same request with curl; empty where they do not apply.
	CertificateFile string `json:"certificate_file,omitempty"`
	KeyFile         string `json:"key_file,omitempty"`
	CAFile          string `json:"ca_file,omitempty"`
	ConnectTo       string `json:"connect_to,omitempty"` // host:port that the dial override used
	Proxy           string `json:"proxy,omitempty"`      // host:port of the proxy it went through
}

// Timing is where an exchange spent its time, in milliseconds. A phase that did
// not happen (a kept connection) is zero.
type Timing struct {
	DNS     float64 `json:"dns_ms"`
	Connect float64 `json:"connect_ms"`
	TLS     float64 `json:"tls_ms"`
	Wait    float64 `json:"wait_ms"`  // request written → first byte of the answer
	Total   float64 `json:"total_ms"` // dialing → body read
	Reused  bool    `json:"reused"`   // the connection was kept from before

	// Ahead: the connection was opened for this exchange before it began, beside
	// something else. Its time is in DNS, Connect, TLS and Total all the same.
	Ahead bool `json:"ahead,omitempty"`
}

// TLSFacts is what the handshake agreed on.
type TLSFacts struct {
	Version     string            `json:"version"` // "TLS 1.3"
	CipherSuite string            `json:"cipher_suite"`
	ServerName  string            `json:"server_name"` // SNI
	Server      []CertificateFact `json:"server,omitempty"`
	Client      []CertificateFact `json:"client,omitempty"` // the certificates actually sent
	Requested   bool              `json:"client_certificate_requested"`
}

// CertificateFact is what the transcript shows of one certificate.
type CertificateFact struct {
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	NotAfter time.Time `json:"not_after"`
	SHA1     string    `json:"sha1"`   // 40 upper-case hex digits
	SHA256   string    `json:"sha256"` // 64 upper-case hex digits
	CA       bool      `json:"ca,omitempty"`
}
