package tui

import "testing"

func TestDraftsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	var d drafts
	kept := ""
	keep := func(wish int, text string) {
		if err := d.keep(wish, func() error { kept = text; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	first, second := d.wish(), d.wish()
	keep(second, "second")
	keep(first, "first") // comes late
	if kept != "second" {
		t.Errorf("kept is %q", kept)
	}
	late := d.wish()
	if err := d.drop(func() error { kept = ""; return nil }); err != nil {
		t.Fatal(err)
	}
	keep(late, "late")
	if kept != "" {
		t.Errorf("a draft outlived its profile: %q", kept)
	}
	keep(d.wish(), "new")
	if kept != "new" {
		t.Errorf("the next draft was not kept: %q", kept)
	}
}
