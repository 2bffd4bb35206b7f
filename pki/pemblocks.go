package pki

import (
	"bytes"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
)

// pem finds every block of PEM text. encoding/pem passes over damaged blocks in
// silence; here each BEGIN line is answered for.
func (c *Contents) pem(text, passphrase []byte, max limits) {
	if bytes.Contains(text, []byte("\r\n")) {
		c.odd("the lines end in CRLF, as Windows writes them; OpenSSL reads that, small TLS stacks do not", convertCommand)
	}
	starts := beginLines(text)
	if len(bytes.TrimSpace(text[:starts[0]])) > 0 {
		c.odd("text stands before the first PEM block, which DPS and az do not expect", convertCommand)
	}
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		block, odd, err := oneBlock(text[at:end])
		if err != nil {
			c.Items = append(c.Items, Item{Kind: kindOfLabel(labelOf(text[at:end])), Err: err})
			continue
		}
		if odd != "" {
			c.odd(odd, convertCommand)
		}
		if isBundleLabel(block.Type) {
			c.bundle(block.Bytes, bundleCommand)
			continue
		}
		c.Items = append(c.Items, parseBlock(block, passphrase, max))
	}
}

var beginMark = []byte("-----BEGIN ")

// beginLines finds where the PEM blocks begin; there is one at least.
func beginLines(text []byte) []int {
	var starts []int
	for at := 0; ; {
		i := bytes.Index(text[at:], beginMark)
		if i < 0 {
			return starts
		}
		starts = append(starts, at+i)
		at += i + len(beginMark)
	}
}

var labelPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-----BEGIN ([A-Z0-9 ]{1,40})-----`) })

func labelOf(segment []byte) string {
	m := labelPattern().FindSubmatch(segment)
	if m == nil {
		return ""
	}
	return string(m[1])
}

// repairs are tried in turn on a block that does not decode.
var repairs = []struct {
	odd   string
	apply func(string) string
}{
	{"line breaks are written as \\n, as in JSON or an environment variable", func(s string) string {
		return strings.NewReplacer(`\\n`, "\n", `\r`, "", `\n`, "\n", `"`, "\n").Replace(s)
	}},
	{"the lines are indented or quoted, as in YAML or a mail", func(s string) string {
		var b strings.Builder
		for line := range strings.Lines(s) {
			b.WriteString(strings.Trim(line, " \t\r\n>\u00a0") + "\n")
		}
		return b.String()
	}},
	{"the line breaks are lost: everything stands on one line", unfold},
}

// unfold gives back the line breaks of a block that lost them all.
func unfold(s string) string {
	head := strings.Index(s[len(beginMark):], "-----")
	tail := strings.LastIndex(s, "-----END ")
	if head < 0 || tail < 0 {
		return s
	}
	head += len(beginMark) + len("-----")
	if head > tail {
		return s
	}
	return s[:head] + "\n" + strings.Join(strings.Fields(s[head:tail]), "\n") + "\n" + s[tail:]
}

// oneBlock decodes the block at the beginning of a segment, which reaches to
// the next BEGIN line. odd says what had to be repaired.
func oneBlock(segment []byte) (block *pem.Block, odd string, err error) {
	if block, _ := pem.Decode(segment); block != nil {
		return block, "", nil
	}
	label := labelOf(segment)
	if label == "" {
		return nil, "", &FormatError{What: "the BEGIN line of a PEM block is damaged", Fix: "copy it again from where it came: OLD"}
	}
	for _, r := range repairs {
		if block, _ := pem.Decode([]byte(r.apply(string(segment)))); block != nil {
			return block, r.odd, nil
		}
	}
	return nil, "", whyNoBlock(segment, label)
}

// whyNoBlock says what is wrong with a block that no repair helps.
func whyNoBlock(segment []byte, label string) error {
	again := "copy it again from where it came: OLD"
	body, foot, ok := bytes.Cut(segment[len(beginMark)+len(label)+len("-----"):], []byte("-----END "))
	if !ok {
		return &FormatError{What: "the " + label + " block is cut off: its END line is missing", Fix: again}
	}
	if end, _, _ := bytes.Cut(foot, []byte("-----")); string(end) != label {
		return &FormatError{What: fmt.Sprintf("the block begins as %s and ends as %s", label, visible(string(end))), Fix: "correct the END line in OLD"}
	}
	line := bytes.Count(segment[:len(beginMark)], []byte("\n")) + 1
	for text := range bytes.Lines(body) {
		if bad := bytes.IndexFunc(bytes.TrimSpace(text), notBase64); bad >= 0 && !bytes.Contains(text, []byte(": ")) {
			r := []rune(string(bytes.TrimSpace(text)[bad:]))[0]
			return &FormatError{What: fmt.Sprintf("line %d of the %s block holds %s, which is no base64", line, label, visible(strconv.QuoteRune(r))), Fix: again}
		}
		line++
	}
	return &FormatError{What: "the base64 of the " + label + " block is damaged: characters are missing", Fix: again}
}

func notBase64(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '/' && r != '='
}

// fromUTF16 decodes UTF-16 text that begins with its byte order mark.
func fromUTF16(data []byte) ([]byte, bool) {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	case !bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		return nil, false
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, order.Uint16(data[i:]))
	}
	return []byte(string(utf16.Decode(units))), true
}

// count says a number of things: "1 byte", "2 bytes".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return decimal(n) + " " + thing + "s"
}

func decimal(n int) string { return strconv.Itoa(n) }
