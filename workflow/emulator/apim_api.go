package emulator

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// answerAPIM answers with a certificate and its ETag.
func (l *Lab) answerAPIM(c *call, status int, a *apimCertificate) error {
	r, err := l.apimResource(a)
	if err != nil {
		return err
	}
	c.set("ETag", a.apimTag())
	c.json(status, r)
	return nil
}

// putAPIM answers PUT …/certificates/{certificateId}: 201 for a create, 200 for
// an update, which needs If-Match.
func (l *Lab) putAPIM(c *call) error {
	if err := l.manageAPIM(c); err != nil {
		return err
	}
	next, err := l.readAPIM(c)
	if err != nil {
		return err
	}
	ifMatch, status := c.r.Header.Get("If-Match"), http.StatusOK
	err = l.store.update(func(t *tx) error {
		old, err := getAPIM(t, c.args["certificate"])
		if err != nil {
			return err
		}
		next.Name, status = c.args["certificate"], http.StatusOK
		switch {
		case old == nil && ifMatch != "" && bareTag(ifMatch) != anyTag:
			return staleAPIM()
		case old == nil:
			status = http.StatusCreated
		case !tagMatches(ifMatch, old.apimTag()):
			return staleAPIM()
		default:
			next.Name = old.Name
		}
		return stampAPIM(t, next)
	})
	if err != nil {
		return err
	}
	return l.answerAPIM(c, status, next)
}

// staleAPIM refuses a write by somebody who has not seen the newest state.
func staleAPIM() *refusal {
	return frontDoor(http.StatusPreconditionFailed, "PreconditionFailed", "Resource was modified since last retrieval.")
}

// findAPIM finds the certificate that the path names.
func (l *Lab) findAPIM(c *call) (*apimCertificate, error) {
	if err := l.manageAPIM(c); err != nil {
		return nil, err
	}
	a, err := read(l.store, func(t *tx) (*apimCertificate, error) { return getAPIM(t, c.args["certificate"]) })
	if err == nil && a == nil {
		err = noAPIM()
	}
	return a, err
}

func noAPIM() *refusal {
	return frontDoor(http.StatusNotFound, "ResourceNotFound", "Certificate not found.")
}

// getAPIMCertificate answers GET …/certificates/{certificateId}.
func (l *Lab) getAPIMCertificate(c *call) error {
	a, err := l.findAPIM(c)
	if err != nil {
		return err
	}
	return l.answerAPIM(c, http.StatusOK, a)
}

// headAPIM answers HEAD …/certificates/{certificateId} with the ETag alone.
func (l *Lab) headAPIM(c *call) error {
	a, err := l.findAPIM(c)
	if err != nil {
		return err
	}
	c.set("ETag", a.apimTag())
	c.empty(http.StatusOK)
	return nil
}

// deleteAPIM answers DELETE …/certificates/{certificateId}; one that is absent
// is 204.
func (l *Lab) deleteAPIM(c *call) error {
	if err := l.manageAPIM(c); err != nil {
		return err
	}
	status, ifMatch := http.StatusOK, c.r.Header.Get("If-Match")
	err := l.store.update(func(t *tx) error {
		status = http.StatusOK
		a, err := getAPIM(t, c.args["certificate"])
		switch {
		case err != nil:
			return err
		case a == nil:
			status = http.StatusNoContent
			return nil
		case !tagMatches(ifMatch, a.apimTag()):
			return staleAPIM()
		}
		return t.delete(bucketAPIM, strings.ToLower(a.Name))
	})
	if err != nil {
		return err
	}
	c.empty(status)
	return nil
}

// refreshAPIM answers POST …/certificates/{certificateId}/refreshSecret.
func (l *Lab) refreshAPIM(c *call) error {
	have, err := l.findAPIM(c)
	if err != nil {
		return err
	}
	if have.Vault == nil {
		return invalidField("keyVault", "The certificate does not come from Key Vault.")
	}
	next, err := l.fetchFromVault(have, c.arrived)
	if err != nil {
		return err
	}
	if l.faults.take(operationAPIM, have.Name, func(s *Scenario) bool { return s.vault }) != nil {
		next = have
		next.Status = &vaultLastStatus{Code: "Forbidden", Message: "Access to the secret was denied.", Time: dataPlaneTime(c.arrived)}
	}
	err = l.store.update(func(t *tx) error {
		current, err := getAPIM(t, have.Name)
		if err != nil {
			return err
		}
		if current == nil {
			return noAPIM()
		}
		return stampAPIM(t, next)
	})
	if err != nil {
		return err
	}
	return l.answerAPIM(c, http.StatusOK, next)
}

// listAPIM answers GET …/certificates with $filter, $top, $skip and
// isKeyVaultRefreshFailed.
func (l *Lab) listAPIM(c *call) error {
	if err := l.manageAPIM(c); err != nil {
		return err
	}
	query := c.r.URL.Query()
	keep, err := parseFilter(query.Get("$filter"))
	if err != nil {
		return err
	}
	top, skip, err := apimPage(query)
	if err != nil {
		return err
	}
	failedOnly := strings.EqualFold(query.Get("isKeyVaultRefreshFailed"), "true")
	all, err := read(l.store, func(t *tx) ([]*apimResource, error) {
		all := []*apimResource{}
		cursor := t.cursor(bucketAPIM)
		for key, _ := cursor.First(); key != nil; key, _ = cursor.Next() {
			a, err := getAPIM(t, string(key))
			if err != nil {
				return nil, err
			}
			r, err := l.apimResource(a)
			if err != nil {
				return nil, err
			}
			if keep(r) && (!failedOnly || a.Status != nil && a.Status.Code != vaultSuccess) {
				all = append(all, r)
			}
		}
		return all, nil
	})
	if err != nil {
		return err
	}
	answer := map[string]any{"value": []*apimResource{}, "count": len(all)}
	if skip < len(all) {
		rest := all[skip:]
		if len(rest) > top {
			rest = rest[:top]
			query.Set("$skip", strconv.Itoa(skip+top))
			answer["nextLink"] = "https://" + c.r.Host + c.r.URL.EscapedPath() + "?" + query.Encode()
		}
		answer["value"] = rest
	}
	c.json(http.StatusOK, answer)
	return nil
}

// apimPage reads the paging of a list.
func apimPage(query url.Values) (top, skip int, err error) {
	top = defaultPage
	if text := query.Get("$top"); text != "" {
		if top, err = strconv.Atoi(text); err != nil || top < 1 {
			return 0, 0, invalidField("$top", "$top is a number from 1.")
		}
	}
	if text := query.Get("$skip"); text != "" {
		if skip, err = strconv.Atoi(text); err != nil || skip < 0 {
			return 0, 0, invalidField("$skip", "$skip is a number from 0.")
		}
	}
	return min(top, maxPage), skip, nil
}
