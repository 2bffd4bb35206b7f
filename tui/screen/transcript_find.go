package screen

import (
	"context"
	"slices"
	"strings"

	"dpslab/tui/theme"
	"dpslab/workflow"
)

// SearchHint tells what [Find] understands.
const SearchHint = queryHint

// Find says at which places of a recording there are exchanges that a text of the
// transcript's search field finds: see [SearchHint]. It ends early, with the error
// of the context, when that ends.
func Find(ctx context.Context, xs workflow.Recording, text string) ([]int, error) {
	q := parseQuery(text)
	var at []int
	for i := range xs.Len() {
		if q.fits(xs.Kind(i)) {
			at = append(at, i)
		}
	}
	if q.text == "" {
		return at, nil
	}
	found, err := xs.Search(ctx, q.text, func(x *workflow.Exchange) bool { return contains(x, q.text) })
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(at, func(i int) bool {
		_, is := slices.BinarySearch(found, i)
		return !is
	}), nil
}

// Differences are the lines in which two exchanges differ, without colour: those of
// the first begin with a minus, those of the second with a plus.
func Differences(th *theme.Theme, first, second *workflow.Exchange) []string {
	var lines []string
	for _, row := range compareRows(th, first, second, 200) {
		if row = strings.TrimSpace(row); row != "" {
			lines = append(lines, row)
		}
	}
	return lines
}
