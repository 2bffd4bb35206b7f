package pki

import (
	"crypto/x509"
	"errors"
	"path/filepath"
	"slices"
	"strings"
)

// The commands that mend: each can be run as it stands, writes to a file that is
// not there yet unless it keeps a copy of the old one, and is left out for words
// when something it needs is not among the files.

// besides is a path in the folder of a file.
func besides(file, name string) string {
	if file == stdinName {
		return name
	}
	return filepath.Join(filepath.Dir(file), name)
}

// folderWord is a folder as one word: with a separator in it, so that it is not
// taken for the name of an authority.
func folderWord(dir string) string {
	if !strings.ContainsRune(dir, filepath.Separator) {
		dir = "." + string(filepath.Separator) + dir
	}
	return shellWord(dir)
}

// newCommand makes something called name; a name that begins like a flag is set
// off.
func newCommand(name, flags string) string {
	if strings.HasPrefix(name, "-") {
		return "dpslab cert new" + flags + " -- " + shellWord(name)
	}
	return "dpslab cert new " + shellWord(name) + flags
}

// passphraseFor is the flag that opens what is encrypted in a file, if a pass
// phrase was given that does.
func (h *heap) passphraseFor(f *opened) string {
	if h.options.PassphraseFlag != "" && slices.ContainsFunc(f.contents.Items, func(i Item) bool { return i.Encrypted && i.Err == nil }) {
		return " " + h.options.PassphraseFlag
	}
	return ""
}

func (h *heap) passphraseOf(key foundKey) string {
	if key.encrypted && h.options.PassphraseFlag != "" {
		return " " + h.options.PassphraseFlag
	}
	return ""
}

// firstIn is a file in which a certificate stands first, which is the one that
// commands take from a file. A file with nothing else is preferred.
func (h *heap) firstIn(c *x509.Certificate) *opened {
	var best *opened
	for _, f := range h.holders[string(c.Raw)] {
		certs := f.contents.Certificates()
		if certs[0].Equal(c) && f.path != stdinName && (best == nil || len(certs) < len(best.contents.Certificates())) {
			best = f
		}
	}
	return best
}

// signFlags name the CA above a certificate to a command that signs; empty when
// its key is not among the files.
func (h *heap) signFlags(c *x509.Certificate) string {
	by := h.issuers[c]
	if by == nil || by.Certificate == c || !isCA(by.Certificate) || by.NotAfter.Before(h.options.Now) {
		return ""
	}
	return h.flagsOf(by.Certificate)
}

// flagsOf is looked for once: the chain files of a thousand devices all hold
// their CA.
func (h *heap) flagsOf(ca *x509.Certificate) string {
	flags, known := h.flags[ca]
	if !known {
		flags = h.findFlags(ca)
		h.flags[ca] = flags
	}
	return flags
}

func (h *heap) findFlags(ca *x509.Certificate) string {
	for _, f := range h.holders[string(ca.Raw)] {
		files := AuthorityFiles{Dir: filepath.Dir(filepath.Dir(f.path))}
		switch {
		case !files.Exists():
		case filepath.Clean(f.path) == files.IntermediateCertificate():
			return " --authority " + folderWord(files.Dir) + h.issuerPassphrase(ca)
		case filepath.Clean(f.path) == files.RootCertificate():
			return " --authority " + folderWord(files.Dir) + " --by-root" + h.issuerPassphrase(ca)
		}
	}
	f := h.firstIn(ca)
	key, ok := h.keyFor(ca)
	if f == nil || !ok || key.file == stdinName {
		return ""
	}
	flags := " --issuer-cert " + fileWord(f.path)
	if key.file != f.path {
		flags += " --issuer-key " + fileWord(key.file)
	}
	return flags + h.issuerPassphrase(ca)
}

func (h *heap) issuerPassphrase(ca *x509.Certificate) string {
	key, ok := h.keyFor(ca)
	if !ok {
		return ""
	}
	return strings.Replace(h.passphraseOf(key), "--", "--issuer-", 1)
}

// reissue is how to make a certificate anew as it should be, with its key and
// its issuer where they are here.
func (h *heap) reissue(c found) string {
	if checkStrength(c.PublicKey) != nil {
		return h.withNewKey(c)
	}
	if isCA(c.Certificate) && !h.devices[c.Certificate] {
		return h.renewCA(c)
	}
	if h.used[c.Certificate] {
		return h.newAuthority(c) // it signs, and is no CA
	}
	names := commonNames(c.RawSubject)
	if isCA(c.Certificate) || len(names) != 1 || CheckCommonName(names[0]) != nil {
		return h.newNamed(c, append(names, "")[0])
	}
	return h.renew(c)
}

// renew keeps name and key.
func (h *heap) renew(c found) string {
	f := h.firstIn(c.Certificate)
	key, own := h.keyFor(c.Certificate)
	name := commonNames(c.RawSubject)[0]
	if namesItself(c.Certificate) {
		if closed := h.closedBeside(f); closed != "" && !own && isSelfSigned(c.Certificate) {
			return "its private key lies there encrypted; on a terminal the pass phrase is asked for: dpslab cert renew " +
				fileWord(f.path) + " --key " + fileWord(closed) + " --days 365" + renewedTo(f)
		}
		if f == nil || !own || !isSelfSigned(c.Certificate) {
			return "its private key is not among these files, with which dpslab cert renew keeps name and key; make both anew: " + h.newNamed(c, name)
		}
		command := "dpslab cert renew " + fileWord(f.path)
		if key.file != f.path {
			command += " --key " + fileWord(key.file)
		}
		return command + h.passphraseOf(key) + " --days 365" + renewedTo(f)
	}
	flags := h.signFlags(c.Certificate)
	if flags == "" {
		return h.askCA(c, "issue it anew")
	}
	if f == nil {
		return h.newNamed(c, name)
	}
	return "dpslab cert renew " + fileWord(f.path) + flags + " --days 365" + renewedTo(f)
}

// staysClosed says whether a private key or a PFX was not opened for want of its
// pass phrase.
func staysClosed(c *Contents) bool {
	return slices.ContainsFunc(c.Problems(), func(err error) bool {
		return errors.Is(err, ErrPassphraseNeeded) || errors.Is(err, ErrWrongPassphrase)
	})
}

// closedBeside is the file with an encrypted private key that is named like a
// certificate's file, or empty.
func (h *heap) closedBeside(f *opened) string {
	if f == nil {
		return ""
	}
	return h.closed[stem(f.path)]
}

// askCA is for what only a CA can do whose key is not here, or which itself ran
// out.
func (h *heap) askCA(c found, do string) string {
	if by := h.issuers[c.Certificate]; by != nil && by.NotAfter.Before(h.options.Now) {
		return "first issue its CA anew, " + nameText(c.RawIssuer) + ", which expired too"
	}
	where := "these files"
	if len(h.closed) > 0 {
		where = "the files that could be opened"
	}
	return "have " + nameText(c.RawIssuer) + ", which signed it, " + do +
		"; its key is not among " + where + " (dpslab cert new and renew take it as --authority, or as --issuer-cert and --issuer-key)"
}

// renewedTo writes beside a file that holds more than PEM certificates; others
// are replaced, and a copy is kept.
func renewedTo(f *opened) string {
	plain := f.contents.Format == "PEM" && !slices.ContainsFunc(f.contents.Items, func(i Item) bool { return i.Kind == ItemKey })
	if plain {
		return ""
	}
	return fixFor(" --out NEW.pem", f.path)
}

// newNamed makes a device certificate with another name, key or kind, in a
// folder of its own.
func (h *heap) newNamed(c found, name string) string {
	name = suggestID(name, MaxCommonName)
	if name == "" {
		return "make another with the registration ID as its common name (dpslab cert new)"
	}
	flags := ""
	if !namesItself(c.Certificate) {
		if flags = h.signFlags(c.Certificate); flags == "" {
			return h.askCA(c, "issue one for "+name)
		}
	}
	return newCommand(name, flags+" --days 365 --out "+folderWord(freeName(besides(c.file, name+"-new"), "")))
}

// renewCA keeps a CA's name and key, so that what it signed stays good.
func (h *heap) renewCA(c found) string {
	f, flags := h.firstIn(c.Certificate), h.signFlags(c.Certificate)
	key, own := h.keyFor(c.Certificate)
	const again = "what it signed stays good, but upload it to DPS again, and put it in place of the old one in chain files: "
	by := h.issuers[c.Certificate]
	switch {
	case by != nil && by.Certificate != c.Certificate && by.NotAfter.Before(h.options.Now):
		return h.askCA(c, "")
	case f != nil && isSelfSigned(c.Certificate) && own:
		command := again + "dpslab cert renew " + fileWord(f.path)
		if key.file != f.path {
			command += " --key " + fileWord(key.file)
		}
		return command + h.passphraseOf(key) + " --days 3650" + renewedTo(f)
	case f != nil && flags != "":
		return again + "dpslab cert renew " + fileWord(f.path) + flags + " --days 3650" + renewedTo(f)
	}
	return h.newAuthority(c)
}

// newAuthority is the last resort for a CA.
func (h *heap) newAuthority(c found) string {
	name := "ca"
	if names := commonNames(c.RawSubject); len(names) > 0 && suggestID(names[0], MaxCommonName) != "" {
		name = suggestID(names[0], 24)
	}
	return "make a new CA, upload it to DPS and issue anew what is below it: " +
		newCommand(name, " --kind authority --out "+folderWord(freeName(besides(c.file, name+"-new"), "")))
}

// inOrder puts the certificates of a file in order, with others from the heap
// where the chain has gaps.
func (h *heap) inOrder(f opened, certs []*x509.Certificate) string {
	i := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return h.devices[c] || !isCA(c) })
	if i < 0 {
		return "put the device certificate first"
	}
	return h.chainCommand(certs[i], &f)
}

// chainCommand writes the whole chain of a device into one file.
func (h *heap) chainCommand(device *x509.Certificate, from *opened) string {
	files := []string{fileWord(from.path)}
	seen := map[*x509.Certificate]bool{}
	for c := device; !isSelfSigned(c) && !seen[c]; {
		seen[c] = true // CAs may have signed each other
		issuer := h.issuers[c]
		if issuer == nil && c != device {
			return "this is as far as the files go, and enough once " + nameText(c.RawSubject) + " itself is verified at DPS: dpslab cert fullchain " +
				strings.Join(files, " ") + " --partial" + fixFor(" --out CHAIN.pem", from.path)
		}
		if issuer == nil {
			return "find the file of " + nameText(c.RawIssuer) + ", which signed " + nameText(c.RawSubject) +
				" and is in no file here; dpslab cert fullchain puts them into one, the device first"
		}
		c = issuer.Certificate
		holders := h.holders[string(c.Raw)]
		if slices.ContainsFunc(holders, func(f *opened) bool { return f.path == from.path }) {
			continue
		}
		i := slices.IndexFunc(holders, func(f *opened) bool { return allCAs(f.contents.Certificates()) })
		if i < 0 {
			i = 0
		}
		if word := fileWord(holders[i].path); !slices.Contains(files, word) {
			files = append(files, word) // once: a file may hold several of the chain
		}
	}
	return "dpslab cert fullchain " + strings.Join(files, " ") + fixFor(" --out CHAIN.pem", from.path)
}
