package minisign_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/minisign"
)

const word = "test password"

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	must(t, err)
	return data
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func says(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v; wanted %q", err, want)
	}
}

func password(s string) func() (string, error) { return func() (string, error) { return s, nil } }

// What minisign 0.11 made: keys, one of them encrypted, and signatures.
func TestFilesOfMinisign(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"real", "plain"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			public, err := minisign.ParsePublicKey(string(read(t, name+".pub")))
			must(t, err)
			comment, err := public.Verify(read(t, "message.txt"), read(t, name+".minisig"))
			if err != nil || comment != "made by minisign 0.11" {
				t.Errorf("%q, %v", comment, err)
			}
			secret, err := minisign.ParseSecretKey(read(t, name+".key"), password(word))
			must(t, err)
			if secret.Public() != public {
				t.Errorf("the keys are %s and %s", secret.Public(), public)
			}
			if file := public.File(); !bytes.Equal(file, read(t, name+".pub")) {
				t.Errorf("we write the file otherwise: %s", file)
			}
		})
	}
}

func TestTheOldestKindOfSignatureIsRefused(t *testing.T) {
	t.Parallel()
	public, err := minisign.ParsePublicKey(string(read(t, "plain.pub")))
	must(t, err)
	_, err = public.Verify(read(t, "message.txt"), read(t, "legacy.minisig"))
	says(t, err, `of the kind "Ed"`)
}

func newKey(t testing.TB) minisign.SecretKey {
	t.Helper()
	k, err := minisign.GenerateKey()
	must(t, err)
	return k
}

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	sig, err := k.Sign([]byte("message"), "a comment")
	must(t, err)
	public, err := minisign.ParsePublicKey(k.Public().String())
	must(t, err)
	if comment, err := public.Verify([]byte("message"), sig); err != nil || comment != "a comment" {
		t.Errorf("%q, %v", comment, err)
	}
	_, err = public.Verify([]byte("Message"), sig)
	says(t, err, "what was signed has changed")
	if _, err = newKey(t).Public().Verify([]byte("message"), sig); !errors.Is(err, minisign.ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	for from, to := range map[string]string{"a comment": "b comment", "trusted comment: a": "trusted comment: \x1b", "\n": "\n\n", untrusted: "x"} {
		if _, err := public.Verify([]byte("message"), bytes.Replace(sig, []byte(from), []byte(to), 2)); err == nil {
			t.Errorf("%q for %q is taken", to, from)
		}
	}
	if _, err := k.Sign(nil, "two\nlines"); err == nil {
		t.Error("a comment of two lines")
	}
}

const untrusted = "untrusted comment: "

// Of a signature every bit counts, but for the comment that nobody trusts.
func TestEveryByteOfASignatureCounts(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	sig, err := k.Sign([]byte("message"), "comment")
	must(t, err)
	for i := bytes.IndexByte(sig, '\n') + 1; i < len(sig)-1; i++ {
		changed := bytes.Clone(sig)
		changed[i] ^= 1
		if _, err := k.Public().Verify([]byte("message"), changed); err == nil {
			t.Errorf("byte %d (%q) does not count", i, sig[i])
		}
	}
}

func TestSecretKeyFiles(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	for _, given := range []string{"", word} {
		text, err := k.File(given)
		must(t, err)
		again, err := minisign.ParseSecretKey(text, func() (string, error) {
			if given == "" {
				t.Error("a plain key asks for a password")
			}
			return given, nil
		})
		if err != nil || again.Public() != k.Public() {
			t.Errorf("%q: %v", given, err)
		}
		if _, err = minisign.ParseSecretKey(text, password("other")); (given != "") != errors.Is(err, minisign.ErrPassword) {
			t.Errorf("another password: %v", err)
		}
		for _, bad := range []string{"", "x\ny\n", string(text) + "x\n", strings.Replace(string(text), "RW", "RX", 1), string(text[:len(text)-9])} {
			if _, err := minisign.ParseSecretKey([]byte(bad), password(given)); err == nil {
				t.Errorf("%q is taken", bad)
			}
		}
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); strings.Count(shown, k.Public().String()) != 4 || strings.Contains(shown, "key:") {
		t.Errorf("a secret key shows itself: %s", shown)
	}
}

// The limits that minisign writes by default, and libsodium's choice for them.
func TestCost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ops, mem uint64
		n, r, p  int
	}{{33554432, 1 << 30, 1 << 20, 8, 1}, {1 << 22, 1 << 27, 1 << 17, 8, 1}, {524288, 1 << 24, 1 << 14, 8, 1}, {1 << 20, 1 << 30, 1 << 15, 8, 1}, {0, 0, 2, 8, 512}} {
		if n, r, p, err := minisign.Cost(c.ops, c.mem); err != nil || n != c.n || r != c.r || p != c.p {
			t.Errorf("%d, %d: %d %d %d %v", c.ops, c.mem, n, r, p, err)
		}
	}
	if n, _, _, err := minisign.Cost(minisign.Limits[0], minisign.Limits[1]); err != nil || n != 1<<17 {
		t.Errorf("our own keys cost %d, %v", n, err)
	}
	if _, _, _, err := minisign.Cost(1<<22, 1<<40); err == nil {
		t.Error("a terabyte is taken")
	}
}

func TestBadPublicKeys(t *testing.T) {
	t.Parallel()
	good := newKey(t).Public().String()
	for _, text := range []string{"", "RW", good[1:], good + "x", strings.ToLower(good), "x\n" + good, good + "\n" + good} {
		if _, err := minisign.ParsePublicKey(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// The program itself, where there is one, takes what we make, and we what it makes.
func TestTheProgramMinisign(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("minisign")
	if err != nil {
		t.Skip("the program minisign is not here; what it made is tested by its files")
	}
	dir := t.TempDir()
	k := newKey(t)
	sig, err := k.Sign([]byte("message"), "by us")
	must(t, err)
	for name, make := range map[string]func() ([]byte, error){
		"message": func() ([]byte, error) { return []byte("message"), nil }, "message.minisig": func() ([]byte, error) { return sig, nil },
		"key.pub": func() ([]byte, error) { return k.Public().File(), nil },
		"key":     func() ([]byte, error) { return k.File(word) }, "plain": func() ([]byte, error) { return k.File("") },
	} {
		data, err := make()
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	run := func(args ...string) string {
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(word+"\n")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("minisign %s: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if out := run("-Vm", "message", "-p", "key.pub"); !strings.Contains(out, "Trusted comment: by us") {
		t.Error(out)
	}
	for _, key := range []string{"key", "plain"} {
		run("-Sm", "message", "-s", key, "-x", key+".minisig", "-t", "by it")
		theirs, err := os.ReadFile(filepath.Join(dir, key+".minisig"))
		must(t, err)
		if comment, err := k.Public().Verify([]byte("message"), theirs); err != nil || comment != "by it" {
			t.Errorf("%s: %q, %v", key, comment, err)
		}
	}
}

// A signature of ours says which key it is of, one of minisign does not.
func TestClaim(t *testing.T) {
	t.Parallel()
	key, err := minisign.GenerateKey()
	must(t, err)
	signature, err := key.Sign([]byte("message"), "comment")
	must(t, err)
	if claimed, ok := minisign.Claim(signature); !ok || claimed != key.Public() {
		t.Errorf("%s, %v; wanted %s", claimed, ok, key.Public())
	}
	for _, text := range []string{string(read(t, "real.minisig")), "", "untrusted comment: RW", "\n"} {
		if claimed, ok := minisign.Claim([]byte(text)); ok {
			t.Errorf("%q claims %s", text, claimed)
		}
	}
}
