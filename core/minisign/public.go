package minisign

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Marks of what follows, as the format has them.
const (
	keyMark  = "Ed" // of a key
	hashMark = "ED" // of a signature over the BLAKE2b of the message
)

// A PublicKey is what signatures are checked with. Two of the same key are equal.
type PublicKey struct {
	id  [8]byte
	key [ed25519.PublicKeySize]byte
}

// ParsePublicKey reads a key as people pass it on, "RW…", or the text of its file.
func ParsePublicKey(text string) (PublicKey, error) {
	lines := lines(text)
	if len(lines) == 2 && strings.HasPrefix(lines[0], untrusted) {
		lines = lines[1:]
	}
	var k PublicKey
	if len(lines) != 1 {
		return k, errors.New("this is no public key; one is a line that begins with RW")
	}
	data, err := decode(lines[0], keyMark, len(k.id)+len(k.key))
	if err != nil {
		return k, fmt.Errorf("this is no public key: %w", err)
	}
	copy(k.id[:], data)
	copy(k.key[:], data[len(k.id):])
	return k, nil
}

// String is the key as people pass it on: "RW…".
func (k PublicKey) String() string {
	return base64.StdEncoding.EncodeToString(append([]byte(keyMark), append(k.id[:], k.key[:]...)...))
}

// ID is a short name of the key, for people; two keys may be made to have the same.
func (k PublicKey) ID() string { return idOf(k.id) }

// File is the text of a file with the key in it.
func (k PublicKey) File() []byte {
	return []byte(untrusted + "minisign public key " + k.ID() + "\n" + k.String() + "\n")
}

func idOf(id [8]byte) string { return fmt.Sprintf("%016X", binary.LittleEndian.Uint64(id[:])) }

const (
	untrusted = "untrusted comment: "
	trusted   = "trusted comment: "
)

// lines are those of a file of a few lines, however the system ends them.
func lines(text string) []string {
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
}

// decode reads a line of base64 with a mark and so many bytes after it.
func decode(line, mark string, size int) ([]byte, error) {
	data, err := base64.StdEncoding.Strict().DecodeString(line)
	switch {
	case err != nil || len(data) != len(mark)+size:
		return nil, errors.New("it is cut short, or has something in it that does not belong there")
	case string(data[:len(mark)]) != mark:
		return nil, fmt.Errorf("it is of the kind %q, and %q is known", data[:len(mark)], mark)
	}
	return data[len(mark):], nil
}
