package minisign

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/blake2b"
)

// A Signature is one that was read, not checked.
type Signature struct {
	id      [8]byte
	sig     [ed25519.SignatureSize]byte
	comment string
	global  [ed25519.SignatureSize]byte
}

// ErrOtherKey is the error of a signature by a key that is not the asked one.
var ErrOtherKey = errors.New("it is signed by another key")

// ParseSignature reads the text of a signature file.
func ParseSignature(text []byte) (Signature, error) {
	var s Signature
	lines := lines(string(text))
	if len(lines) != 4 || !strings.HasPrefix(lines[0], untrusted) || !strings.HasPrefix(lines[2], trusted) {
		return s, errors.New("this is no signature of minisign")
	}
	data, err := decode(lines[1], hashMark, len(s.id)+len(s.sig))
	if err != nil {
		return s, fmt.Errorf("this is no signature: %w", err)
	}
	copy(s.id[:], data)
	copy(s.sig[:], data[len(s.id):])
	s.comment = strings.TrimPrefix(lines[2], trusted)
	if err := oneLine(s.comment); err != nil {
		return s, err
	}
	global, err := decode(lines[3], "", len(s.global))
	if err != nil {
		return s, fmt.Errorf("this is no signature: %w", err)
	}
	copy(s.global[:], global)
	return s, nil
}

// KeyID is the id of the key that the signature says it is of.
func (s Signature) KeyID() string { return idOf(s.id) }

// Claim is the key that a signature's file says it is of. Nobody vouches for that;
// [PublicKey.Verify] tells whether it is true. ok is false where it names none, as
// signatures of other programs do.
func Claim(signature []byte) (key PublicKey, ok bool) {
	first := lines(string(signature))[0]
	key, err := ParsePublicKey(first[strings.LastIndexByte(first, ' ')+1:])
	return key, err == nil
}

// Verify checks a signature over a message and returns the comment that was signed
// with it. [ErrOtherKey]: the signature is of another key.
func (k PublicKey) Verify(message, signature []byte) (comment string, err error) {
	s, err := ParseSignature(signature)
	if err != nil {
		return "", err
	}
	if s.id != k.id {
		return "", fmt.Errorf("%w: %s, and not %s", ErrOtherKey, s.KeyID(), k.ID())
	}
	hash := blake2b.Sum512(message)
	if !ed25519.Verify(k.key[:], hash[:], s.sig[:]) {
		return "", errors.New("the signature is wrong: what was signed has changed, or was signed by another key")
	}
	if !ed25519.Verify(k.key[:], append(s.sig[:], s.comment...), s.global[:]) {
		return "", errors.New("the comment of the signature has changed since it was signed")
	}
	return s.comment, nil
}

// Sign signs a message, and a comment of one line with it. The other comment, which is
// not signed, has the public key: so that somebody who does not know it can be shown
// what he would have to trust.
func (k SecretKey) Sign(message []byte, comment string) ([]byte, error) {
	if err := oneLine(comment); err != nil {
		return nil, err
	}
	hash := blake2b.Sum512(message)
	sig := ed25519.Sign(k.key, hash[:])
	global := ed25519.Sign(k.key, append(append([]byte{}, sig...), comment...))
	id := k.Public().id
	first := append(append([]byte(hashMark), id[:]...), sig...)
	return fmt.Appendf(nil, "%ssignature by key %s\n%s\n%s%s\n%s\n", untrusted, k.Public(),
		base64.StdEncoding.EncodeToString(first), trusted, comment, base64.StdEncoding.EncodeToString(global)), nil
}

func oneLine(comment string) error {
	if !utf8.ValidString(comment) || len(comment) > 1000 || strings.ContainsFunc(comment, unicode.IsControl) {
		return errors.New("the comment of a signature is one short line of text")
	}
	return nil
}
