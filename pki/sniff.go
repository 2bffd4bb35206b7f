package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Item is one thing that was found in a file. Exactly one of Certificate,
// Request, Key and Err says more about it; an encrypted key that was not opened
// has Err alone.
type Item struct {
	Kind        ItemKind
	Certificate *x509.Certificate
	Request     *x509.CertificateRequest
	Key         crypto.Signer
	Encrypted   bool // a private key that needs a pass phrase
	Legacy      bool // encrypted in OpenSSL's traditional form (Proc-Type)
	// Err is a [*FormatError], [ErrPassphraseNeeded] or [ErrWrongPassphrase].
	Err error
}

// ItemKind names what an [Item] is.
type ItemKind string

// The kinds of items.
const (
	ItemCertificate ItemKind = "certificate"
	ItemKey         ItemKind = "private key"
	ItemRequest     ItemKind = "certificate request"
	ItemPublicKey   ItemKind = "public key"
	ItemParameters  ItemKind = "EC parameters"
	ItemOther       ItemKind = "other"
)

// Contents is what a file was found to be.
type Contents struct {
	Format string // "PEM", "DER", "PFX", "PKCS#7", "UTF-16 PEM", "base64 DER"; empty when Err is set
	Items  []Item
	// Encryption is that of a PFX, judged by its MAC; empty for everything else.
	Encryption PFXEncryption
	// Oddities were got over here, but other programs stumble over them.
	Oddities []*FormatError
	// Err says why nothing can be read at all: a [*FormatError],
	// [ErrPassphraseNeeded] or [ErrWrongPassphrase] (PFX).
	Err error
}

// Certificates are the readable ones, in their order.
func (c *Contents) Certificates() []*x509.Certificate {
	var certs []*x509.Certificate
	for _, i := range c.Items {
		if i.Certificate != nil {
			certs = append(certs, i.Certificate)
		}
	}
	return certs
}

// Key is the first private key that could be opened, or nil.
func (c *Contents) Key() crypto.Signer {
	for _, i := range c.Items {
		if i.Key != nil {
			return i.Key
		}
	}
	return nil
}

// Request is the first certificate signing request, or nil.
func (c *Contents) Request() *x509.CertificateRequest {
	for _, i := range c.Items {
		if i.Request != nil {
			return i.Request
		}
	}
	return nil
}

// Problems are all errors: of the whole, then of the items.
func (c *Contents) Problems() []error {
	var all []error
	if c.Err != nil {
		all = append(all, c.Err)
	}
	for _, i := range c.Items {
		if i.Err != nil {
			all = append(all, i.Err)
		}
	}
	return all
}

// NeedsPassphrase says whether something stays closed without a pass phrase.
func (c *Contents) NeedsPassphrase() bool {
	return slices.ContainsFunc(c.Problems(), func(err error) bool { return errors.Is(err, ErrPassphraseNeeded) })
}

// Sniff finds out what data is, whatever it is called: PEM with any blocks, DER,
// PFX, PKCS#7, base64 without its frame, PEM in UTF-16, with literal "\n" or inside
// JSON. It never fails: what cannot be read is an Err that says what it is.
func Sniff(data, passphrase []byte) *Contents { return sniff(data, passphrase, defaultLimits) }

// ReadAny reads a file and finds out what it is. The error is a [*FileError];
// what is wrong with the contents stands in them, with the file's name.
func ReadAny(path string, passphrase []byte) (*Contents, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	defer f.Close()
	return ReadFrom(f, path, passphrase)
}

// ReadFrom is [ReadAny] of what is open already; path is its name in errors,
// "-" for standard input.
func ReadFrom(r io.Reader, path string, passphrase []byte) (*Contents, error) {
	data, err := readAtMost(r, path)
	if err != nil {
		return nil, err
	}
	return sniffFile(path, data, passphrase), nil
}

// sniffFile is [Sniff] for the contents of a file: everything in the result
// names it, and a name that promises something else is an oddity.
func sniffFile(path string, data, passphrase []byte) *Contents {
	c := Sniff(data, passphrase)
	c.oddName(path)
	c.Err = fileError("read", path, c.Err)
	for i := range c.Items {
		c.Items[i].Err = fileError("read", path, c.Items[i].Err)
	}
	for _, o := range c.Oddities {
		o.Fix = fixFor(o.Fix, path)
	}
	return c
}

// oddName compares what was found with what the file's name promises to people
// and programs.
func (c *Contents) oddName(path string) {
	base := strings.ToLower(filepath.Base(path))
	ending := filepath.Ext(base)
	binary := strings.HasSuffix(c.Format, "DER") || c.Format == "PFX"
	switch {
	case ending == ".pem" && c.Format == "DER" && len(c.Items) > 0 && c.Items[0].Err == nil, ending == ".pem" && c.Format == "PFX":
		c.odd("the name says PEM, but the file is "+c.Format+", which programs that expect PEM do not read", convertCommand)
	case (ending == ".der" || ending == ".pfx" || ending == ".p12") && !binary && c.Format != "" && len(c.Items) > 0:
		c.odd("the name says "+strings.ToUpper(ending[1:])+", but the file is PEM", convertCommand)
	case (ending == ".pem" || ending == ".crt" || ending == ".cer") && c.Request() != nil && len(c.Certificates()) == 0 &&
		!strings.Contains(base, "csr") && !strings.Contains(base, "req"):
		c.odd("this is a certificate signing request, which a CA has yet to sign, and no certificate",
			"have it signed (dpslab cert sign takes it with --authority, or --issuer-cert and --issuer-key), and call requests NAME.csr")
	}
}

const convertCommand = "dpslab cert convert OLD --out NEW.pem"

func sniff(data, passphrase []byte, max limits) *Contents {
	c := &Contents{}
	text := data
	if decoded, ok := fromUTF16(data); ok {
		text = decoded
		c.odd("the file is UTF-16 text (PowerShell's '>' writes that), which OpenSSL cannot read", convertCommand)
		c.Format = "UTF-16 PEM"
	} else if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		text = data[3:]
		c.odd("the file begins with a byte order mark, which hides the first line from OpenSSL", convertCommand)
	}
	switch {
	case isPFX(data):
		c.pfx(data, passphrase, max)
	case isBundle(data) && len(data) == derLength(data):
		c.bundle(data, bundleDERCommand)
	case isSequence(data):
		c.Format = "DER"
		c.Items = []Item{parseDER(data, passphrase, max)}
	case bytes.Contains(text, []byte("-----BEGIN ")):
		if c.Format == "" {
			c.Format = "PEM"
		}
		c.pem(text, passphrase, max)
	default:
		c.unframed(text, passphrase, max)
	}
	if c.Err == nil && len(c.Items) == 0 {
		c.Err = &FormatError{What: "there is neither a certificate nor a key in it", Fix: wantPEM}
	}
	return c
}

const wantPEM = "name a PEM, DER or PFX file with a certificate or a key"

func (c *Contents) odd(what, fix string) {
	if !slices.ContainsFunc(c.Oddities, func(o *FormatError) bool { return o.What == what }) {
		c.Oddities = append(c.Oddities, &FormatError{What: what, Fix: fix})
	}
}

// unframed is for data without a PEM frame: base64 of DER, or something foreign.
func (c *Contents) unframed(text, passphrase []byte, max limits) {
	if der, ok := bareBase64(text); ok {
		inner := sniff(der, passphrase, max)
		if inner.Err == nil || isPFX(der) || isSequence(der) {
			*c = *inner
			c.Format = "base64 " + inner.Format
			c.odd("this is base64 without the BEGIN and END lines of PEM", convertCommand)
			return
		}
	}
	c.Format, c.Err = "", foreign(text)
}

// bareBase64 decodes text that is one base64 value, with or without line breaks
// and quotes.
func bareBase64(text []byte) ([]byte, bool) {
	packed := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n\"'", r) {
			return -1
		}
		return r
	}, string(text))
	if len(packed) < 16 {
		return nil, false
	}
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(packed, "="))
	return der, err == nil
}

// foreigners are recognized by how they begin.
var foreigners = []struct{ magic, what, fix string }{
	{"\x1f\x8b", "this is a gzip archive", "unpack it: gunzip -c OLD > NEW.pem"},
	{"PK\x03\x04", "this is a ZIP archive", "unpack it: unzip -n OLD -d FOLDER"},
	{"\xfe\xed\xfe\xed", "this is a Java key store (JKS)", "keytool -importkeystore -srckeystore OLD -destkeystore NEW.pfx -deststoretype pkcs12"},
	{"PuTTY-User-Key-File", "this is a PuTTY key", "puttygen OLD -O private-openssh -o NEW.pem"},
	{"ssh-rsa ", "this is an SSH public key", wantPEM},
	{"ssh-ed25519 ", "this is an SSH public key", wantPEM},
	{"ecdsa-sha2-", "this is an SSH public key", wantPEM},
	{"\x89PNG", "this is a picture", wantPEM},
	{"%PDF", "this is a PDF", wantPEM},
	{"<", "this is HTML or XML", "download the file itself, not the page about it, in place of OLD"},
	{"HostName=", "this is a connection string, a secret, and no certificate", "keep it out of files; name a certificate in place of OLD"},
}

// foreign says what data is that holds neither certificate nor key.
func foreign(data []byte) error {
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) == 0 {
		return &FormatError{What: "the file is empty", Fix: "copy it again from where it came: OLD"}
	}
	if len(bytes.Trim(data, "\x00")) == 0 {
		return &FormatError{What: "the file holds nothing but zero bytes, as after a crash while it was written", Fix: "copy it again from where it came: OLD"}
	}
	for _, f := range foreigners {
		if bytes.HasPrefix(trimmed, []byte(f.magic)) {
			return &FormatError{What: f.what, Fix: f.fix}
		}
	}
	if len(data) > 1 && data[0] == 0x30 && data[1] >= 0x80 {
		return damagedDER(data)
	}
	if bytes.Contains(data, []byte("BEGIN CERTIFICATE")) || bytes.Contains(data, []byte("BEGIN PRIVATE KEY")) {
		return &FormatError{What: "the BEGIN line is damaged: PEM wants exactly five dashes on either side", Fix: "correct the line in OLD, or copy it again from where it came"}
	}
	return &FormatError{What: "this is neither PEM, DER nor PFX", Fix: wantPEM}
}

// damagedDER tells DER that is cut off from DER with something behind it.
func damagedDER(data []byte) error {
	again := "copy it again from where it came: OLD"
	want := derLength(data)
	switch {
	case want > len(data):
		return &FormatError{What: "this is DER that is cut off: " + count(len(data), "byte") + " of " + count(want, "byte"), Fix: again}
	case want > 0 && want < len(data) && readsAlone(data[:want]):
		return &FormatError{What: "this is DER with " + count(len(data)-want, "foreign byte") + " behind it", Fix: "cut them off: head -c " + decimal(want) + " OLD > NEW.der"}
	}
	return &FormatError{What: "this is damaged DER", Fix: again}
}

// readsAlone says whether DER is something by itself, so that cutting off what
// follows it helps.
func readsAlone(der []byte) bool {
	if isPFX(der) || isBundle(der) {
		return true
	}
	err := parseDER(der, nil, defaultLimits).Err
	return err == nil || errors.Is(err, ErrPassphraseNeeded)
}

// derLength is what the first element says of its own length, header included;
// 0 when that cannot be read.
func derLength(data []byte) int {
	if len(data) < 2 || data[1] < 0x80 {
		if len(data) < 2 {
			return 0
		}
		return 2 + int(data[1])
	}
	n := int(data[1] & 0x7f)
	if n == 0 || n > 3 || len(data) < 2+n {
		return 0
	}
	length := 0
	for _, b := range data[2 : 2+n] {
		length = length<<8 | int(b)
	}
	return 2 + n + length
}
