package iothub

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	const overhead = len(`[{"body":"","base64Encoded":true}]`)
	largest := (batchSize - overhead) / 4 * 3 // base64 makes four of three
	body := func(n int) Message { return Message{Body: make([]byte, n)} }
	for _, tt := range []struct {
		name     string
		messages []Message
		want     []int // messages of each batch; nil with messages: refused
	}{
		{"nothing", nil, []int{}},
		{"one", []Message{body(1)}, []int{1}},
		{"an empty one", []Message{{}}, []int{1}},
		{"the largest", []Message{body(largest)}, []int{1}},
		{"the largest and a small one", []Message{body(largest), body(1)}, []int{1, 1}},
		{"many small ones", make([]Message, 100), []int{100}},
		{"one too large", []Message{body(1), body(largest + 3)}, nil},
		{"one too large by its properties", []Message{{Body: make([]byte, largest), Properties: map[string]string{"a": "b"}}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := split(tt.messages)
			if tt.want == nil {
				if !errors.Is(err, ErrMessageTooLarge) {
					t.Errorf("%d batches, %v", len(got), err)
				}
				return
			}
			if err != nil || len(got) != len(tt.want) {
				t.Fatalf("%d batches, %v", len(got), err)
			}
			for i, b := range got {
				var items []batchItem
				if err := json.Unmarshal(b.body, &items); err != nil || len(items) != tt.want[i] || b.count != tt.want[i] || len(b.body) > batchSize {
					t.Errorf("batch %d: %d items in %d bytes, %v", i, len(items), len(b.body), err)
				}
			}
		})
	}
}

func TestMessagesThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]Message{
		"blank in a name":        {Properties: map[string]string{"a b": "c"}},
		"no name":                {Properties: map[string]string{"": "c"}},
		"letter that is not one": {Properties: map[string]string{"größe": "c"}},
		"line feed in a value":   {Properties: map[string]string{"a": "b\r\nAuthorization: x"}},
		"value that is no ASCII": {Properties: map[string]string{"a": "ü"}},
		"case alone":             {Properties: map[string]string{"Line": "1", "line": "2"}},
		"message ID":             {MessageID: "a\x00b"},
		"content type":           {ContentType: "text/plain\n"},
	} {
		if err := m.check(); err == nil {
			t.Errorf("%s is accepted", name)
		}
		if _, err := split([]Message{m}); err == nil {
			t.Errorf("%s is accepted in a batch", name)
		}
	}
	good := Message{MessageID: "a b", Properties: map[string]string{"!#$%&'*+-.^_`|~": "a b, c; \"d\"", "empty": ""}}
	if err := good.check(); err != nil {
		t.Error(err)
	}
}

func TestHubTime(t *testing.T) {
	t.Parallel()
	want := time.Date(2023, 5, 18, 7, 0, 1, 0, time.UTC)
	for _, s := range []string{"2023-05-18T07:00:01Z", "2023-05-18T07:00:01.0000000Z", "2023-05-18T07:00:01", "2023-05-18T09:00:01+02:00", "5/18/2023 7:00:01 AM", "Thu, 18 May 2023 07:00:01 GMT"} {
		if got := hubTime(s); !got.Equal(want) {
			t.Errorf("%q: %v", s, got)
		}
	}
	if !hubTime("soon").IsZero() || !hubTime("").IsZero() {
		t.Error("no time is some time")
	}
}

func FuzzCommand(f *testing.F) {
	f.Add(`"0a-1b"`, "iothub-messageid", "m-1", []byte("open"))
	f.Add(`W/"x"`, "IoTHub-SequenceNumber", "18446744073709551616", []byte(nil))
	f.Add("", "ContentType", "a", []byte{0xff})
	f.Add(`""`, "iothub-app-", "\x1b[2J", []byte("x"))
	f.Add("x", "iothub-expiry", "0000-00-00", []byte("x"))
	f.Fuzz(func(t *testing.T, tag, name, value string, body []byte) {
		c := newCommand(http.Header{"Etag": {tag}, name: {value}}, body)
		if strings.HasPrefix(c.LockToken, `"`) || strings.HasSuffix(c.LockToken, `"`) || string(c.Body) != string(body) {
			t.Errorf("%q gives %+v", tag, c)
		}
		for _, m := range []map[string]string{c.Properties, c.System} {
			for name := range m {
				if name != strings.ToLower(name) {
					t.Errorf("property %q", name)
				}
			}
		}
	})
}

// Whatever is accepted, a batch says the same.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("21.5"), "line", "3", "application/json")
	f.Add([]byte{0xff, 0}, "a", "\"\\", "")
	f.Fuzz(func(t *testing.T, body []byte, name, value, contentType string) {
		m := Message{Body: body, ContentType: contentType, Properties: map[string]string{name: value}}
		batches, err := split([]Message{m, m})
		if err != nil {
			return
		}
		var items []struct {
			Body       string
			Properties map[string]string
		}
		if err := json.Unmarshal(batches[0].body, &items); err != nil {
			t.Fatal(err)
		}
		back, err := base64.StdEncoding.DecodeString(items[0].Body)
		if err != nil || string(back) != string(body) || items[0].Properties[appPrefix+name] != value || items[0].Properties["iothub-contenttype"] != contentType {
			t.Errorf("%q %q %q became %+v", body, name, value, items)
		}
	})
}
