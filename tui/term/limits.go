package term

import "strings"

// WantsASCII says whether drawing must keep to ASCII: the Linux console lacks
// most glyphs, a dumb terminal promises nothing, and a locale that is set to
// anything but UTF-8 would show rubbish.
//
// POSIX: LC_ALL wins over LC_CTYPE over LANG; an unset locale is "C". Containers
// and service shells often have none set while the terminal is UTF-8, so only a
// locale that is set counts, and "C" or "POSIX" set on purpose is respected.
func WantsASCII(getenv func(string) string) bool {
	switch getenv("TERM") {
	case "linux", "dumb":
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		v := strings.ToLower(getenv(name))
		if v == "" {
			continue
		}
		return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
	}
	return false
}

// WantsNoColor says whether styles are to be left out: NO_COLOR set to anything
// (no-color.org), or a dumb terminal.
func WantsNoColor(getenv func(string) string) bool {
	return getenv("NO_COLOR") != "" || getenv("TERM") == "dumb"
}
