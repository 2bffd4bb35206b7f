package emulator

import (
	"crypto/x509"
	"fmt"
	"net/http"
)

// generateCode answers POST …/certificates/{name}/generateVerificationCode. A
// new code replaces the one before.
func (l *Lab) generateCode(c *call) error {
	if err := l.manageInstance(c); err != nil {
		return err
	}
	var changed *authority
	err := l.changeAuthority(c, func(t *tx, a *authority) error {
		a.Code = fmt.Sprintf("%X", randomBytes(24))
		changed = a
		return stampAuthority(t, a, nil, c.now)
	})
	if err != nil {
		return err
	}
	r, err := l.certificateResource(c, changed)
	if err != nil {
		return err
	}
	r.Properties.VerificationCode = changed.Code
	c.json(http.StatusOK, r)
	return nil
}

// uploadedProof reads the body of verify, which is flat in every version.
func (l *Lab) uploadedProof(c *call) (*x509.Certificate, error) {
	raw, err := managementBody(c)
	if err != nil {
		return nil, err
	}
	cert, _, err := readCertificateBody(raw)
	return cert, err
}

// verifyAuthority answers POST …/certificates/{name}/verify: a certificate
// whose common name is the code, signed by the key of the CA, proves that its
// sender holds that key.
func (l *Lab) verifyAuthority(c *call) error {
	if err := l.manageInstance(c); err != nil {
		return err
	}
	proof, err := l.uploadedProof(c)
	if err != nil {
		return err
	}
	var changed *authority
	err = l.changeAuthority(c, func(t *tx, a *authority) error {
		cert, err := a.certificate()
		if err != nil {
			return err
		}
		switch {
		case a.Code == "":
			return verifyFailed.refuse().because("no verification code is out")
		case proof.Subject.CommonName != a.Code:
			return verifyFailed.refuse().because("the common name is not the newest code")
		case cert.CheckSignature(proof.SignatureAlgorithm, proof.RawTBSCertificate, proof.Signature) != nil:
			return verifyFailed.refuse().because("another key signed the verification certificate")
		}
		a.Verified, a.Code = true, ""
		changed = a
		return stampAuthority(t, a, nil, c.now)
	})
	if err != nil {
		return err
	}
	return l.answerCertificate(c, changed)
}
