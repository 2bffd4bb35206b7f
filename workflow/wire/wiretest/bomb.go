package wiretest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dpslab/workflow/wire"
)

// A bomb is made of members of gzip (RFC 1952 section 2.2), each of which
// unpacks to bombMember bytes of blanks, and of some thousand bytes as it is
// sent: 2 GiB of blanks that arrive as 2 MiB.
const (
	bombMember  = 4 << 20
	bombMembers = 512
)

// enough is what a client may need for a few calls: connections, handshakes,
// bodies of [wire.MaxBody] bytes that grow while they are read.
const enough = 64 << 20

var bombPart = sync.OnceValue(func() []byte { return Packed(strings.Repeat(" ", bombMember)) })

// Packed is text as gzip.
func Packed(text string) []byte {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return packed.Bytes()
}

// Bomb answers with a status and JSON that a gzip of a few MiB makes gibibytes
// of.
func Bomb(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(status)
		for range bombMembers {
			if _, err := w.Write(bombPart()); err != nil {
				return
			}
		}
	}
}

// Defuse makes each call against a service that answers with bombs, once with
// status 200 and once with a refusal, and expects that it ends with an error of
// [wire.ReasonTooLarge] and takes no memory to speak of. The test that calls it
// is not to be parallel: memory is that of the whole process.
func Defuse(t *testing.T, calls map[string]func(*testing.T, *Service) error) {
	t.Helper()
	for name, call := range calls {
		for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
			t.Run(name+" "+http.StatusText(status), func(t *testing.T) {
				bombPart() // made beforehand: it takes memory as well
				var arrived atomic.Int64
				bomb := Bomb(status)
				s := Serve(t, func(w http.ResponseWriter, r *http.Request) {
					arrived.Add(1)
					bomb(w, r)
				})
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := call(t, s)
				runtime.ReadMemStats(&after)
				wantTooLarge(t, err)
				if arrived.Load() == 0 {
					t.Error("no request was made")
				}
				if taken := after.TotalAlloc - before.TotalAlloc; taken > enough {
					t.Errorf("it took %d MiB", taken>>20)
				}
			})
		}
	}
}

func wantTooLarge(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*wire.ConnectError](err)
	if !ok || e.Reason != wire.ReasonTooLarge || e.Temporary() {
		t.Errorf("got %v", err)
	}
}
