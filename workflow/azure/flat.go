package azure

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"
)

// The certificate operations before api-version 2022-02-05 (Dps Certificate -
// Create Or Update, 2018-01-22): the certificate stands at the top of the body.
// Azure's module has no such form.

// flatBody is the body of create or update and of verify.
type flatBody struct {
	Certificate string `json:"certificate"`
	IsVerified  *bool  `json:"isVerified,omitempty"` // from 2021-10-15
}

// flatAnswer is a certificate as those versions answer it. Dates are RFC 1123;
// one that cannot be read is left out.
type flatAnswer struct {
	Name       string `json:"name"`
	ETag       string `json:"etag"`
	Properties struct {
		Subject          string `json:"subject"`
		Expiry           string `json:"expiry"`
		Thumbprint       string `json:"thumbprint"`
		IsVerified       bool   `json:"isVerified"`
		Created          string `json:"created"`
		Updated          string `json:"updated"`
		Certificate      string `json:"certificate"`
		VerificationCode string `json:"verificationCode"`
	} `json:"properties"`
}

func (a flatAnswer) certificate() *Certificate {
	p := a.Properties
	c := &Certificate{
		Name: a.Name, ETag: a.ETag, Verified: p.IsVerified, Thumbprint: p.Thumbprint, Subject: p.Subject,
		Expires: rfc1123(p.Expiry), Created: rfc1123(p.Created), Updated: rfc1123(p.Updated),
	}
	if raw, err := base64.StdEncoding.DecodeString(p.Certificate); err == nil && len(raw) > 0 {
		c.DER = der(raw)
	}
	return c
}

func rfc1123(text string) time.Time {
	t, err := http.ParseTime(text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// flatRequest is a request about one certificate, about all with an empty name.
// action is generateVerificationCode or verify; those and DELETE repeat the name
// in the query, as the description of these versions has it.
func (c *Certificates) flatRequest(method, name, action, ifMatch string) rest {
	r := rest{
		method: method, ifMatch: ifMatch, query: url.Values{"api-version": {c.version}},
		path: []string{
			"subscriptions", c.instance.SubscriptionID, "resourceGroups", c.instance.ResourceGroup,
			"providers", "Microsoft.Devices", "provisioningServices", c.instance.DPSName, "certificates",
		},
	}
	if name != "" {
		r.path = append(r.path, name)
	}
	if action != "" {
		r.path = append(r.path, action)
	}
	if action != "" || method == http.MethodDelete {
		r.query.Set("certificate.name", name)
	}
	return r
}

func (c *Certificates) flatOne(ctx context.Context, method, name, action, ifMatch string, body any) (*Certificate, error) {
	var answer flatAnswer
	r := c.flatRequest(method, name, action, ifMatch)
	r.in, r.out = body, &answer
	err := c.m.send(ctx, r)
	return answer.certificate(), err
}

func (c *Certificates) flatCode(ctx context.Context, name, ifMatch string, code *string) (*Certificate, error) {
	var answer flatAnswer
	r := c.flatRequest(http.MethodPost, name, "generateVerificationCode", ifMatch)
	r.out = &answer
	err := c.m.send(ctx, r)
	*code = answer.Properties.VerificationCode
	return answer.certificate(), err
}

func (c *Certificates) flatList(ctx context.Context) ([]Certificate, error) {
	var answer struct {
		Value []flatAnswer `json:"value"`
	}
	r := c.flatRequest(http.MethodGet, "", "", "")
	r.out = &answer
	err := c.m.send(ctx, r)
	all := make([]Certificate, 0, len(answer.Value))
	for _, a := range answer.Value {
		all = append(all, *a.certificate())
	}
	return all, err
}

func (c *Certificates) flatDelete(ctx context.Context, name, ifMatch string) error {
	return c.m.send(ctx, c.flatRequest(http.MethodDelete, name, "", ifMatch))
}
