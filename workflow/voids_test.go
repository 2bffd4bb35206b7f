package workflow

import (
	"slices"
	"testing"
)

func TestVoids(t *testing.T) {
	t.Parallel()
	chain := Answers{keyRegistrationID: "t8", keySource: "chain", keyAuthority: "line-3-ca", keyEnrollment: "group", keyEnrollmentID: "line-3", keyAlgorithm: "rsa-2048"}
	for _, c := range []struct {
		name, key, value string
		before           Answers
		want             []string
	}{
		{"another source", keySource, "self-signed", chain, []string{keyAuthority, keyEnrollment, keyEnrollmentID}},
		{"files instead of a key", keySource, "files", chain, []string{keyAlgorithm, keyAuthority}},
		{"the same", keySource, "chain", chain, nil},
		{"a new answer", keyAuthority, "other", chain, nil},
		{"an individual enrollment", keyEnrollment, "individual", chain, []string{keyEnrollmentID}},
		{"nothing was answered", keySource, "files", Answers{}, nil},
	} {
		var got []string
		for _, v := range NewWizard(c.before).Set(c.key, c.value).Voids(c.before) {
			got = append(got, v.Field.Key)
			if v.Why == "" || v.Value != v.Field.label(c.before[v.Field.Key]) {
				t.Errorf("%s: %+v", c.name, v)
			}
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestEveryQuestionSaysWhy(t *testing.T) {
	t.Parallel()
	for _, f := range Fields() {
		if f.Why() == "" {
			t.Errorf("%s does not say why it is asked", f.Key)
		}
	}
	for key := range why {
		if _, ok := FieldByKey(key); !ok {
			t.Errorf("there is no question %s", key)
		}
	}
}
