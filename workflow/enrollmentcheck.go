package workflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"dpslab/profiles"
)

var (
	versionShape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-preview)?$`) })
	caNameShape  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9._-]+$`) })
	serviceShape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?$`) })
)

var (
	errMoreJSON = errors.New("has more text after the JSON object")
	errNull     = errors.New("has a null, which a profile cannot hold: leave the name out")
)

// Limits of names, of the certificate operations of DPS and of API Management
// (2024-05-01).
const (
	maxCAName        = 256
	maxServiceName   = 50
	maxCertificateID = 80
)

func checkCAName(v string) error {
	if len(v) > maxCAName || !caNameShape().MatchString(v) {
		return errors.New("is not the name of an uploaded CA: letters, digits, '-', '.' and '_'")
	}
	return nil
}

func checkServiceName(v string) error {
	if len(v) > maxServiceName || !serviceShape().MatchString(v) {
		return fmt.Errorf("is not the name of an API Management service: at most %d letters, digits and '-', a letter first", maxServiceName)
	}
	return nil
}

func checkCertificateID(v string) error {
	switch i := strings.IndexAny(v, "*#&+:<>?"); {
	case i >= 0:
		return fmt.Errorf("holds %q, which a certificate ID may not", v[i])
	case len(v) > maxCertificateID:
		return fmt.Errorf("is %d characters long, a certificate ID may have %d", len(v), maxCertificateID)
	}
	return nil
}

func checkSecondAuthority(v string, a Answers) error {
	if strings.EqualFold(v, value(a, keyAuthority)) {
		return errors.New("is the authority itself: name another, so that there is one to roll over to")
	}
	return checkID(profiles.CheckName)(v, a)
}

func checkWebhook(v string, a Answers) error {
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Host == "":
		return errors.New("is not a URL like https://contoso.azurewebsites.net/api/allocate")
	case u.Scheme != "https" && !(inLab(a) && u.Scheme == "http"):
		return errors.New("must begin with https://")
	case u.User != nil || u.Query().Has("code"):
		return errors.New("holds a secret, which does not belong into a profile: protect the function otherwise, or write this enrollment by hand")
	}
	return nil
}

func checkWebhookVersion(v string, _ Answers) error {
	if !versionShape().MatchString(v) || v < "2018-09-01" {
		return errors.New("must be a date like 2021-10-01, 2018-09-01-preview or later")
	}
	return nil
}

func checkJSON(v string) error {
	if !json.Valid([]byte(v)) {
		return errors.New("is not JSON")
	}
	return nil
}

func checkObject(v string) error {
	_, err := objectOf(v, `{"line": 3}`)
	return err
}

// objectOf reads a JSON object, or says what one looks like.
func objectOf(v, example string) (map[string]any, error) {
	object, err := parseTable(v)
	if err != nil && !errors.Is(err, errMoreJSON) && !errors.Is(err, errNull) {
		err = errors.New("is not a JSON object like " + example)
	}
	return object, err
}

func checkTwin(v string) error {
	twin, err := objectOf(v, `{"tags": {"line": 3}}`)
	if err != nil {
		return err
	}
	return checkTwinTable(twin)
}

// checkTwinTable checks the form of an initial twin: tags and properties.desired
// are tables, and there is nothing else.
func checkTwinTable(twin map[string]any) error {
	for name, v := range twin {
		inner, table := v.(map[string]any)
		switch {
		case name != "tags" && name != "properties":
			return fmt.Errorf("has %q; it may have tags and properties.desired", name)
		case !table:
			return fmt.Errorf("has %s that are no table", name)
		case name == "tags":
			continue
		}
		for below, v := range inner {
			if _, table := v.(map[string]any); below != "desired" || !table {
				return fmt.Errorf("has properties.%s; it may have properties.desired, a table", below)
			}
		}
	}
	return nil
}

func checkTPMDevice(v string, _ Answers) error {
	if strings.TrimSpace(v) == "" {
		return errors.New("is empty: " + usualTPM(runtime.GOOS) + " is the usual one")
	}
	return nil
}

// noAPIManagement hides what only Azure Resource Manager can do; the lab has an
// API Management service too.
func noAPIManagement(a Answers) bool { return !inLab(a) && noManagement(a) }
