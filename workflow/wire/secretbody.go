package wire

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// secretBody is a request's body whose secrets the shell puts in again: they are
// not kept, so that a copy names variables for them.
type secretBody struct {
	pieces []string // words of a shell, one after the other
	names  []string // of the variables, each once
}

// maskedMember is a member of a JSON object whose value was masked.
var maskedMember = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`"(\w+)"\s*:\s*"` + regexp.QuoteMeta(Masked) + `"`)
})

// bodyOfVariables takes a body apart where secrets were. ok is false for one
// that has none, or has one elsewhere than as the whole value of a member.
func bodyOfVariables(x *Exchange) (b secretBody, ok bool) {
	found := maskedMember().FindAllStringSubmatchIndex(x.RequestBody, -1)
	if len(found) == 0 || len(found) != strings.Count(x.RequestBody, Masked) || len(x.RequestBody) >= keptBody {
		return b, false
	}
	taken, end := map[string]int{}, 0
	for _, at := range found {
		from, to := at[1]-len(Masked)-1, at[1]-1 // the value without its quotes
		name := b.variable(x.RequestBody[at[2]:at[3]], taken)
		b.pieces = append(b.pieces, ShellWord(x.RequestBody[end:from]), `"$`+name+`"`)
		end = to
	}
	b.pieces = append(b.pieces, ShellWord(x.RequestBody[end:]))
	return b, true
}

// pfxVariable is the one of API Management's member data.
const pfxVariable = "PFX_BASE64"

// variable names the variable of one more secret: primaryKey is PRIMARY_KEY, and
// the second one PRIMARY_KEY_2.
func (b *secretBody) variable(member string, taken map[string]int) string {
	var name strings.Builder
	for i, r := range member {
		if i > 0 && unicode.IsUpper(r) {
			name.WriteByte('_')
		}
		name.WriteRune(unicode.ToUpper(r))
	}
	v := name.String()
	switch v {
	case "DATA":
		v = pfxVariable
	case "PASSWORD":
		v = "PFX_PASSWORD"
	}
	if shellOwn(v) {
		v = "SECRET_" + v
	}
	taken[v]++
	if n := taken[v]; n > 1 {
		v = fmt.Sprintf("%s_%d", v, n)
	}
	b.names = append(b.names, v)
	return v
}

// shellOwn reports whether a name is none for a variable, or is one by which a
// shell and the programs it starts live.
func shellOwn(name string) bool {
	digit := name != "" && unicode.IsDigit(rune(name[0]))
	return digit || slices.Contains([]string{"PATH", "HOME", "IFS", "ENV", "PWD", "UID", "USER", "SHELL", "LANG", "_", secretVariable}, name)
}

// comment says what to set, and how without leaving it in the shell's history.
func (b secretBody) comment() string {
	var c strings.Builder
	c.WriteString("# secrets are not kept; set these variables first:\n")
	for _, name := range b.names {
		if strings.HasPrefix(name, pfxVariable) {
			fmt.Fprintf(&c, "#   %s=$(openssl base64 -A -in FILE.pfx)\n", name)
			continue
		}
		fmt.Fprintf(&c, "#   read -rs %s   # as JSON spells it: \\\" for \", \\\\ for \\\n", name)
	}
	return c.String()
}

// pipe feeds the body to a command that reads it from standard input. No secret
// is an argument of a process: printf is a part of the shell. Where one is not
// set, nothing is sent.
func (b secretBody) pipe(command string) string {
	var checks []string
	for _, name := range b.names {
		checks = append(checks, `"${`+name+`:?}"`)
	}
	return ": " + strings.Join(checks, " ") + " &&\nprintf %s " + strings.Join(b.pieces, " ") + " |\n" + command
}
