package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"dpslab/workflow/dps"
)

const (
	webhookTimeout = 5 * time.Second // U13
	maxWebhookBody = 96 << 10
	// minWebhookVersion is the first version of the contract with the webhook.
	minWebhookVersion = "2018-09-01-preview"
)

// newWebhookClient makes the client that asks custom allocation webhooks. A
// redirect is an answer like any other that is not 2xx.
func newWebhookClient() *http.Client {
	return &http.Client{
		Timeout:       webhookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
	}
}

func validateWebhook(d *dps.CustomAllocationDefinition) error {
	if d == nil {
		return invalid("CustomAllocationDefinition is required")
	}
	u, err := url.Parse(d.WebhookURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return invalid("customAllocationDefinition.webhookUrl is not an http or https URL")
	}
	if d.APIVersion < minWebhookVersion {
		return invalid("customAllocationDefinition.apiVersion is older than %s", minWebhookVersion)
	}
	return nil
}

// webhookRequest is the body that a custom allocation webhook is sent.
type webhookRequest struct {
	IndividualEnrollment any            `json:"individualEnrollment,omitempty"`
	EnrollmentGroup      any            `json:"enrollmentGroup,omitempty"`
	Device               webhookContext `json:"deviceRuntimeContext"`
	LinkedHubs           []string       `json:"linkedHubs"` // the candidates
}

// webhookContext is what the webhook is told of the device.
type webhookContext struct {
	RegistrationID string          `json:"registrationId"`
	CurrentHub     string          `json:"currentIotHubHostName,omitempty"` // when it registers again
	CurrentDevice  string          `json:"currentDeviceId,omitempty"`
	X509           *struct{}       `json:"x509,omitempty"`
	SymmetricKey   *struct{}       `json:"symmetricKey,omitempty"`
	TPM            *struct{}       `json:"tpm,omitempty"`
	Payload        json.RawMessage `json:"payload,omitempty"` // the device's own
}

// webhookAnswer is what a custom allocation webhook decides.
type webhookAnswer struct {
	Hub         string           `json:"iotHubHostName"`
	InitialTwin *dps.InitialTwin `json:"initialTwin"`
	Payload     json.RawMessage  `json:"payload"`
}

// webhookOutcome is an answer, or why there is none.
type webhookOutcome struct {
	answer  webhookAnswer
	refused *refusal
}

func (o *webhookOutcome) twin() *dps.InitialTwin {
	if o == nil {
		return nil
	}
	return o.answer.InitialTwin
}

func (o *webhookOutcome) payload() json.RawMessage {
	if o == nil || string(o.answer.Payload) == "null" {
		return nil
	}
	return o.answer.Payload
}

// askWebhook asks the webhook that picks the hub of an operation. It returns
// nil where none is to be asked.
func (l *Lab) askWebhook(operationID string) (*webhookOutcome, error) {
	var target string
	var request *webhookRequest
	err := l.store.view(func(t *tx) error {
		op, err := get[operation](t, bucketOperations, operationID)
		if err != nil || op == nil || !op.Custom || op.Result != nil {
			return err
		}
		e, err := getEntryRecord(t, op.Entry)
		if err != nil || e == nil || e.AllocationPolicy != dps.AllocationCustom || e.ProvisioningStatus == dps.ProvisioningDisabled {
			return err
		}
		have, err := getRegistrationRecord(t, op.RegistrationID)
		if err != nil || have != nil && l.stays(e, have.Current) {
			return err
		}
		target, request = e.CustomAllocationDefinition.WebhookURL, l.webhookRequest(op, e, have)
		return nil
	})
	if err != nil || request == nil {
		return nil, err
	}
	return l.callWebhook(l.assigner.ctx, target, request), nil
}

func (l *Lab) webhookRequest(op *operation, e *entry, have *registration) *webhookRequest {
	q := &webhookRequest{Device: webhookContext{RegistrationID: op.RegistrationID, Payload: op.Payload}, LinkedHubs: []string{}}
	if e.Kind == group {
		q.EnrollmentGroup = l.show(e, false, nil)
	} else {
		q.IndividualEnrollment = l.show(e, false, nil)
	}
	if have != nil && have.Current != nil {
		q.Device.CurrentHub, q.Device.CurrentDevice = have.Current.Hub, have.Current.DeviceID
	}
	switch {
	case op.Credential.SHA256 != "":
		q.Device.X509 = &struct{}{}
	case op.Activation != "":
		q.Device.TPM = &struct{}{}
	default:
		q.Device.SymmetricKey = &struct{}{}
	}
	for _, h := range l.candidates(e) {
		q.LinkedHubs = append(q.LinkedHubs, h.Host)
	}
	return q
}

// callWebhook posts to the webhook. Whatever goes wrong is how the registration
// ends, not a fault of the lab.
func (l *Lab) callWebhook(ctx context.Context, target string, q *webhookRequest) *webhookOutcome {
	body, err := json.Marshal(q)
	if err != nil {
		return &webhookOutcome{refused: webhookSilent.because(err)}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return &webhookOutcome{refused: webhookSilent.because("its URL cannot be called")}
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	response, err := l.webhooks.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // its URL may hold the key of a function
	}
	if err != nil {
		return &webhookOutcome{refused: webhookSilent.because(err)}
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxWebhookBody))
	if err != nil {
		return &webhookOutcome{refused: webhookSilent.because(err)}
	}
	return readWebhook(response.StatusCode, raw, q.LinkedHubs)
}

// webhookRefused is how a registration fails when the webhook says no.
func webhookRefused(status int) *refusal {
	r := webhookFailed.refuse()
	r.message += fmt.Sprintf(": %d", status)
	return r
}

// readWebhook reads the answer: 200 with one of the candidates.
func readWebhook(status int, raw []byte, candidates []string) *webhookOutcome {
	refused := func(why string) *webhookOutcome {
		return &webhookOutcome{refused: webhookRefused(status).because("%s", why)}
	}
	if status/100 != 2 {
		return refused("")
	}
	o := &webhookOutcome{}
	if err := json.Unmarshal(raw, &o.answer); err != nil {
		return refused("the webhook's answer is no JSON of the contract")
	}
	if err := checkInitialTwin(o.answer.InitialTwin); err != nil {
		return refused("the webhook's " + err.Error())
	}
	i := slices.IndexFunc(candidates, func(h string) bool { return strings.EqualFold(h, o.answer.Hub) })
	if i < 0 {
		return refused("the webhook picked a hub that is not among linkedHubs")
	}
	o.answer.Hub = candidates[i]
	return o
}

// pickHub gives the hub of an operation, or how the registration fails.
func (l *Lab) pickHub(op *operation, e *entry, current *assignment) (string, *refusal) {
	host := ""
	switch {
	case e.AllocationPolicy != dps.AllocationCustom || l.stays(e, current):
		host = l.allocate(e, op.RegistrationID, current)
	case op.webhook == nil:
		return "", webhookSilent.because("the policy became custom while the device was being assigned")
	case op.webhook.refused != nil:
		return "", op.webhook.refused
	default:
		host = op.webhook.answer.Hub
	}
	if host == "" {
		return "", noHub.refuse()
	}
	if h := l.instance().link(host); h == nil || h.stale() {
		return "", staleLink()
	}
	return host, nil
}

// staleLink is how a registration fails when the hub does not accept the key
// that DPS holds. The message is the hub's own answer, as DPS passes it on.
func staleLink() *refusal {
	return refuse(400209, `{"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized","ExceptionMessage":"Tracking ID:%s-G:0"}`,
		strings.ToUpper(randomHex(16)))
}
