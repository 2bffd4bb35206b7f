package workflow

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/dps"
	"dpslab/workflow/iothub"
)

func check(f func(string) error) func(string, Answers) error {
	return func(v string, _ Answers) error { return f(v) }
}

// checkID says what is wrong with a registration ID, a group or profile name, and what
// would be right.
func checkID(f func(string) error) func(string, Answers) error {
	return func(v string, _ Answers) error {
		err := f(v)
		var name *profiles.NameError
		if errors.As(err, &name) {
			return errors.New(name.Reason)
		}
		var wrong *pki.IDError
		if !errors.As(err, &wrong) {
			return err
		}
		if wrong.Suggestion == "" {
			return errors.New(wrong.Reason)
		}
		return fmt.Errorf("%s (try %q)", wrong.Reason, wrong.Suggestion)
	}
}

func optional(f func(string, Answers) error) func(string, Answers) error {
	return func(v string, a Answers) error {
		if v == "" {
			return nil
		}
		return f(v, a)
	}
}

func checkEnrollment(v string, a Answers) error {
	if v == profiles.EnrollmentGroup && selfSigned(a) {
		return errors.New("is a group, but a self-signed certificate has no CA that a group could name: choose individual, or a chain")
	}
	return nil
}

var hostShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$`)
})

func checkHost(v string, _ Answers) error {
	switch {
	case v == "":
		return errors.New("is empty")
	case strings.Contains(v, "://"):
		return errors.New("has a scheme: write the host name alone, without https://")
	case !hostShape().MatchString(v):
		return errors.New("is not a host name like contoso-dps.azure-devices-provisioning.net")
	}
	return nil
}

func checkHubs(v string, a Answers) error {
	hubs := splitList(v)
	if len(hubs) == 0 && value(a, keyAllocation) != dps.AllocationStatic {
		return nil
	}
	if len(hubs) != 1 && value(a, keyAllocation) == dps.AllocationStatic {
		return errors.New("must name exactly one hub with the static policy")
	}
	for _, h := range hubs {
		if err := checkHost(h, a); err != nil {
			return fmt.Errorf("%q %w", h, err)
		}
	}
	return nil
}

var (
	envShape  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })
	uuidShape = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	})
)

func checkEnvName(v string, _ Answers) error {
	if len(v) > maxEnvName || !envShape().MatchString(v) {
		return errors.New("is not the name of an environment variable (letters, digits and '_', the first no digit); the secret itself does not belong here")
	}
	return nil
}

// checkCommand accepts what a shell reads on one line.
func checkCommand(v string, _ Answers) error {
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("must be one line, without control characters: put more than that into a script and name it")
	}
	return nil
}

// maxEnvName bounds the name of a variable: what is longer is the secret itself.
const maxEnvName = 60

func checkKeyEnv(v string, a Answers) error {
	if v != "" {
		return checkEnvName(v, a)
	}
	if !inLab(a) && value(a, keyCredential) == profiles.CredentialNone {
		return errors.New("is empty, and with the credential none this program cannot ask DPS for the key: name the variable that holds it")
	}
	return nil
}

func checkRegistrationID(v string, a Answers) error {
	if notX509(a) {
		return checkID(pki.CheckRegistrationID)(v, a)
	}
	return checkID(pki.CheckCommonName)(v, a)
}

func checkUUID(v string, _ Answers) error {
	if !uuidShape().MatchString(v) {
		return errors.New("is not a subscription ID like 11111111-2222-3333-4444-555555555555")
	}
	return nil
}

func checkPath(v string, _ Answers) error {
	if v == "" {
		return errors.New("is empty, must be a whole path, beginning at the root")
	}
	if !filepath.IsAbs(v) {
		return errors.New("must be a whole path, beginning at the root: the profile may be run from anywhere")
	}
	return nil
}

func checkDays(v string, _ Answers) error { return checkNumber(v, 1, 3650) }

func checkCount(v string, _ Answers) error { return checkNumber(v, 1, 1_000_000) }

func checkBatch(v string, _ Answers) error { return checkNumber(v, 1, maxBatch) }

// maxBatch is the most messages in one request that make sense: 256 KiB hold no
// more of useful size.
const maxBatch = 500

func checkIntermediates(v string, _ Answers) error { return checkNumber(v, 1, pki.MaxIntermediates) }

func checkNumber(v string, low, high int) error {
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || n < low || n > high {
		return fmt.Errorf("must be a whole number from %d to %d", low, high)
	}
	return nil
}

// maxInterval is the longest pause between two messages.
const maxInterval = 24 * time.Hour

func checkInterval(v string, _ Answers) error {
	d, err := time.ParseDuration(strings.TrimSpace(v))
	if err != nil || d < 0 || d > maxInterval {
		return errors.New("must be a duration from 0s to 24h, like 500ms, 1s or 2m")
	}
	return nil
}

func checkBody(v string, _ Answers) error {
	t, err := ParseBody(v)
	if err != nil {
		return err
	}
	out, err := t.Render(1, time.Unix(0, 0))
	if err != nil {
		return err
	}
	if len(out) > iothub.MaxMessage {
		return fmt.Errorf("is %d bytes long, a message may have %d", len(out), iothub.MaxMessage)
	}
	return nil
}

func checkContentType(v string, _ Answers) error {
	if v == "" || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("must be a media type like application/json")
	}
	return nil
}

func splitList(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}
