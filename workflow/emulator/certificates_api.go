package emulator

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"dpslab/pki"
)

// maxAuthorities is how many CA certificates a DPS instance holds.
const maxAuthorities = 25

// verifiedFlagVersion is the first api-version whose requests may say isVerified
// and whose answers hold the certificate itself.
const verifiedFlagVersion = "2021-10-15"

// certificateResource is an uploaded CA certificate as Resource Manager shows
// it. Dates are RFC 1123.
type certificateResource struct {
	Properties certificateProperties `json:"properties"`
	ID         string                `json:"id"`
	Name       string                `json:"name"`
	Type       string                `json:"type"`
	ETag       string                `json:"etag"`
	SystemData *systemData           `json:"systemData,omitempty"` // from verifiedFlagVersion on
}

type certificateProperties struct {
	Subject          string `json:"subject"`
	Expiry           string `json:"expiry"`
	Thumbprint       string `json:"thumbprint"` // SHA-1, 40 upper-case hex digits
	IsVerified       bool   `json:"isVerified"`
	Created          string `json:"created"`
	Updated          string `json:"updated"`
	Certificate      []byte `json:"certificate,omitempty"`      // DER
	VerificationCode string `json:"verificationCode,omitempty"` // in the answer of generateVerificationCode only
}

func (l *Lab) certificateResource(c *call, a *authority) (*certificateResource, error) {
	cert, err := a.certificate()
	if err != nil {
		return nil, err
	}
	facts := pki.Describe(cert)
	r := &certificateResource{
		Properties: certificateProperties{
			Subject: facts.Subject, Expiry: managementTime(facts.NotAfter), Thumbprint: facts.SHA1,
			IsVerified: a.Verified, Created: managementTime(a.Created), Updated: managementTime(a.Updated),
		},
		ID: l.instanceID() + "/certificates/" + a.Name, Name: a.Name,
		Type: "Microsoft.Devices/ProvisioningServices/Certificates", ETag: counterTag(a.Tag),
	}
	if c.version >= verifiedFlagVersion {
		r.Properties.Certificate = a.DER
		r.SystemData = systemDataOf(a.Created, a.Updated)
	}
	return r, nil
}

// managementTime is how the Microsoft.Devices provider writes a time.
func managementTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

func (l *Lab) answerCertificate(c *call, a *authority) error {
	r, err := l.certificateResource(c, a)
	if err != nil {
		return err
	}
	c.json(http.StatusOK, r)
	return nil
}

// certificateBody is the body of create-or-update and of verify. Older versions
// have the certificate at the top, newer ones in properties; both are read.
type certificateBody struct {
	Certificate string `json:"certificate"`
	IsVerified  *bool  `json:"isVerified"`
	Properties  *struct {
		Certificate string `json:"certificate"`
		IsVerified  *bool  `json:"isVerified"`
	} `json:"properties"`
}

// readCertificateBody gives the certificate of a body and the verified flag, if
// it was sent.
func readCertificateBody(raw []byte) (*x509.Certificate, *bool, error) {
	var body certificateBody
	if tooDeep(raw) {
		return nil, nil, badManagementBody.refuse("it nests too deep")
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, nil, badManagementBody.refuse(jsonTrouble(err))
	}
	text, flag := body.Certificate, body.IsVerified
	if body.Properties != nil {
		text, flag = body.Properties.Certificate, body.Properties.IsVerified
	}
	if text == "" {
		return nil, nil, badManagementBody.refuse("it is empty")
	}
	cert, err := readCertificateText(text)
	if err != nil {
		return nil, nil, badManagementBody.refuse(err)
	}
	return cert, flag, nil
}

// wrappedVersion is the first api-version whose body has the certificate in
// properties.
const wrappedVersion = "2022-02-05"

// wrapped reports whether a body has properties.
func wrapped(raw []byte) bool {
	var body certificateBody
	return json.Unmarshal(raw, &body) == nil && body.Properties != nil
}

// uploaded reads the request's certificate.
func (l *Lab) uploaded(c *call) (*x509.Certificate, *bool, error) {
	raw, err := managementBody(c)
	if err != nil {
		return nil, nil, err
	}
	if wrapped(raw) != (c.version >= wrappedVersion) && l.forbids(bodyOfAnotherVersion) {
		return nil, nil, bodyOfAnotherVersion.refuse()
	}
	return readCertificateBody(raw)
}

// putAuthority answers PUT …/certificates/{name}: 200 for a create and for an
// update.
func (l *Lab) putAuthority(c *call) error {
	if err := l.manageInstance(c); err != nil {
		return err
	}
	name := c.args["name"]
	if !validCertificateName(name) {
		return refuse(400000, "The certificate name may hold letters, digits, '-', '.' and '_'.")
	}
	cert, flag, err := l.uploaded(c)
	if err != nil {
		return err
	}
	if c.version < verifiedFlagVersion {
		flag = nil
	}
	ifMatch := c.r.Header.Get("If-Match")
	var next *authority
	err = l.store.update(func(t *tx) error {
		old, err := getAuthorityRecord(t, name)
		if err != nil {
			return err
		}
		if old != nil && !tagMatches(ifMatch, counterTag(old.Tag)) {
			return staleAuthority(ifMatch)
		}
		if err := checkNewAuthority(t, name, cert, old); err != nil {
			return err
		}
		next = &authority{Name: name, DER: cert.Raw, Created: c.now.UTC()}
		if old != nil {
			next.Name, next.Created = old.Name, old.Created
			if bytes.Equal(old.DER, cert.Raw) {
				next.Verified = old.Verified // another certificate is not proved
			}
		}
		if flag != nil {
			next.Verified = *flag
		}
		return stampAuthority(t, next, old, c.now)
	})
	if err != nil {
		return err
	}
	return l.answerCertificate(c, next)
}

// checkNewAuthority refuses a certificate that is there under another name, and
// one too many.
func checkNewAuthority(t *tx, name string, cert *x509.Certificate, old *authority) error {
	if holder := t.text(bucketAnchors, pki.Thumbprint256(cert)); holder != "" && !strings.EqualFold(holder, name) {
		return authorityTaken.refuse(holder)
	}
	if old != nil {
		return nil
	}
	count := 0
	cursor := t.cursor(bucketAuthorities)
	for key, _ := cursor.First(); key != nil; key, _ = cursor.Next() {
		count++
	}
	if count >= maxAuthorities {
		return authorityQuota.refuse()
	}
	return nil
}

// stampAuthority writes a CA certificate with its new etag.
func stampAuthority(t *tx, a, old *authority, now time.Time) error {
	n, err := t.next()
	if err != nil {
		return err
	}
	a.Tag, a.Updated = n, now.UTC()
	return putAuthorityRecord(t, a, old)
}

// staleAuthority refuses a write by somebody who has not seen the newest state.
func staleAuthority(ifMatch string) error {
	if ifMatch == "" {
		return tagMissing.refuse()
	}
	return refuse(412001, "Invalid ETag supplied. The resource has been changed since it was read. errorcode: IH412001.")
}

// listAuthorities answers GET …/certificates.
func (l *Lab) listAuthorities(c *call) error {
	if err := l.manageInstance(c); err != nil {
		return err
	}
	all, err := read(l.store, func(t *tx) ([]*certificateResource, error) {
		all := []*certificateResource{}
		cursor := t.cursor(bucketAuthorities)
		for key, _ := cursor.First(); key != nil; key, _ = cursor.Next() {
			a, err := getAuthorityRecord(t, string(key))
			if err != nil {
				return nil, err
			}
			r, err := l.certificateResource(c, a)
			if err != nil {
				return nil, err
			}
			all = append(all, r)
		}
		return all, nil
	})
	if err != nil {
		return err
	}
	c.json(http.StatusOK, map[string]any{"value": all})
	return nil
}

// getAuthority answers GET …/certificates/{name}.
func (l *Lab) getAuthority(c *call) error {
	if err := l.manageInstance(c); err != nil {
		return err
	}
	a, err := read(l.store, func(t *tx) (*authority, error) { return getAuthorityRecord(t, c.args["name"]) })
	if err != nil {
		return err
	}
	if a == nil {
		return noSuchAuthority.refuse()
	}
	return l.answerCertificate(c, a)
}

// changeAuthority runs one of the operations that require If-Match.
func (l *Lab) changeAuthority(c *call, change func(*tx, *authority) error) error {
	return l.store.update(func(t *tx) error {
		a, err := getAuthorityRecord(t, c.args["name"])
		if err != nil {
			return err
		}
		if a == nil {
			return noSuchAuthority.refuse()
		}
		return a.changeIf(c.r.Header.Get("If-Match"), func() error { return change(t, a) })
	})
}

// changeIf changes a certificate that has the etag which the request demands.
func (a *authority) changeIf(ifMatch string, change func() error) error {
	if !tagMatches(ifMatch, counterTag(a.Tag)) {
		return staleAuthority(ifMatch)
	}
	return change()
}

// deleteAuthority answers DELETE …/certificates/{name}: 200 where one went, as
// the real service does in recordings of Microsoft's own clients, and 204, the
// other success of its description, where there was none. One that an
// enrollment refers to stays.
func (l *Lab) deleteAuthority(c *call) error {
	if err := l.manageInstance(c); err != nil {
		return err
	}
	status := http.StatusOK
	err := l.store.update(func(t *tx) error {
		status = http.StatusOK
		a, err := getAuthorityRecord(t, c.args["name"])
		switch {
		case err != nil:
			return err
		case a == nil:
			status = http.StatusNoContent // guess authorityGone
			return nil
		}
		return a.changeIf(c.r.Header.Get("If-Match"), func() error { return removeAuthority(t, a) })
	})
	if err != nil {
		return err
	}
	c.empty(status)
	return nil
}

// managementBody reads a body and refuses in the dialect of Resource Manager.
func managementBody(c *call) ([]byte, error) {
	raw, err := c.body()
	switch {
	case errors.Is(err, errBodyTooLong):
		return nil, frontDoor(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request body is too large.")
	case err != nil:
		return nil, frontDoor(http.StatusBadRequest, "InvalidRequestContent", "The request body could not be read.")
	}
	return raw, nil
}

func removeAuthority(t *tx, a *authority) error {
	if referrers, _ := walk(t, bucketAttested, referrerPrefix(a.Name), page{size: 1}); len(referrers) > 0 {
		return authorityInUse.refuse(referrers[0])
	}
	if err := dropAnchor(t, a); err != nil {
		return err
	}
	return t.delete(bucketAuthorities, strings.ToLower(a.Name))
}
