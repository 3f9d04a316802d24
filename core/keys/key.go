package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	prefix   = "eb-"
	idPrefix = "key_"
	// length is that of a key: the prefix and 40 letters and digits of 5 bits each.
	length = len(prefix) + 40
)

// A Key is what is known of a key without knowing it.
type Key struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Hash        string    `json:"sha256,omitempty"` // of the whole key, in hexadecimal
	Last4       string    `json:"last4"`            // its last characters, for people to tell it by
	Created     time.Time `json:"created"`
	Expires     time.Time `json:"expires,omitzero"`
	RPM         int       `json:"rpm,omitempty"`         // requests a minute; 0 is no limit
	Concurrency int       `json:"concurrency,omitempty"` // requests at once; 0 is no limit
	Admin       bool      `json:"admin,omitempty"`       // sees the conversations of all keys
	LastUsed    time.Time `json:"last_used,omitzero"`    // up to a minute late
}

// Expired says whether the key's time is over.
func (k Key) Expired(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Create makes a key of k's name, expiry, limits and Admin, and writes down all but the
// secret, which is told this once. The name must be new.
func Create(file string, k Key) (made Key, secret string, err error) {
	if !name.MatchString(k.Name) || strings.HasPrefix(k.Name, idPrefix) {
		return Key{}, "", fmt.Errorf("a key cannot be named %.80q: use up to 64 letters, digits, '.', '_' and '-', and not %s at the start", k.Name, idPrefix)
	}
	secret = prefix + random(40)
	k.ID, k.Last4, k.Created = idPrefix+random(8), secret[length-4:], time.Now().UTC().Truncate(time.Second)
	k.Hash = fmt.Sprintf("%x", sha256.Sum256([]byte(secret)))
	err = edit(file, func(all []Key) ([]Key, error) {
		if i := index(all, k.Name); i >= 0 {
			return nil, fmt.Errorf("there is a key named %s already (%s, …%s); choose another name, or revoke it with: enginebay key revoke %s", k.Name, all[i].ID, all[i].Last4, k.Name)
		}
		return append(all, k), nil
	})
	return k, secret, err
}

// random is that many letters and digits of 5 random bits each.
func random(n int) string { return strings.ToLower(rand.Text() + rand.Text())[:n] }

// Revoke removes the key of that name or id.
func Revoke(file, nameOrID string) (Key, error) {
	var gone Key
	err := edit(file, func(all []Key) ([]Key, error) {
		i := index(all, nameOrID)
		if i < 0 {
			return nil, fmt.Errorf("there is no key %.80q; enginebay key list shows those that there are", nameOrID)
		}
		gone = all[i]
		return slices.Delete(all, i, i+1), nil
	})
	return gone, err
}

// List is all keys in the order in which they were made.
func List(file string) ([]Key, error) { return read(file) }

func index(all []Key, nameOrID string) int {
	return slices.IndexFunc(all, func(k Key) bool { return k.Name == nameOrID || k.ID == nameOrID })
}

// sum is the hash as bytes.
func (k Key) sum() (sum [sha256.Size]byte, err error) {
	b, err := hex.DecodeString(k.Hash)
	if err != nil || len(b) != len(sum) {
		return sum, fmt.Errorf("the key %.80q has no SHA-256", k.Name)
	}
	return [sha256.Size]byte(b), nil
}
