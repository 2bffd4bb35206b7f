package main

import (
	"slices"
	"strings"

	"dpslab/pki"
)

// containerForms are the names that people have for what convert writes.
var containerForms = map[string]pki.ConvertOptions{
	"pem": {To: pki.ContainerPEM}, "crt": {To: pki.ContainerPEM}, "base64": {To: pki.ContainerPEM},
	"der": {To: pki.ContainerDER}, "cer": {To: pki.ContainerDER},
	"pfx": {To: pki.ContainerPFX}, "p12": {To: pki.ContainerPFX}, "pkcs12": {To: pki.ContainerPFX}, "pkcs#12": {To: pki.ContainerPFX},
	// The only form in which private keys are written.
	"pkcs8": {To: pki.ContainerPEM, Only: pki.ItemKey}, "pkcs#8": {To: pki.ContainerPEM, Only: pki.ItemKey}, "p8": {To: pki.ContainerPEM, Only: pki.ItemKey},
}

// otherForms are what convert does not write, and what does.
var otherForms = []struct {
	names    []string
	why, fix string
}{
	{[]string{"text", "txt"}, "a certificate in words is shown, not converted", "dpslab cert inspect FILE"},
	{[]string{"json"}, "a certificate in words is shown, not converted", "dpslab cert inspect FILE --json"},
	{
		[]string{"sec1", "ec", "pkcs1", "pkcs#1", "rsa", "traditional"},
		"private keys are written as PKCS#8, which took the place of the forms for one kind of key",
		"--to pkcs8; for a program that insists on the old form: openssl pkey -traditional -in KEY.pem",
	},
	{[]string{"fullchain", "chain", "bundle"}, "a chain is put in order by a command of its own", "dpslab cert fullchain FILE..."},
	{[]string{"csr", "req", "request", "p10", "pkcs10"}, "a certificate signing request is made with the key", "dpslab cert csr NAME --key KEY.pem; or --only request for one that is in the file"},
	{[]string{"p7b", "p7c", "p7s", "pkcs7", "pkcs#7"}, "PKCS#7 is read, and not written", "--to pem holds a chain as well; for a program that insists: openssl crl2pkcs7 -nocrl -certfile CHAIN.pem"},
	{[]string{"jks", "jceks"}, "JKS is not written", "--to pfx, which Java's keytool and every JVM since Java 9 read"},
	{[]string{"ssh", "openssh"}, "keys for SSH are not written", "ssh-keygen -i -m PKCS8 -f KEY.pem"},
}

// formOf is what to write: what --to says, else what the name of the file says.
func formOf(to, out string) (pki.ConvertOptions, error) {
	if to == "" {
		return pki.ConvertOptions{To: pki.ContainerOf(out)}, nil
	}
	name := strings.ToLower(strings.TrimPrefix(to, "."))
	if o, ok := containerForms[name]; ok {
		return o, nil
	}
	for _, other := range otherForms {
		if slices.Contains(other.names, name) {
			return pki.ConvertOptions{}, usage("there is no form "+to+" to convert to: "+other.why, other.fix)
		}
	}
	return pki.ConvertOptions{}, usage("there is no form "+to, "pem, der or pfx; pkcs8 for the private key alone")
}
