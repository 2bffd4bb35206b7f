package wire

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// readBody reads an answer, at most MaxBody bytes of it as they come and as
// they are unpacked: a server may use gzip without having been asked.
func readBody(response *http.Response) ([]byte, error) {
	defer response.Body.Close()
	packed := &io.LimitedReader{R: response.Body, N: MaxBody + 1}
	if !isGzip(response.Header) {
		return capped(packed)
	}
	unpacked, err := gzip.NewReader(packed)
	if errors.Is(err, io.EOF) {
		return nil, nil // no body at all
	}
	if err != nil {
		return nil, fmt.Errorf("unpack the answer: %w", err)
	}
	body, err := capped(io.LimitReader(unpacked, MaxBody+1))
	switch {
	case packed.N == 0:
		return nil, errTooLarge
	case errors.Is(err, errTooLarge):
		return nil, fmt.Errorf("unpacked, %w", errTooLarge)
	case err != nil:
		return nil, fmt.Errorf("unpack the answer: %w", err)
	}
	return body, nil
}

func capped(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if len(body) > MaxBody {
		return nil, errTooLarge
	}
	return body, nil
}

// isGzip takes the older name as well (RFC 9110 section 8.4.1.3).
func isGzip(h http.Header) bool {
	coding := h.Get("Content-Encoding")
	return strings.EqualFold(coding, "gzip") || strings.EqualFold(coding, "x-gzip")
}

// CapBodies is a round tripper for requests that are not recorded, such as those
// of a sign-in: it reads the whole answer of next, unpacks it, and fails when
// that is longer than [MaxBody]. next is not to unpack by itself.
func CapBodies(next http.RoundTripper) http.RoundTripper { return capBodies{next} }

type capBodies struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (c capBodies) RoundTrip(q *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	body, err := readBody(response)
	if err != nil {
		return nil, NewConnectError(q.Context(), "sign in", q.URL.Host, err)
	}
	replaceBody(response, body)
	return response, nil
}

// CloseIdleConnections is what http.Client asks for.
func (c capBodies) CloseIdleConnections() {
	if closer, ok := c.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// replaceBody puts a body that was read, and perhaps unpacked, in the place of
// the one that came.
func replaceBody(response *http.Response, body []byte) {
	if isGzip(response.Header) {
		response.Header.Del("Content-Encoding") // what follows is not, any more
		response.Header.Del("Content-Length")
		response.Uncompressed, response.ContentLength = true, int64(len(body))
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
}
