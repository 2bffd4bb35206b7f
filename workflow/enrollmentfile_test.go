package workflow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"dpslab/workflow"
)

func TestReadEnrollmentFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		group bool
		ids   string
		list  bool
		wrong string
	}{
		"one":             {text: `{"registrationId":"a"}`, ids: "a"},
		"a group":         {text: `{"enrollmentGroupId":"g"}`, group: true, ids: "g"},
		"the other kind":  {text: `{"enrollmentGroupId":"g"}`, ids: ""},
		"array":           {text: "[\n{\"registrationId\":\"a\"},\n{\"registrationId\":\"b\"}]", ids: "a b", list: true},
		"array of one":    {text: `[{"registrationId":"a"}]`, ids: "a", list: true},
		"bare IDs":        {text: `["a","b"]`, ids: "a b", list: true},
		"empty array":     {text: `[ ]`, list: true},
		"lines":           {text: "{\"registrationId\":\"a\"}\n{\"registrationId\":\"b\"}\n", ids: "a b", list: true},
		"bulk body":       {text: `{"mode":"create","enrollments":[{"registrationId":"a"}]}`, ids: "a", list: true},
		"TOML":            {text: "registrationId = \"a\"\n[attestation]\ntype = \"tpm\"\n", ids: "a"},
		"TOML table":      {text: "[attestation]\ntype = \"tpm\"\n", ids: ""},
		"TOML list":       {text: "[[enrollments]]\nregistrationId = \"a\"\n[[enrollments]]\nregistrationId = \"b\"\n", ids: "a b", list: true},
		"TOML groups":     {text: "[[enrollmentGroups]]\nenrollmentGroupId = \"g\"\n", group: true, ids: "g", list: true},
		"empty":           {text: " \n", wrong: "it is empty"},
		"JSON cut short":  {text: "{\n\"registrationId\":", wrong: "line 2"},
		"JSON mistake":    {text: "{\n\n\"registrationId\" \"a\"}", wrong: "line 3"},
		"TOML mistake":    {text: "registrationId = \"a\"\nx = = 1\n", wrong: "line 2"},
		"TOML, not a num": {text: "x = nan\n", wrong: "NaN"},
	} {
		records, list, err := workflow.ReadEnrollmentFile("file", []byte(c.text))
		if c.wrong != "" {
			var p *workflow.Problem
			if !errors.As(err, &p) || p.Kind != workflow.Usage || !strings.Contains(p.Summary, c.wrong) {
				t.Errorf("%s: %v, want %q", name, err, c.wrong)
			}
			continue
		}
		var ids []string
		for _, r := range records {
			ids = append(ids, workflow.EnrollmentIDOf(c.group, r))
		}
		if err != nil || list != c.list || strings.Join(ids, " ") != c.ids {
			t.Errorf("%s: %q, list %v, %v", name, ids, list, err)
		}
	}
}

// FuzzReadEnrollmentFile: whatever a file holds, each record that comes out of it
// is JSON by itself, and reading it again gives the same.
func FuzzReadEnrollmentFile(f *testing.F) {
	for _, text := range []string{
		`{"registrationId":"a"}`, `[{"registrationId":"a"},"b"]`, "{}{}", "[[enrollments]]\nregistrationId = \"a\"\n", "x = 1979-05-27\n", `{"enrollments":[]}`, "[", "\"", "= 1",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		records, _, err := workflow.ReadEnrollmentFile("file", data)
		var p *workflow.Problem
		if err != nil && (!errors.As(err, &p) || len(records) > 0) {
			t.Fatalf("%d records, %v", len(records), err)
		}
		for _, r := range records {
			if !json.Valid(r) {
				t.Fatalf("%q is not JSON", r)
			}
			again, _, err := workflow.ReadEnrollmentFile("record", r)
			if err == nil && len(again) == 1 && workflow.EnrollmentIDOf(true, again[0]) != workflow.EnrollmentIDOf(true, r) {
				t.Fatalf("%q became %q", r, again[0])
			}
			_, _ = workflow.ParseEnrollment(false, r)
		}
	})
}

// TestBulkEnrollments: more than go into a request, of which one is refused.
func TestBulkEnrollments(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v, ctx := b.side(workflow.ServiceOptions{}), t.Context()
	var texts []json.RawMessage
	var ids []string
	for i := range 12 {
		ids = append(ids, fmt.Sprintf("d-%d", i))
		texts = append(texts, json.RawMessage(fmt.Sprintf(`{"registrationId":%q,"attestation":{"type":"symmetricKey"}}`, ids[i])))
	}
	if _, err := v.PutEnrollment(ctx, texts[3], false, nil); err != nil {
		t.Fatal(err)
	}
	texts[3] = json.RawMessage(`{"registrationId":"d-3","provisioningStatus":"disabled"}`)
	texts[11] = json.RawMessage(`{"registrationId":"d-11","attestation":{"type":"x509","x509":{"caReferences":{"primary":"nobody"}}}}`)
	items, err := v.PutEnrollments(ctx, false, texts)
	if err != nil || len(items) != len(texts) {
		t.Fatalf("%+v, %v", items, err)
	}
	for i, item := range items {
		want := workflow.BulkCreated
		switch i {
		case 3:
			want = workflow.BulkUpdated
		case 11:
			want = workflow.BulkFailed
		}
		if item.ID != ids[i] || item.Outcome != want || (want == workflow.BulkFailed) != (item.Code != 0) {
			t.Errorf("%+v, want it %s", item, want)
		}
	}
	again, err := v.PutEnrollments(ctx, false, texts[:11])
	for _, item := range again {
		if item.Outcome != workflow.BulkUnchanged {
			t.Errorf("again: %+v", item)
		}
	}
	if err != nil || b.enrollments() != 11 {
		t.Errorf("%d enrollments, %v", b.enrollments(), err)
	}
	gone, err := v.DeleteEnrollments(ctx, false, ids)
	for i, item := range gone {
		want := workflow.BulkDeleted
		if i == 11 {
			want = workflow.BulkAbsent
		}
		if item.Outcome != want {
			t.Errorf("%+v, want it %s", item, want)
		}
	}
	if err != nil || b.enrollments() != 0 {
		t.Errorf("%d enrollments are left, %v", b.enrollments(), err)
	}
}

// TestPutEnrollmentIf: a record that somebody changed, deleted or made since a
// file was written is left alone.
func TestPutEnrollmentIf(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v, ctx := b.side(workflow.ServiceOptions{}), t.Context()
	text := []byte(`{"registrationId":"d","deviceId":"one","attestation":{"type":"symmetricKey"}}`)
	made, err := v.PutEnrollmentIf(ctx, false, text, "")
	if err != nil || !made.Created || made.Unchanged() {
		t.Fatalf("%+v, %v", made, err)
	}
	conflict := func(what, tag string, status int) {
		t.Helper()
		_, err := v.PutEnrollmentIf(ctx, false, []byte(`{"registrationId":"d","deviceId":"two","attestation":{"type":"symmetricKey"}}`), tag)
		var p *workflow.Problem
		if !errors.As(err, &p) || p.Kind != workflow.Refused || p.Status != status {
			t.Errorf("%s: %v", what, err)
		}
		if status == 412 && !strings.Contains(p.Summary, `deviceId: "two" → "one"`) {
			t.Errorf("%s: %v", what, err)
		}
	}
	conflict("made meanwhile", "", 409)
	conflict("changed meanwhile", `"old"`, 412)
	written, err := v.PutEnrollmentIf(ctx, false, text, made.Enrollment.ETag)
	if err != nil || written.Created {
		t.Errorf("%+v, %v", written, err)
	}
}
