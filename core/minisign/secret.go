package minisign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"
)

// A SecretKey signs. It prints itself as its public key.
type SecretKey struct {
	id  [8]byte
	key ed25519.PrivateKey
}

// GenerateKey makes a key.
func GenerateKey() (SecretKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	k := SecretKey{key: key}
	_, _ = rand.Read(k.id[:]) // never fails
	return k, err
}

// Public is the key that others check signatures with.
func (k SecretKey) Public() PublicKey {
	p := PublicKey{id: k.id}
	copy(p.key[:], k.key.Public().(ed25519.PublicKey))
	return p
}

func (k SecretKey) String() string   { return "secret key of " + k.Public().String() }
func (k SecretKey) GoString() string { return k.String() }

// The file of a secret key, after its mark: how it is encrypted, how it is summed
// up, and for scrypt a salt and what it may cost; then what may be encrypted.
const (
	encrypted = "Sc"
	plain     = "\x00\x00"
	summed    = "B2"

	saltSize  = 32
	innerSize = 8 + ed25519.PrivateKeySize + blake2b.Size256
	outerSize = 2 + 2 + saltSize + 8 + 8 + innerSize
)

// What scrypt costs for our keys: 128 MiB and half a second (N = 2^17, r = 8, p = 1,
// what OWASP advises). The program minisign takes 1 GiB, which small machines have
// not; it reads what the file says. Tests spend less.
var (
	opsLimit uint64 = 1 << 22
	memLimit uint64 = 1 << 27
)

// ErrPassword is the error of a secret key whose password is another.
var ErrPassword = errors.New("the password is wrong")

// File is the text of a file with the key in it, encrypted by a password; as it is
// where that is empty.
func (k SecretKey) File(password string) ([]byte, error) {
	inner := bytes.Join([][]byte{k.id[:], k.key, make([]byte, blake2b.Size256)}, nil)
	how, comment, limits := plain, "minisign unencrypted secret key", [2]uint64{}
	salt := make([]byte, saltSize)
	if password != "" {
		copy(inner[innerSize-blake2b.Size256:], k.sum())
		_, _ = rand.Read(salt) // never fails
		how, comment, limits = encrypted, "minisign encrypted secret key", [2]uint64{opsLimit, memLimit}
		if err := crypt(inner, password, salt, opsLimit, memLimit); err != nil {
			return nil, err
		}
	}
	data := append([]byte(keyMark+how+summed), salt...)
	data = binary.LittleEndian.AppendUint64(data, limits[0])
	data = binary.LittleEndian.AppendUint64(data, limits[1])
	return fmt.Appendf(nil, "%s%s\n%s\n", untrusted, comment, base64.StdEncoding.EncodeToString(append(data, inner...))), nil
}

// ParseSecretKey reads the text of a secret key's file. password is asked where the
// key is encrypted. [ErrPassword]: it is not the one.
func ParseSecretKey(text []byte, password func() (string, error)) (SecretKey, error) {
	lines := lines(string(text))
	if len(lines) != 2 || !strings.HasPrefix(lines[0], untrusted) {
		return SecretKey{}, errors.New("this is no secret key of minisign")
	}
	data, err := decode(lines[1], keyMark, outerSize)
	if err != nil {
		return SecretKey{}, fmt.Errorf("this is no secret key: %w", err)
	}
	how, sum, salt, inner := string(data[:2]), string(data[2:4]), data[4:4+saltSize], data[outerSize-innerSize:]
	if sum != summed || how != plain && how != encrypted {
		return SecretKey{}, errors.New("this secret key is of a kind that is not known; make one with: enginebay plugin key new NAME")
	}
	if how == encrypted {
		given, err := password()
		if err != nil {
			return SecretKey{}, err
		}
		limits := data[4+saltSize:]
		if err := crypt(inner, given, salt, binary.LittleEndian.Uint64(limits), binary.LittleEndian.Uint64(limits[8:])); err != nil {
			return SecretKey{}, err
		}
	}
	k := SecretKey{key: ed25519.PrivateKey(bytes.Clone(inner[8 : 8+ed25519.PrivateKeySize]))}
	copy(k.id[:], inner)
	if how == encrypted && subtle.ConstantTimeCompare(k.sum(), inner[innerSize-blake2b.Size256:]) != 1 {
		return SecretKey{}, ErrPassword
	}
	if !k.key.Equal(ed25519.NewKeyFromSeed(k.key.Seed())) { // a plain one has no sum
		return SecretKey{}, errors.New("the secret key is damaged")
	}
	return k, nil
}

// sum is what tells a right password from a wrong one.
func (k SecretKey) sum() []byte {
	sum := blake2b.Sum256(bytes.Join([][]byte{[]byte(keyMark), k.id[:], k.key}, nil))
	return sum[:]
}

// crypt encrypts and decrypts data, in place.
func crypt(data []byte, password string, salt []byte, ops, mem uint64) error {
	n, r, p, err := cost(ops, mem)
	if err != nil {
		return err
	}
	stream, err := scrypt.Key([]byte(password), salt, n, r, p, len(data))
	if err != nil {
		return err
	}
	subtle.XORBytes(data, data, stream)
	return nil
}

// cost are the parameters of scrypt that libsodium chooses within limits of work and
// memory (crypto_pwhash_scryptsalsa208sha256, pickparams).
func cost(ops, mem uint64) (n, r, p int, err error) {
	if mem > 1<<31 || ops > 1<<32 {
		return 0, 0, 0, errors.New("the secret key wants more memory or time than a key may")
	}
	ops = max(ops, 32768)
	r = 8
	most := mem / 1024
	if ops < mem/32 {
		most = ops / 32
	}
	for n = 2; uint64(n) <= most/2; n *= 2 {
	}
	p = 1
	if ops >= mem/32 {
		p = max(int(ops/4/uint64(n))/r, 1)
	}
	return n, r, p, nil
}
