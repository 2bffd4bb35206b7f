package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError says in a person's words what is wrong with a flag.
func flagError(c *cobra.Command, err error) error {
	help := c.CommandPath() + " --help lists the flags"
	wrong, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return usage(err.Error(), help)
	}
	flag := wrong.GetFlag()
	name, value := "--"+flag.Name, strconv.Quote(wrong.GetValue())
	if wanted, fix := wantedOf(flag, wrong.GetValue(), errors.Is(err, strconv.ErrRange)); wanted != "" {
		return usage(fmt.Sprintf("%s %s: %s", name, value, wanted), fix)
	}
	return usage(err.Error(), help)
}

// wantedOf is what a flag takes, and an example; nothing for one whose own error
// says it.
func wantedOf(flag *pflag.Flag, value string, tooLarge bool) (wanted, fix string) {
	kind := flag.Value.Type()
	switch {
	case kind == "duration":
		if _, err := strconv.ParseFloat(value, 64); err == nil {
			return "a time needs its unit", fmt.Sprintf("--%s %ss for seconds; ms, s, m and h are known, also together: 1m30s", flag.Name, value)
		}
		return "that is no time", "a number with its unit, such as 500ms, 5s, 1m30s, 2h"
	case tooLarge:
		return "that number is too large", ""
	case strings.HasPrefix(kind, "int"):
		return "that is no whole number", "a number such as --" + flag.Name + " 10"
	case strings.HasPrefix(kind, "uint"):
		return "that is no whole number from 0 on", "a number such as --" + flag.Name + " 10"
	case strings.HasPrefix(kind, "float"):
		return "that is no number", "a number such as --" + flag.Name + " 0.5"
	case kind == "stringToString":
		return "it is a name and a value", "--" + flag.Name + " NAME=VALUE"
	case kind == "bool":
		return "it is on or off", "--" + flag.Name + ", or --" + flag.Name + "=false"
	}
	return "", ""
}
