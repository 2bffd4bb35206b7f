package emulator

import (
	"bytes"
	"crypto/aes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

// softTPM is as much of a TPM 2.0 as a device needs at DPS, written from the
// other side: what the lab makes, this takes apart and checks. The lab's blobs
// were also activated, imported, loaded and signed with by the reference
// implementation of TPM 2.0, which needs a C compiler and so is not run here.
type softTPM struct {
	endorsement, storage *rsa.PrivateKey
}

// tpmTemplate is the public area of the default RSA 2048 templates up to the
// modulus: of the EK (TCG EK Credential Profile, template L-1) and of the SRK.
var (
	ekPolicy, _  = base64.StdEncoding.DecodeString("g3GXZ0SEs/gakMyNRqXXJP1S124GUgtk8qHaGzMUaao=")
	ekAttributes = uint32(0x000300B2)
	srkAttribute = uint32(0x00030472)
)

func newSoftTPM(t testing.TB) *softTPM {
	t.Helper()
	var keys [2]*rsa.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Fatal(err)
		}
	}
	return &softTPM{keys[0], keys[1]}
}

func publicArea(k *rsa.PublicKey, attributes uint32, policy []byte) []byte {
	return joined(
		tpmU16(tpmAlgRSA), tpmU16(tpmAlgSHA256), binary.BigEndian.AppendUint32(nil, attributes), tpmSized(policy),
		tpmU16(tpmAlgAES), tpmU16(128), tpmU16(tpmAlgCFB), tpmU16(tpmAlgNull),
		tpmU16(2048), make([]byte, 4), tpmSized(k.N.FillBytes(make([]byte, 256))),
	)
}

func (s *softTPM) ek() string {
	return base64.StdEncoding.EncodeToString(tpmSized(publicArea(&s.endorsement.PublicKey, ekAttributes, ekPolicy)))
}

func (s *softTPM) srk() string {
	return base64.StdEncoding.EncodeToString(tpmSized(s.srkArea()))
}

func (s *softTPM) srkArea() []byte { return publicArea(&s.storage.PublicKey, srkAttribute, nil) }

// decryptCFB undoes what a TPM encrypted: the feedback is the cipher text.
func decryptCFB(t testing.TB, key, text []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	var plain []byte
	feedback := make([]byte, aes.BlockSize)
	for len(text) > 0 {
		n := min(len(text), aes.BlockSize)
		stream := make([]byte, aes.BlockSize)
		block.Encrypt(stream, feedback)
		for i := range n {
			plain = append(plain, text[i]^stream[i])
		}
		copy(feedback, text[:n])
		text = text[n:]
	}
	return plain
}

// unprotect takes the outer wrapper off and checks its integrity.
func unprotect(t testing.TB, key *rsa.PrivateKey, purpose string, wrapped, seed, name []byte) []byte {
	t.Helper()
	secret, err := rsa.DecryptOAEP(sha256.New(), nil, key, seed, []byte(purpose+"\x00"))
	if err != nil {
		t.Fatal(err)
	}
	kdf := func(label string, context []byte, bits int) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte{0, 0, 0, 1})
		mac.Write([]byte(label + "\x00"))
		mac.Write(context)
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(bits)))
		return mac.Sum(nil)[:bits/8]
	}
	r := &tpmReader{rest: wrapped}
	want := r.sized()
	mac := hmac.New(sha256.New, kdf("INTEGRITY", nil, 256))
	mac.Write(r.rest)
	mac.Write(name)
	if !hmac.Equal(want, mac.Sum(nil)) {
		t.Fatal("the integrity of the outer wrapper does not hold")
	}
	return decryptCFB(t, kdf("STORAGE", name, 128), r.rest)
}

// activate gives the HMAC key of a blob, as ActivateCredential and Import do.
func (s *softTPM) activate(t testing.TB, blob string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		t.Fatal(err)
	}
	r := &tpmReader{rest: raw}
	credential, credentialSeed, duplicate, duplicateSeed, area, note := r.sized(), r.sized(), r.sized(), r.sized(), r.sized(), r.sized()
	if r.bad || len(r.rest) > 0 {
		t.Fatal("the blob has another shape")
	}
	inner := (&tpmReader{rest: unprotect(t, s.endorsement, "IDENTITY", credential, credentialSeed, tpmName(s.srkArea()))}).sized()
	if len(inner) != 16 {
		t.Fatalf("the inner key has %d bytes", len(inner))
	}
	name := tpmName(area)
	plain := &tpmReader{rest: decryptCFB(t, inner, unprotect(t, s.storage, "DUPLICATE", duplicate, duplicateSeed, name))}
	integrity := plain.sized()
	if sum := sha256.Sum256(joined(plain.rest, name)); !bytes.Equal(sum[:], integrity) {
		t.Fatal("the integrity of the inner wrapper does not hold")
	}
	sensitive := &tpmReader{rest: plain.sized()}
	kind, auth, seed, key := sensitive.u16(), sensitive.sized(), sensitive.sized(), sensitive.sized()
	unique := sha256.Sum256(joined(seed, key))
	if kind != tpmAlgKeyedHash || len(auth) > 0 || !bytes.HasSuffix(area, unique[:]) {
		t.Fatal("the sensitive area does not belong to the public one")
	}
	if text := decryptCFB(t, inner, note); !strings.Contains(string(text), "/registrations/") {
		t.Errorf("note %q", text)
	}
	return key
}

func (l *Lab) enrollTPM(t testing.TB, id, ek, srk string) answer {
	t.Helper()
	e := dps.IndividualEnrollment{RegistrationID: id}
	e.Attestation = dps.AttestationMechanism{Type: "tpm", TPM: &dps.TPMAttestation{EndorsementKey: ek, StorageRootKey: srk}}
	return l.service(t, "PUT", "/enrollments/"+id, jsonText(t, e), "If-Match", "*")
}

func TestTPMRegistration(t *testing.T) {
	t.Parallel()
	l := start(t)
	device, stranger := newSoftTPM(t), newSoftTPM(t)
	if a := l.enrollTPM(t, "d1", device.ek(), ""); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	c := l.as(t, ident{})
	put := func(of *softTPM, headers ...string) answer {
		body := dps.DeviceRegistration{RegistrationID: "d1", TPM: &dps.TPMAttestation{EndorsementKey: of.ek(), StorageRootKey: of.srk()}}
		return c.do(t, "PUT", l.registerURL("d1"), jsonText(t, body), headers...)
	}
	token := func(resource string, key []byte, policy string) string {
		text, err := dps.Token(resource, policy, dps.NewSecret(base64.StdEncoding.EncodeToString(key)), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return text.Reveal()
	}
	wantRefusal(t, put(stranger), 404201, "")
	var challenge struct{ Message, AuthenticationKey, KeyName string }
	first := put(device)
	first.into(t, &challenge)
	if first.status != 401 || challenge.KeyName != "registration" || challenge.Message == "" {
		t.Fatalf("%d %s", first.status, first.body)
	}
	resource := l.ready.IDScope + "/registrations/d1"
	wantRefusal(t, put(device, "Authorization", token(resource, make([]byte, 32), "registration")), 401002, "Unauthorized")
	proof := token(resource, device.activate(t, challenge.AuthenticationKey), "registration")
	var op dps.RegistrationOperationStatus
	begun := put(device, "Authorization", proof)
	begun.into(t, &op)
	if begun.status != 202 {
		t.Fatalf("%d %s", begun.status, begun.body)
	}
	c.do(t, "GET", l.operationURL("d1", op.OperationID), "", "Authorization", proof).into(t, &op)
	if op.Status != "assigned" || op.RegistrationState.TPM == nil || op.RegistrationState.X509 != nil {
		t.Fatalf("%+v", op)
	}
	hubKey := device.activate(t, op.RegistrationState.TPM.AuthenticationKey)
	host := op.RegistrationState.AssignedHub
	events := "https://" + host + "/devices/d1/messages/events?api-version=2020-03-13"
	if a := c.do(t, "POST", events, "{}", "Authorization", token(host+"/devices/d1", hubKey, "")); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	// A new challenge ends the proof of the one before.
	put(device)
	wantRefusal(t, put(device, "Authorization", proof), 401002, "Unauthorized")
}

func TestTPMEnrollmentIsRefused(t *testing.T) {
	t.Parallel()
	l := start(t)
	device := newSoftTPM(t)
	for _, test := range []struct{ name, ek, srk string }{
		{"no key", "", ""},
		{"no base64", "?", ""},
		{"no TPM key", "AAAA", ""},
		{"the root key is none", device.ek(), "AAAA"},
		{"cut short", device.ek()[:120], ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, l.enrollTPM(t, "d1", test.ek, test.srk), 400000, "")
		})
	}
	group := dps.EnrollmentGroup{EnrollmentGroupID: "g"}
	group.Attestation = dps.AttestationMechanism{Type: "tpm", TPM: &dps.TPMAttestation{EndorsementKey: device.ek()}}
	wantRefusal(t, l.service(t, "PUT", "/enrollmentGroups/g", jsonText(t, group)), 400000, "")
}

// A key and its name as the reference implementation of TPM 2.0 made them.
func TestParseTPMKey(t *testing.T) {
	t.Parallel()
	const srk = "ARoAAQALAAMEcgAAAAYAgABDABAIAAAAAAABALVaWjDpOgS78Oh/PLORxYnhlj15B9idC8qh9NEvWLZ7bH4R8dUYTXSDk9szGIU/GFqljBH0v1Y1eOpcrHqnJ54X73SlfNYS4dxTDZIU3w2Z6wbSokUvxQHMbtPgUat9Y0fKq7D4CYJYXDUPPEK4gh9UZ0VkaHZ4Ce0JGrOi+2u6N6j5ZHuYvQgwB4rzjEHgIJ/0UGr17gEe+D7H5fo9GHMSVUNTRBDucw3Shln5oSoCOVqLCJCvgwSXqsPK3X7alLpXb4GjSe00n1N7GXPfv1qiNj1+3Ihsz09X0APxy2vC4QIIWJWN/JZjQHB7gU1yG5nAdT2u5qWx6uBMUBA7bmc="
	key, err := parseTPMKey(srk)
	if err != nil {
		t.Fatal(err)
	}
	if key.public.E != 65537 || key.public.N.BitLen() != 2048 || key.public.N.Cmp(new(big.Int)) <= 0 || !bytes.HasPrefix(key.name, []byte{0, 0x0b}) || len(key.name) != 34 {
		t.Errorf("%+v", key)
	}
}

func FuzzTPMKey(f *testing.F) {
	f.Add("")
	f.Add("AAAA")
	f.Add(base64.StdEncoding.EncodeToString(make([]byte, 400)))
	f.Fuzz(func(t *testing.T, text string) {
		key, err := parseTPMKey(text)
		if err == nil && (key.public.N.Sign() <= 0 || len(key.name) != 34) {
			t.Errorf("%+v", key)
		}
	})
}
