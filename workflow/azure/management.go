package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"dpslab/workflow/wire"
)

// Retry repeats a call as its owner sees fit. A call that is not idempotent may
// be repeated only when it surely had no effect.
type Retry func(ctx context.Context, idempotent bool, call func() error) error

// once is the Retry of who wants none.
func once(_ context.Context, _ bool, call func() error) error { return call() }

// Management reaches Azure Resource Manager as one account. It may be used by
// several goroutines.
type Management struct {
	wire       *wire.Client
	host       string
	credential azcore.TokenCredential
	retry      Retry
}

// NewManagement prepares calls to Azure Resource Manager at host, which is
// [Cloud.ManagementHost] or the lab's. They go through w, so that they are
// recorded. Nothing is sent before the first call.
func NewManagement(w *wire.Client, host string, credential azcore.TokenCredential) *Management {
	return &Management{wire: w, host: host, credential: account{credential}, retry: once}
}

// account is a credential that need not sign in for a dry run.
type account struct{ azcore.TokenCredential }

// GetToken implements azcore.TokenCredential. What stands in for a token in a
// dry run is not kept.
func (a account) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if wire.IsDryRun(ctx) {
		return azcore.AccessToken{Token: "TOKEN", ExpiresOn: time.Now()}, nil
	}
	return a.TokenCredential.GetToken(ctx, o)
}

// WithRetry is the same account, with every call (of a list: every page) made
// through retry.
func (m *Management) WithRetry(retry Retry) *Management {
	copied := *m
	copied.retry = retry
	return &copied
}

// options are those of Azure's modules. A version other than "" replaces the
// api-version that the module asks for.
func (m *Management) options(version string) *arm.ClientOptions {
	return &arm.ClientOptions{
		ClientOptions: policy.ClientOptions{
			Transport:       m.wire.HTTP(),
			Retry:           policy.RetryOptions{MaxRetries: -1},
			Cloud:           CloudOf(m.host).configuration(m.host),
			Telemetry:       policy.TelemetryOptions{ApplicationID: "dpslab"},
			PerCallPolicies: []policy.Policy{guard{host: m.host, version: version}},
		},
		DisableRPRegistration: true,
	}
}

// seen is what is known of the answer beside the module's own reading of it.
type seen struct {
	status      int // 0: none came
	contentType string
}

type seenKey struct{}

// guard stands before everything else of a call, also before the token is
// asked for.
type guard struct{ host, version string }

// ForeignLinkError means that a paged list goes on at another host. It is not
// followed: the token would go there.
type ForeignLinkError struct{ Host string }

func (e *ForeignLinkError) Error() string {
	return fmt.Sprintf("the list goes on at another host, %q: not followed", e.Host)
}

// Do implements policy.Policy.
func (g guard) Do(q *policy.Request) (*http.Response, error) {
	u := q.Raw().URL
	if u.Scheme != "https" || u.Host != g.host {
		return nil, &ForeignLinkError{Host: u.Host}
	}
	if g.version != "" {
		query := u.Query()
		query.Set("api-version", g.version)
		u.RawQuery = query.Encode()
	}
	response, err := q.Next()
	if s, ok := q.Raw().Context().Value(seenKey{}).(*seen); ok && err == nil {
		s.status, s.contentType = response.StatusCode, response.Header.Get("Content-Type")
	}
	return response, err
}

// do makes one call under the name of its operation and turns its error into
// one of this program. The status is that of the last attempt.
func (m *Management) do(ctx context.Context, operation string, idempotent bool, call func(context.Context) error) (status int, err error) {
	err = m.retry(ctx, idempotent, func() error {
		var s seen
		err := call(context.WithValue(wire.WithOperation(ctx, operation), seenKey{}, &s))
		status = s.status
		return m.failure(ctx, operation, s, err)
	})
	return status, err
}

// maxPages bounds a list that never ends.
const maxPages = 1000

// each gives the items of all pages. It ends with the first error that stands.
func each[Page, Item any](ctx context.Context, m *Management, operation string, start func() *runtime.Pager[Page], items func(Page) []Item) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		var none Item
		pages := &reader[Page]{start: start, pager: start()}
		for n := 0; pages.pager.More(); n++ {
			if n == maxPages {
				yield(none, fmt.Errorf("%s: the list has more than %d pages", operation, maxPages))
				return
			}
			if _, err := m.do(ctx, operation, true, pages.next); err != nil {
				yield(none, err)
				return
			}
			for _, item := range items(*pages.page) {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

// reader reads page after page. A pager of Azure's module ends with its first
// error; to repeat the page, a new one goes on after the last that came.
type reader[Page any] struct {
	start func() *runtime.Pager[Page]
	pager *runtime.Pager[Page]
	page  *Page // the last that came
	ended bool
}

func (r *reader[Page]) next(ctx context.Context) error {
	if r.ended {
		r.pager = r.start()
		if err := r.forward(ctx); err != nil {
			return err
		}
	}
	page, err := r.pager.NextPage(ctx)
	if r.ended = err != nil; r.ended {
		return err
	}
	r.page = &page
	return nil
}

// forward puts a new pager behind the last page: it takes that page as one that
// it has already, gives it back without asking for it, and then goes on.
func (r *reader[Page]) forward(ctx context.Context) error {
	if r.page == nil {
		return nil
	}
	last, err := json.Marshal(*r.page)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(last, r.pager); err != nil {
		return err
	}
	_, err = r.pager.NextPage(ctx)
	return err
}

// Collect gathers a list, or returns its error.
func Collect[T any](items iter.Seq2[T, error]) ([]T, error) {
	all := []T{}
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}

// rest is a request that no module of Azure's is there for.
type rest struct {
	method  string
	path    []string // segments
	query   url.Values
	link    string // the whole URL in place of path and query
	ifMatch string
	in, out any // JSON; nil: none
}

func (m *Management) send(ctx context.Context, r rest) error {
	client, err := arm.NewClient("dpslab", "v1.0.0", m.credential, m.options(""))
	if err != nil {
		return fmt.Errorf("prepare the Azure Resource Manager client: %w", err)
	}
	target := r.link
	if target == "" {
		target = client.Endpoint() + "/" + strings.Join(escaped(r.path), "/") + "?" + r.query.Encode()
	}
	q, err := runtime.NewRequest(ctx, r.method, target)
	if err != nil {
		return err
	}
	q.Raw().Header.Set("Accept", "application/json")
	if r.ifMatch != "" {
		q.Raw().Header.Set("If-Match", r.ifMatch)
	}
	if r.in != nil {
		if err := runtime.MarshalAsJSON(q, r.in); err != nil {
			return err
		}
	}
	response, err := client.Pipeline().Do(q)
	if err != nil {
		return err
	}
	if !runtime.HasStatusCode(response, http.StatusOK, http.StatusNoContent) {
		return runtime.NewResponseError(response)
	}
	if r.out == nil {
		return nil
	}
	return runtime.UnmarshalAsJSON(response, r.out)
}

func escaped(segments []string) []string {
	e := make([]string, len(segments))
	for i, s := range segments {
		e[i] = url.PathEscape(s)
	}
	return e
}

// failure turns the module's error into the one of this program.
func (m *Management) failure(ctx context.Context, operation string, s seen, err error) error {
	var (
		response  *azcore.ResponseError
		transport *url.Error
		signIn    *SignInError
		foreign   *ForeignLinkError
		value     *ValueError
		dry       *wire.DryRunError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &dry):
		return dry
	case errors.As(err, &response) && s.status/100 == 2:
		return &wire.AnswerError{Operation: operation, Status: s.status, ContentType: s.contentType, Err: errNotDone}
	case errors.As(err, &response) && response.RawResponse != nil:
		return refusal(operation, response)
	case ctx.Err() != nil, errors.As(err, &transport):
		return wire.NewConnectError(ctx, operation, m.host, err)
	case errors.As(err, &signIn), errors.As(err, &foreign), errors.As(err, &value):
		return fmt.Errorf("%s: %w", operation, err)
	case s.status != 0:
		return &wire.AnswerError{Operation: operation, Status: s.status, ContentType: s.contentType, Err: err}
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// errNotDone marks a status of success that the operation does not have.
var errNotDone = errors.New("it is not the answer of a call that is done")

// refusal reads an answer that the module did not want.
func refusal(operation string, response *azcore.ResponseError) error {
	body, err := runtime.Payload(response.RawResponse)
	if err != nil {
		body = nil
	}
	e := wire.NewServiceError(operation, response.RawResponse, body)
	if e.Code == "" {
		e.Code = response.ErrorCode
	}
	if more := wire.RedactText(details(body)); more != "" {
		e.Message = strings.TrimSpace(e.Message + " (" + more + ")")
	}
	if e.TrackingID == "" {
		e.TrackingID = response.RawResponse.Header.Get("x-ms-correlation-request-id")
	}
	if e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden && !ofProvider(e.Code) {
		return &AccessError{Err: e, Right: rightOf(operation)}
	}
	return e
}

// ofProvider reports whether a code is the resource provider's own: a number.
// Rights are the business of Azure Resource Manager before it, whose codes are
// names; a provider forbids what goes over a limit.
func ofProvider(code string) bool {
	_, err := strconv.Atoi(code)
	return err == nil
}

func value[T any](p *T) (zero T) {
	if p == nil {
		return zero
	}
	return *p
}

func pointer[T any](v T) *T { return &v }
