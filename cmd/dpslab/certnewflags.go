package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"dpslab/pki"
	"dpslab/workflow"
)

// everyKind are the flags that go with all kinds, besides the global ones.
var everyKind = []string{"kind", "out", "json", "home", "quiet", "verbose", "no-color", "ascii", "theme", "help"}

// kindFlags are the flags that go with each kind.
var kindFlags = map[string][]string{
	kindSelfSigned:   {"force", "algorithm", "days", "passphrase-env", "passphrase-command", "encrypt", "secondary"},
	kindDevice:       {"force", "algorithm", "days", "passphrase-env", "passphrase-command", "encrypt", "secondary", "authority", "issuer-cert", "issuer-key", "issuer-passphrase-env", "issuer-passphrase-command", "by-root", "authority-days", "count", "first"},
	kindAuthority:    {"algorithm", "passphrase-env", "passphrase-command", "encrypt", "authority-days"},
	kindRoot:         {"force", "algorithm", "passphrase-env", "passphrase-command", "encrypt", "authority-days"},
	kindIntermediate: {"force", "algorithm", "passphrase-env", "passphrase-command", "encrypt", "authority-days", "authority", "issuer-cert", "issuer-key", "issuer-passphrase-env", "issuer-passphrase-command", "by-root", "path-length"},
	kindVerification: {"force", "days", "authority", "issuer-cert", "issuer-key", "issuer-passphrase-env", "issuer-passphrase-command", "by-root"},
}

// senseless says why a flag does not go with a kind.
var senseless = map[string]string{
	"force":                     "the devices and DPS know an authority: it is never replaced, a new one takes a new name",
	"algorithm":                 "its key is thrown away, DPS looks at the name and the signature only",
	"days":                      "the life of a CA is --authority-days",
	"authority-days":            "no CA is made; the life of the certificate is --days",
	"passphrase-env":            "its key is thrown away, there is nothing to protect",
	"passphrase-command":        "its key is thrown away, there is nothing to protect",
	"encrypt":                   "its key is thrown away, there is nothing to protect",
	"secondary":                 "a secondary certificate is one more of the same device",
	"authority":                 "nobody else signs it",
	"issuer-cert":               "nobody else signs it",
	"issuer-key":                "nobody else signs it",
	"issuer-passphrase-env":     "nobody else signs it",
	"issuer-passphrase-command": "nobody else signs it",
	"by-root":                   "nobody else signs it",
	"path-length":               "it counts the CA levels below an intermediate CA",
	"count":                     "only devices of an authority are made in number",
	"first":                     "only devices of an authority are made in number",
}

// complete finds the kind and refuses what does not go together, before any
// work.
func (n *certNew) complete(flags *pflag.FlagSet) error {
	if n.kind == "" {
		n.kind = kindSelfSigned
		if n.issuer.given() || flags.Changed("count") {
			n.kind = kindDevice
		}
	}
	fitting, known := kindFlags[n.kind]
	if !known {
		return usage("there is no kind "+n.kind, "self-signed, device, authority, root, intermediate or verification")
	}
	n.daysGiven = flags.Changed("authority-days")
	if n.kind == kindVerification && !flags.Changed("days") {
		n.days = pki.VerificationDays
	}
	var err error
	flags.Visit(func(f *pflag.Flag) {
		if err == nil && !slices.Contains(everyKind, f.Name) && !slices.Contains(fitting, f.Name) {
			err = usage("--"+f.Name+" does not go with --kind "+n.kind+": "+senseless[f.Name], "leave out one of them")
		}
	})
	if err != nil {
		return err
	}
	if err := n.issuer.check(n.byRoot); err != nil {
		return err
	}
	return n.pairs(flags)
}

// pairs refuses flags that do not go with each other.
func (n *certNew) pairs(flags *pflag.FlagSet) error {
	for _, p := range []struct {
		wrong    bool
		why, fix string
	}{
		{flags.Changed("count") && n.count < 1, fmt.Sprintf("--count %d makes nothing", n.count), "--count 1 or more"},
		{flags.Changed("first") && n.count == 0, "--first is the number of the first of --count devices, which is missing", "--count N"},
		{n.count > 0 && n.force, "--force does not go with --count: a batch never replaces a device, it goes on where another stopped", "leave out --force"},
		{n.count > 0 && n.secondary, "--secondary does not go with --count: a secondary certificate is made for one device", "leave out one of them"},
		{n.count > 0 && n.issuer.authority == "", "--count needs --authority", "--authority NAME"},
		{n.count > 0 && n.byRoot, "--by-root does not go with --count: the intermediate CA signs a batch", "leave out --by-root"},
		{flags.Changed("authority-days") && n.kind == kindDevice && n.issuer.authority == "", "--authority-days does not go with --issuer-cert: that CA is there already", "leave out --authority-days"},
		{n.pathLength < 0, fmt.Sprintf("--path-length %d: 0 is the least", n.pathLength), "--path-length 0"},
		{n.kind == kindIntermediate && n.issuer.authority != "" && !n.byRoot, "the intermediate CA of an authority signs devices only", "--by-root"},
		{n.out == stdio, "--out - does not go with cert new, which writes several files", "--out names a folder"},
	} {
		if p.wrong {
			return usage(p.why, p.fix)
		}
	}
	return n.checkFolder()
}

// checkFolder refuses the name of a file where a folder is meant.
func (n *certNew) checkFolder() error {
	info, err := os.Stat(n.out)
	switch ending := strings.ToLower(filepath.Ext(n.out)); {
	case n.out == "" || err == nil && info.IsDir():
		return nil
	case err == nil:
		return usage("--out "+n.out+": this is a file; --out names the folder for several files", "--out "+workflow.ShellWord(filepath.Dir(n.out)))
	case slices.Contains([]string{".pem", ".crt", ".cer", ".der", ".pfx", ".p12", ".key", ".p7b"}, ending):
		return usage("--out "+n.out+": --out names a folder here; the files in it have the how-to's names", "--out "+workflow.ShellWord(strings.TrimSuffix(n.out, filepath.Ext(n.out))))
	}
	return nil
}
