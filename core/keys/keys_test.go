package keys_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func create(t testing.TB, file string, k keys.Key) (keys.Key, []byte) {
	t.Helper()
	made, secret, err := keys.Create(file, k)
	if err != nil {
		t.Fatal(err)
	}
	return made, []byte(secret)
}

func open(t testing.TB, file string) *keys.Ring {
	t.Helper()
	ring, err := keys.Open(file, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ring.Close)
	return ring
}

// TestAdmin: what a key may see is written down, and the ring knows it.
func TestAdmin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	ring := open(t, file)
	for name, admin := range map[string]bool{"boss": true, "laptop": false} {
		_, secret := create(t, file, keys.Key{Name: name, Admin: admin})
		if e, err := ring.Find(secret, time.Now()); err != nil || e.Admin != admin {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
}

func TestWhatIsWrittenDown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "home", "keys.json")
	made, secret := create(t, file, keys.Key{Name: "laptop", RPM: 60, Expires: time.Now().Add(time.Hour)})
	if !regexp.MustCompile(`^eb-[a-z2-7]{40}$`).Match(secret) {
		t.Errorf("the key is %s", secret)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), string(secret[3:])) || !strings.Contains(string(data), made.Hash) {
		t.Errorf("the file holds the key, or not its hash:\n%s", data)
	}
	for _, name := range []string{file, file + ".lock"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	all, err := keys.List(file)
	if err != nil || len(all) != 1 || all[0].Name != "laptop" || all[0].Last4 != string(secret[len(secret)-4:]) || all[0].RPM != 60 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestNames(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	create(t, file, keys.Key{Name: "taken"})
	for name, says := range map[string]string{
		"taken":                  "there is a key named taken already",
		"":                       "cannot be named",
		"two words":              "cannot be named",
		"line\nbreak":            "cannot be named",
		"-flag":                  "cannot be named",
		"key_abcdefgh":           "not key_ at the start",
		strings.Repeat("x", 65):  "up to 64",
		strings.Repeat("x", 999): "up to 64",
	} {
		if _, _, err := keys.Create(file, keys.Key{Name: name}); err == nil || !strings.Contains(err.Error(), says) || len(err.Error()) > 300 {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	if _, err := keys.Revoke(file, "nobody"); err == nil || !strings.Contains(err.Error(), "enginebay key list") {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	now := time.Now()
	_, good := create(t, file, keys.Key{Name: "good"})
	_, short := create(t, file, keys.Key{Name: "short", Expires: now.Add(time.Hour)})
	ring := open(t, file)
	changed := append([]byte{}, good...)
	changed[20] ^= 1
	for _, test := range []struct {
		name   string
		secret []byte
		at     time.Time
		want   error
	}{
		{"a key", good, now, nil},
		{"one that ends later", short, now.Add(time.Hour - time.Second), nil},
		{"one that has ended", short, now.Add(time.Hour), keys.ErrExpired},
		{"one letter changed", changed, now, keys.ErrUnknown},
		{"one letter missing", good[:len(good)-1], now, keys.ErrUnknown},
		{"one letter more", append(append([]byte{}, good...), 'a'), now, keys.ErrUnknown},
		{"capitals", []byte(strings.ToUpper(string(good))), now, keys.ErrUnknown},
		{"nothing", nil, now, keys.ErrUnknown},
		{"much", make([]byte, 1<<20), now, keys.ErrUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ring.Find(test.secret, test.at); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// TestFollowsTheFile: another process changes it, and it counts at once.
func TestFollowsTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	ring := open(t, file)
	if ring.Len() != 0 {
		t.Fatal("keys without a file")
	}
	for i := range 20 {
		name := fmt.Sprint("k", i)
		made, secret := create(t, file, keys.Key{Name: name})
		if e, err := ring.Find(secret, time.Now()); err != nil || e.Name != name {
			t.Fatalf("a new key: %v", err)
		}
		if _, err := keys.Revoke(file, made.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := ring.Find(secret, time.Now()); !errors.Is(err, keys.ErrNone) || ring.Len() != 0 {
			t.Fatalf("a revoked key: %v", err)
		}
	}
}

func TestBrokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	_, secret := create(t, file, keys.Key{Name: "a"})
	ring := open(t, file)
	for _, broken := range []string{`{`, `{"keys":[{"name":"a","sha256":"00"}]}`, `[]`} {
		if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ring.Find(secret, time.Now()); err != nil {
			t.Errorf("%s: the keys from before do not stay: %v", broken, err)
		}
		if _, err := keys.Open(file, hclog.NewNullLogger()); err == nil {
			t.Errorf("%s is opened", broken)
		}
		if _, _, err := keys.Create(file, keys.Key{Name: "b"}); err == nil {
			t.Errorf("%s is written over", broken)
		}
	}
}

func TestManyWriters(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() { create(t, file, keys.Key{Name: fmt.Sprint("k", i)}) })
	}
	wait.Wait()
	if all, err := keys.List(file); err != nil || len(all) != 16 {
		t.Errorf("%d keys, %v", len(all), err)
	}
}

func TestLastUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	_, secret := create(t, file, keys.Key{Name: "a", Concurrency: 1})
	ring, err := keys.Open(file, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(time.Minute).UTC().Truncate(time.Second)
	e, err := ring.Find(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	e.Enter(at)
	last := at.Add(time.Second)
	if _, err := ring.Find(secret, last); err != nil {
		t.Fatal(err)
	}
	ring.Close()
	if all, err := keys.List(file); err != nil || !all[0].LastUsed.Equal(last) {
		t.Errorf("%+v, %v", all, err)
	}
	again, err := ring.Find(secret, last) // the file has changed, the count has not
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := again.Enter(last); ok {
		t.Error("the count of a key begins again when the file changes")
	}
}

func TestLimits(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	_, secret := create(t, file, keys.Key{Name: "a", RPM: 3, Concurrency: 2})
	now := time.Now()
	e, err := open(t, file).Find(secret, now)
	if err != nil {
		t.Fatal(err)
	}
	enter := func(at time.Time, ok bool, remaining int, retry time.Duration) {
		t.Helper()
		left, got := e.Enter(at)
		if got != ok || left.Limit != 3 || left.Remaining != remaining || !ok && left.Retry.Round(time.Second) != retry {
			t.Errorf("%v, %+v; want %v, %d left, retry in %v", got, left, ok, remaining, retry)
		}
	}
	enter(now, true, 2, 0)
	enter(now, true, 1, 0)
	enter(now, false, 1, time.Second) // two at once
	e.Leave()
	enter(now, true, 0, 0)
	e.Leave()
	enter(now, false, 0, 20*time.Second) // three a minute
	enter(now.Add(20*time.Second), true, 0, 0)
	e.Leave()
	e.Leave()
	if left, ok := e.Enter(now.Add(time.Hour)); !ok || left.Remaining != 2 || left.Reset.Round(time.Second) != 20*time.Second {
		t.Errorf("%+v", left)
	}
}

func BenchmarkFind(b *testing.B) {
	file := filepath.Join(b.TempDir(), "keys.json")
	var secret []byte
	for i := range 100 {
		_, secret = create(b, file, keys.Key{Name: fmt.Sprint("k", i)})
	}
	ring := open(b, file)
	for b.Loop() {
		if _, err := ring.Find(secret, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
