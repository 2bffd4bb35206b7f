package tui

import (
	"strings"
	"time"

	"dpslab/workflow"
)

// thumbprints of scenes: as long as real ones, different in every digit.
func scenePrints(c string) (sha1, sha256 string) {
	return strings.Repeat(c+"A1B2C3D4E", 4), strings.Repeat(c+"F0E1D2C", 8)
}

func sceneElement(role, cn, issuer string, depth int, days int) workflow.ChainElement {
	e := workflow.ChainElement{
		Role: role, Subject: "CN=" + cn, Issuer: "CN=" + issuer, Key: "EC P-256", Depth: depth, Position: 1,
		NotAfter: noon.Add(time.Duration(days)*24*time.Hour + time.Hour),
		PEM:      "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
		File:     "/home/ada/.local/share/dpslab/authorities/dpslab-ca/certs/azure-iot-test-only." + strings.ReplaceAll(role, " ", ".") + ".cert.pem",
	}
	e.SHA1, e.SHA256 = scenePrints(string(rune('0' + depth)))
	e.Text = "Certificate:\n    Data:\n        Version: 3 (0x2)\n        Serial Number:\n            5c:11:9d:3f:77:20:41:aa\n        Signature Algorithm: ecdsa-with-SHA256\n        Issuer: CN = " + issuer +
		"\n        Validity\n            Not Before: Mar  1 11:00:00 2026 GMT\n            Not After : Mar 31 12:00:00 2026 GMT\n        Subject: CN = " + cn +
		"\n        X509v3 extensions:\n            X509v3 Basic Constraints: critical\n                CA:FALSE\n            X509v3 Key Usage: critical\n                Digital Signature\n            X509v3 Extended Key Usage:\n                TLS Web Client Authentication\n" +
		strings.Repeat("            00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22\n", 12)
	return e
}

func goodChain() workflow.ChainView {
	v := workflow.ChainView{Device: "my-x509-device", Source: "chain", Enrollment: "group line-3", Complete: true}
	root := sceneElement("root CA", "dpslab-ca root CA 5e81a0c2", "dpslab-ca root CA 5e81a0c2", 0, 3649)
	middle := sceneElement("intermediate CA", "dpslab-ca intermediate CA 5e81a0c2", "dpslab-ca root CA 5e81a0c2", 1, 3649)
	device := sceneElement("device", "my-x509-device", "dpslab-ca intermediate CA 5e81a0c2", 2, 29)
	root.Sent, middle.Sent, device.Sent = 3, 2, 1
	root.Held, root.Verified, middle.Named, device.AtHub = "dpslab-ca", true, true, true
	v.Elements = []workflow.ChainElement{root, middle, device}
	v.Sent = workflow.ChainSent{Known: true, At: noon, Operation: "send event", Count: 3}
	v.Findings = []workflow.ChainFinding{
		{Rule: "F13", Severity: "info", Element: -1, Observed: "my-x509-device-full-chain.cert.pem ends with the root CA, which is harmless, and needed when only the root is verified at DPS"},
	}
	return v
}

func brokenChain() workflow.ChainView {
	v := goodChain()
	v.Elements[2].Sent, v.Elements[2].AtHub = 0, false
	old := workflow.ChainElement{Role: "another certificate", Outside: true, Sent: 1, AtHub: true, Subject: "CN=my-x509-device", Issuer: "CN=dpslab-ca intermediate CA 5e81a0c2", NotAfter: noon.Add(-time.Hour)}
	old.SHA1, old.SHA256 = scenePrints("9")
	v.Elements = append(v.Elements, old)
	v.Breaks = []workflow.ChainBreak{
		{Element: 2, Rule: "R02", Text: "the device sent another certificate than the one on disk now", Fix: "Run the step \"registration\" again: it sends the certificate that is on disk now."},
		{Element: 3, Rule: "H01", Text: "IoT Hub still expects this one and refuses the one on disk", Fix: "Run the step \"registration\" again: DPS tells the hub the new thumbprint."},
	}
	v.Findings = append([]workflow.ChainFinding{{Rule: "F16", Severity: "warning", Element: -1, Observed: "/home/ada/my-x509-device.key.pem holds a private key and has mode 0644: others can read it", Fix: "chmod 600 /home/ada/my-x509-device.key.pem"}}, v.Findings...)
	return v
}

// chainOf opens the chain screen over a bench with what was read.
func chainOf(v workflow.ChainView, err error, keys ...string) func(*app) {
	return func(a *app) {
		bench(nil, 0)(a)
		press(a, "x")
		a.update(chainMsg{read: a.reads, view: v, err: err, at: noon})
		a.follow()
		press(a, keys...)
	}
}

func chainScenes() []scene {
	hostile := brokenChain()
	hostile.Elements[2].Subject = "CN=温度センサー\x1b[2J,O=\u202eevil"
	hostile.Elements[2].Text = "Certificate:\n\x1b]0;owned\x07" + strings.Repeat("長い", 90)
	hostile.Breaks[0].Text = strings.Repeat("証明書が違います", 20)
	return []scene{
		{"chain-reading", func(a *app) { bench(nil, 0)(a); press(a, "x") }},
		{"chain-empty", chainOf(workflow.ChainView{Device: "my-x509-device"}, nil)},
		{"chain-without", chainOf(workflow.ChainView{Device: "my-x509-device", Instead: "symmetric key"}, nil)},
		{"chain", chainOf(goodChain(), nil)},
		{"chain-broken", chainOf(brokenChain(), nil)},
		{"chain-outside", chainOf(brokenChain(), nil, "down")},
		{"chain-text", chainOf(goodChain(), nil, "enter", "pgdown")},
		{"chain-error", chainOf(workflow.ChainView{}, &workflow.Problem{
			Kind: workflow.LocalFile, Op: "read the state of my-x509-device", Summary: "open /home/ada/.local/state/dpslab/my-x509-device.toml: permission denied",
			Fix: "Make yourself its owner, with the right to read and write it and its folder, then try again; dpslab paths lists the folders.",
		})},
		{"chain-hostile", chainOf(hostile, nil, "enter")},
	}
}
