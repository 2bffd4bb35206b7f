package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// listing is a list as it is printed: a table with a heading, or with --json a
// line for each.
type listing struct {
	s       *serviceCall
	table   *tabwriter.Writer
	heading string
	rows    int
}

// list begins a list; heading are the columns, between tabs.
func (s *serviceCall) list(heading string) *listing {
	return &listing{s: s, table: tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0), heading: heading}
}

// row prints one item: itself as JSON, or the cells of its line.
func (l *listing) row(item any, cells ...string) error {
	l.rows++
	if l.s.flags.asJSON {
		return l.s.printJSON(item)
	}
	if l.rows == 1 {
		fmt.Fprintln(l.table, l.heading)
	}
	for i, c := range cells {
		cells[i] = printable(c)
	}
	_, err := fmt.Fprintln(l.table, strings.Join(cells, "\t"))
	return err
}

// flush prints the lines so far, such as those of a page.
func (l *listing) flush() error { return l.table.Flush() }

// end prints what is left, and says so when there was nothing at all.
func (l *listing) end(nothing string) error {
	if l.rows == 0 && !l.s.quiet {
		fmt.Fprintln(l.s.err, nothing)
	}
	return l.flush()
}

// facts prints what is known of one thing, a name and a value a line; width is
// that of the names.
func (s *serviceCall) facts(width int, lines [][2]string) {
	for _, l := range lines {
		if l[1] != "" {
			fmt.Fprintf(s.out, "%-*s  %s\n", width, l[0], printable(l[1]))
		}
	}
}

func yesNo(on bool) string {
	if on {
		return "yes"
	}
	return "no"
}
