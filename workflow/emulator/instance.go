package emulator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Names of the one DPS instance that a lab holds.
const (
	instanceName   = "dpslab-dps"
	resourceGroup  = "dpslab"
	apimName       = "dpslab-apim"
	location       = "westeurope"
	ownerPolicy    = "provisioningserviceowner"
	hubOwnerPolicy = "iothubowner"
)

// Rights of a policy of a DPS instance, as Resource Manager spells them.
const (
	rightConfig            = "ServiceConfig"
	rightDeviceConnect     = "DeviceConnect"
	rightEnrollmentRead    = "EnrollmentRead"
	rightEnrollmentWrite   = "EnrollmentWrite"
	rightRegistrationRead  = "RegistrationStatusRead"
	rightRegistrationWrite = "RegistrationStatusWrite"
)

// instance is the DPS instance with its linked hubs. It is made once for a
// store. Its keys are what a subscription's owner may know: they stay in the
// database, whose file only the owner can read.
type instance struct {
	IDScope         string            `json:"id_scope"`
	Name            string            `json:"name"`
	SubscriptionID  string            `json:"subscription_id"`
	TenantID        string            `json:"tenant_id"`
	ResourceGroup   string            `json:"resource_group"`
	Policies        []policy          `json:"policies"`
	Hubs            []linkedHub       `json:"hubs"`
	Allocation      string            `json:"allocation,omitempty"` // default policy, as the data plane spells it; empty: hashed
	Tags            map[string]string `json:"tags,omitempty"`
	Revision        uint64            `json:"revision,omitempty"` // becomes the etag
	ManagementToken string            `json:"management_token"`
	Created         time.Time         `json:"created"`
	Updated         time.Time         `json:"updated"` // zero: never
}

// policy is a shared access policy.
type policy struct {
	Name         string   `json:"name"`
	PrimaryKey   string   `json:"primary_key"`
	SecondaryKey string   `json:"secondary_key"`
	Rights       []string `json:"rights"`
}

// linkedHub is an IoT hub of the lab, and its link to the DPS instance.
type linkedHub struct {
	Host   string `json:"host"`
	Policy policy `json:"policy"`
	Weight uint64 `json:"weight"` // allocationWeight, 1 to 1000
	Apply  bool   `json:"apply"`  // applyAllocationPolicy
	// Unlinked hubs are in the lab and no longer known to DPS.
	Unlinked bool `json:"unlinked,omitempty"`
	// LinkKey is the hub's key as DPS was told it. Empty means the present one.
	LinkKey string `json:"link_key,omitempty"`
}

// stale reports whether DPS holds a key that the hub does not accept.
func (h *linkedHub) stale() bool {
	return h.LinkKey != "" && h.LinkKey != h.Policy.PrimaryKey && h.LinkKey != h.Policy.SecondaryKey
}

func (i *instance) serviceHost() string { return i.Name + instanceSuffix }

// instance is the DPS instance and its hubs as they stand. Nobody changes what
// it returns: changeInstance puts another in its place.
func (l *Lab) instance() *instance { return l.current.Load() }

// changeInstance writes a changed instance and puts it in place once it is on
// disk. change gets a copy.
func (l *Lab) changeInstance(change func(*instance) error) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	next := *l.instance()
	next.Hubs, next.Policies = slices.Clone(next.Hubs), slices.Clone(next.Policies)
	if err := change(&next); err != nil {
		return err
	}
	next.Updated = time.Now().UTC()
	if err := l.store.update(func(t *tx) error { return put(t, bucketLab, instanceKey, &next) }); err != nil {
		return err
	}
	l.current.Store(&next)
	return nil
}

// linked are the hubs that DPS knows.
func (i *instance) linked() []*linkedHub {
	var all []*linkedHub
	for n := range i.Hubs {
		if !i.Hubs[n].Unlinked {
			all = append(all, &i.Hubs[n])
		}
	}
	return all
}

// link finds a hub that DPS knows; nil when there is none.
func (i *instance) link(host string) *linkedHub {
	if h := i.hub(host); h != nil && !h.Unlinked {
		return h
	}
	return nil
}

// hub finds a hub of the lab by host name, linked or not; nil when there is
// none.
func (i *instance) hub(host string) *linkedHub {
	for n := range i.Hubs {
		if strings.EqualFold(i.Hubs[n].Host, host) {
			return &i.Hubs[n]
		}
	}
	return nil
}

// instanceKey is where the instance lies in bucketLab.
const instanceKey = "instance"

// loadInstance reads the instance of a store, or makes it.
func loadInstance(s *store, o Options) (*instance, error) {
	var have *instance
	err := s.view(func(t *tx) (err error) {
		have, err = get[instance](t, bucketLab, instanceKey)
		return err
	})
	if err != nil {
		return nil, err
	}
	if have != nil {
		if !have.addHubs(o.Hubs) {
			return have, nil
		}
		return have, s.update(func(t *tx) error { return put(t, bucketLab, instanceKey, have) })
	}
	made, err := newInstance(o, time.Now())
	if err != nil {
		return nil, err
	}
	return made, s.update(func(t *tx) error { return put(t, bucketLab, instanceKey, made) })
}

func newInstance(o Options, now time.Time) (*instance, error) {
	i := &instance{
		IDScope: "0ne00" + strings.ToUpper(randomHex(3)), Name: instanceName,
		SubscriptionID: uuid.NewString(), TenantID: uuid.NewString(), ResourceGroup: resourceGroup,
		Policies: []policy{newPolicy(
			ownerPolicy, rightConfig, rightDeviceConnect, rightEnrollmentRead, rightEnrollmentWrite, rightRegistrationRead, rightRegistrationWrite,
		)},
		Created: now.UTC(),
	}
	i.addHubs(o.Hubs)
	var err error
	i.ManagementToken, err = newManagementToken(i.TenantID, now)
	return i, err
}

// addHubs makes and links the hubs of these names that are not there yet.
func (i *instance) addHubs(names []string) (added bool) {
	for _, name := range names {
		if i.hub(name+hubSuffix) != nil {
			continue
		}
		added = true
		i.Hubs = append(i.Hubs, linkedHub{
			Host: name + hubSuffix, Weight: 1, Apply: true,
			Policy: newPolicy(hubOwnerPolicy, "RegistryWrite", "ServiceConnect", "DeviceConnect"),
		})
	}
	return added
}

// randomBytes are cryptographic; crypto/rand ends the process rather than fail.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func randomHex(n int) string { return fmt.Sprintf("%x", randomBytes(n)) }

func newPolicy(name string, rights ...string) policy {
	return policy{Name: name, PrimaryKey: newKey(), SecondaryKey: newKey(), Rights: rights}
}

// newKey is a symmetric key as the services make them: base64 of 64 bytes.
func newKey() string { return base64.StdEncoding.EncodeToString(randomBytes(64)) }

// newManagementToken makes a bearer token in the form of a JSON Web Token with
// the tenant in it: Azure's tools look inside. It is signed with a key that is
// forgotten at once, since the lab compares the whole text.
func newManagementToken(tenant string, now time.Time) (string, error) {
	segment := func(v any) (string, error) {
		raw, err := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(raw), err
	}
	header, err := segment(map[string]string{"alg": "HS256", "typ": "JWT"})
	if err != nil {
		return "", fmt.Errorf("making the management token: %w", err)
	}
	claims, err := segment(map[string]any{
		"aud": "https://management.azure.com/", "iss": "https://sts.windows.net/" + tenant + "/", "tid": tenant,
		"oid": uuid.NewString(), "sub": "dpslab", "name": "dpslab lab", "ver": "1.0",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.AddDate(10, 0, 0).Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("making the management token: %w", err)
	}
	mac := hmac.New(sha256.New, randomBytes(32))
	mac.Write([]byte(header + "." + claims))
	return header + "." + claims + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}
