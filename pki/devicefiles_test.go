package pki

import "testing"

func TestFileNames(t *testing.T) {
	t.Parallel()
	first := DeviceFiles{Dir: "d", RegistrationID: "press.1"}
	second := DeviceFiles{Dir: "d", RegistrationID: "press.1", Suffix: SecondarySuffix}
	for _, c := range []struct{ what, got, want string }{
		{"secondary certificate", SecondaryName(first.Certificate()), second.Certificate()},
		{"secondary chain", SecondaryName(first.FullChain()), second.FullChain()},
		{"secondary key", SecondaryName(first.Key()), second.Key()},
		{"secondary self-signed", SecondaryName(first.SelfSignedCertificate()), second.SelfSignedCertificate()},
		{"secondary self-signed key", SecondaryName(first.SelfSignedKey()), second.SelfSignedKey()},
		{"secondary of any file", SecondaryName("a.b/c"), "a.b/c-secondary"},
		{"key of a certificate", KeyName(first.Certificate()), first.Key()},
		{"key of a chain", KeyName(second.FullChain()), second.Key()},
		{"key of a self-signed one", KeyName(second.SelfSignedCertificate()), second.SelfSignedKey()},
		{"key of any file", KeyName("ca.pem"), "ca.key.pem"},
		{"certificate of a chain", ChainPair(second.FullChain()), second.Certificate()},
		{"chain of a certificate", ChainPair(first.Certificate()), first.FullChain()},
		{"neither", ChainPair(first.SelfSignedCertificate()), ""},
		{"chain of a chain", FullChainName(first.FullChain()), first.FullChain()},
		{"chain of a file", FullChainName("x/leaf.pem"), "x/leaf-full-chain.cert.pem"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}
