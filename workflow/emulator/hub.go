package emulator

import (
	"crypto/x509"
	"errors"
	"net/http"
	"strings"

	"dpslab/pki"
	"dpslab/workflow/dps"
)

// maxMessage is the most that one request to the hub may carry, 256 KB.
const maxMessage = 256 << 10

// hubFor finds the hub that a request is for: by host name, or for a request to
// localhost the one that has the device, else the first.
func (l *Lab) hubFor(c *call, deviceID string) (*linkedHub, error) {
	host := hostName(c.r.Host)
	if strings.HasSuffix(host, hubSuffix) {
		if h := l.instance().hub(host); h != nil {
			return h, nil
		}
		return nil, hubUnknown.refuse()
	}
	return read(l.store, func(t *tx) (*linkedHub, error) {
		for i := range l.instance().Hubs {
			d, err := getHubDevice(t, l.instance().Hubs[i].Host, deviceID)
			if err != nil || d != nil {
				return &l.instance().Hubs[i], err
			}
		}
		return &l.instance().Hubs[0], nil
	})
}

// sendEvent answers POST /devices/{deviceId}/messages/events: 204 once the
// message lies in the inbox.
func (l *Lab) sendEvent(c *call) error {
	id := c.args["device"]
	c.device = id
	hub, err := l.hubFor(c, id)
	if err != nil {
		return err
	}
	device, err := l.store.device(hub.Host, id, c.args["module"])
	if err != nil {
		return err
	}
	how, err := l.authenticate(c, hub, device)
	if err != nil {
		return err
	}
	messages, err := readMessages(c, hub.Host, id)
	if err != nil {
		return err
	}
	for i := range messages {
		m := &messages[i]
		m.set(systemProperty, "iothub-connection-device-id", device.ID)
		if device.Module != "" {
			m.set(systemProperty, "iothub-connection-module-id", device.Module)
		}
		m.set(systemProperty, "iothub-connection-auth-generation-id", device.GenerationID)
		m.set(systemProperty, "iothub-connection-auth-method", how)
	}
	if !c.swallow {
		if err := l.store.receive(hub.Host, id, messages); err != nil {
			return err
		}
	}
	c.set("Vary", "Origin")
	c.empty(http.StatusNoContent)
	return nil
}

// Values of iothub-connection-auth-method.
const (
	byCertificate = `{"scope":"device","type":"x509","issuer":"iothub"}`
	byKey         = `{"scope":"device","type":"sas","issuer":"iothub"}`
)

// authenticate checks a device's own credential. A device that is not in the
// registry is refused like one with a wrong credential.
func (l *Lab) authenticate(c *call, hub *linkedHub, d *hubDevice) (how string, err error) {
	header, presented := c.r.Header.Get("Authorization"), c.presented()
	switch {
	case header == "" && len(presented) == 0:
		return "", hubNoCredential.because("no client certificate and no Authorization header")
	case d == nil:
		return "", hubUnknownDevice.because("the device is not in the registry of ", hub.Host)
	case header != "":
		how, err = byKey, checkDeviceToken(c, hub, d, header)
	case d.Authentication == byAuthority:
		how, err = byCertificate, l.checkDeviceChain(c, d)
	default:
		how, err = byCertificate, checkThumbprint(c, d, presented[0])
	}
	if err == nil && d.Disabled { // a stranger is not told that the device is
		err = hubDeviceDisabled.refuse()
	}
	return how, err
}

// checkThumbprint compares the leaf with the thumbprint that DPS left, which
// may be given as SHA-256 or SHA-1.
func checkThumbprint(c *call, d *hubDevice, leaf *x509.Certificate) error {
	if d.Credential.SHA256 == "" {
		return hubUnknownDevice.because("the device proves itself by key")
	}
	same := func(thumbprint string) bool {
		return strings.EqualFold(d.Credential.SHA256, thumbprint) || strings.EqualFold(d.SecondThumbprint, thumbprint)
	}
	if !same(c.leafThumbprint()) && !same(pki.Thumbprint1(leaf)) {
		return thumbprintMismatch.refuse()
	}
	if c.now.Before(leaf.NotBefore) || c.now.After(leaf.NotAfter) {
		return hubExpired.refuse()
	}
	return nil
}

// checkDeviceChain checks a device that proves itself by CA: its common name is
// the device ID, and its chain leads to a CA that is uploaded and verified
// (guess hubAuthorities).
func (l *Lab) checkDeviceChain(c *call, d *hubDevice) error {
	path := buildChain(c.presented())
	if path.leaf().Subject.CommonName != d.principal() {
		return hubUnknownDevice.because("the common name is not ", d.principal())
	}
	if err := checkLeaf(path.leaf(), c.now); err != nil {
		return hubExpired.because(err)
	}
	if err := path.checkSigners(c.now); err != nil {
		return hubExpired.because(err)
	}
	anchored, err := read(l.store, func(t *tx) (bool, error) { return verifiedFrom(t, path, 1) })
	if err == nil && !anchored {
		err = hubUnknownDevice.because("no signer in the presented chain is uploaded and verified")
	}
	return err
}

// checkDeviceToken checks a device's shared access signature over
// {host}/devices/{deviceId}.
func checkDeviceToken(c *call, hub *linkedHub, d *hubDevice, header string) error {
	token, err := dps.ParseSharedAccessSignature(header)
	if err != nil {
		return hubUnknownDevice.because(err)
	}
	switch {
	case d.Credential.PrimaryKey == "" || !token.SignedBy(d.Credential.PrimaryKey) && !token.SignedBy(d.Credential.SecondaryKey):
		return hubUnknownDevice.because("the shared access signature was made with another key")
	case token.Expiry.Before(c.now):
		return &refusal{status: http.StatusUnauthorized, code: 401003, name: "IotHubUnauthorized", message: "The token is expired"}
	case !covers(token.Resource, []string{hub.Host, c.r.Host, hostName(c.r.Host)}, c.r.URL):
		return hubUnknownDevice.because("the shared access signature is for another resource")
	}
	return nil
}

// authorizeHub checks a caller of the hub's service API.
func (l *Lab) authorizeHub(c *call, hub *linkedHub) error {
	header := c.r.Header.Get("Authorization")
	if l.isManagementToken(bearer(header)) {
		return nil
	}
	if p, why := l.signer(c, header, hub.Host, []policy{hub.Policy}); p == nil {
		return hubNoCredential.because(why)
	}
	return nil
}

// registryHub finds the hub whose service API is asked, and checks the caller.
func (l *Lab) registryHub(c *call) (host string, err error) {
	c.device = c.args["device"]
	hub, err := l.hubFor(c, c.device)
	if err != nil {
		return "", err
	}
	return hub.Host, l.authorizeHub(c, hub)
}

// registryDevice finds a device for the hub's service API.
func (l *Lab) registryDevice(c *call) (*hubDevice, error) {
	hub, err := l.registryHub(c)
	if err != nil {
		return nil, err
	}
	id, module := c.args["device"], c.args["module"]
	return read(l.store, func(t *tx) (*hubDevice, error) {
		d, err := getIdentity(t, hub, id, module)
		if err == nil && d == nil {
			err = noIdentity(t, hub, id, module)
		}
		return d, err
	})
}

// hubBody reads the body of a request to the hub.
func hubBody(c *call) ([]byte, error) {
	body, err := c.body()
	if errors.Is(err, errBodyTooLong) {
		return nil, messageTooLarge()
	}
	if err != nil {
		return nil, &refusal{status: http.StatusBadRequest, code: 400000, name: "GenericBadRequest", message: "The body could not be read"}
	}
	return body, nil
}

func messageTooLarge() *refusal {
	return &refusal{status: http.StatusRequestEntityTooLarge, code: 413001, name: "MessageTooLarge", message: "The message is larger than 256 KB"}
}
