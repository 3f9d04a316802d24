package install_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/sdk"
)

var (
	first  = "sha256:" + strings.Repeat("a", 64)
	second = "sha256:" + strings.Repeat("b", 64)
)

// twoVersions is an installed.json with 1.1.0 in use, and 1.0.0 before that.
var twoVersions = map[string]any{"version": 1, "plugins": map[string]any{"acme/echo": map[string]any{
	"current": second, "previous": first, "versions": map[string]any{
		first:  map[string]any{"version": "1.0.0", "kinds": []string{"engine"}, "locked": map[string]any{"version": "1.0.0", "source": "main"}},
		second: map[string]any{"version": "1.1.0", "kinds": []string{"engine"}, "locked": map[string]any{"version": "1.1.0", "source": "main"}},
	}}}}

// homeWith is a home folder with that installed.json.
func homeWith(t *testing.T, book any) string {
	t.Helper()
	home := t.TempDir()
	data, err := json.Marshal(book)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(home, install.BookFile), string(data))
	return home
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCurrent(t *testing.T) {
	if all, err := install.Current(t.TempDir()); err != nil || len(all) != 0 {
		t.Errorf("of an empty home: %v, %v", all, err)
	}
	home := homeWith(t, twoVersions)
	all, err := install.Current(home)
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	want := install.Folder{Name: "echo", FullName: "acme/echo", Version: "1.1.0", Digest: second,
		Dir: filepath.Join(home, "plugins", "store", strings.Repeat("b", 64))}
	if all[0] != want {
		t.Errorf("%+v, want %+v", all[0], want)
	}
}

func TestCurrentOfABadBook(t *testing.T) {
	for name, text := range map[string]string{
		"torn":          `{"version":1,"plugins":{"acme/e`,
		"another form":  `{"version":2}`,
		"no such tree":  `{"version":1,"plugins":{"acme/echo":{"current":"` + first + `","versions":{}}}}`,
		"way out":       `{"version":1,"plugins":{"acme/echo":{"current":"sha256:../../x","versions":{"sha256:../../x":{}}}}}`,
		"name as a way": `{"version":1,"plugins":{"../echo":{"current":"` + first + `","versions":{"` + first + `":{}}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			write(t, filepath.Join(home, install.BookFile), text)
			if all, err := install.Current(home); sdk.CodeOf(err) != sdk.CodeInvalid || !strings.Contains(err.Error(), "installed.json") {
				t.Errorf("%v, %v", all, err)
			}
		})
	}
}

func TestRefuse(t *testing.T) {
	home := homeWith(t, twoVersions)
	if _, err := install.Refuse(context.Background(), home, "echo", first, "no"); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Errorf("of one that is not current: %v", err)
	}
	back, err := install.Refuse(context.Background(), home, "acme/echo", second, "it crashed")
	if err != nil || back.Digest != first || back.Version != "1.0.0" {
		t.Fatalf("%+v, %v", back, err)
	}
	if all, err := install.Current(home); err != nil || all[0] != back {
		t.Errorf("then %v, %v", all, err)
	}
	if lock, err := install.ReadLock(home); err != nil || lock.Plugins["acme/echo"].Version != "1.0.0" {
		t.Errorf("locked is %+v, %v", lock, err)
	}
	if _, err := install.Refuse(context.Background(), home, "echo", first, "it crashed too"); sdk.CodeOf(err) != sdk.CodeNotFound {
		t.Errorf("of the last one: %v", err)
	}
	text, _ := os.ReadFile(filepath.Join(home, install.BookFile))
	for _, reason := range []string{"it crashed", "it crashed too"} {
		if !strings.Contains(string(text), `"`+reason+`"`) {
			t.Errorf("%q is not noted in %s", reason, text)
		}
	}
}

// TestProve: what a server ran is what a refusal goes back to, also past one that
// nobody tried.
func TestProve(t *testing.T) {
	ctx, home := context.Background(), homeWith(t, twoVersions)
	if err := install.Prove(ctx, home, "echo", first); err != nil {
		t.Fatal(err)
	}
	if all, err := install.Proven(home); err != nil || len(all) != 0 {
		t.Errorf("of one that is not current: %v, %v", all, err)
	}
	if err := install.Prove(ctx, home, "echo", second); err != nil {
		t.Fatal(err)
	}
	if all, err := install.Proven(home); err != nil || len(all) != 1 || all[0].Digest != second {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := install.Refuse(ctx, home, "echo", second, "its settings are another plugin's"); sdk.CodeOf(err) != sdk.CodeNotFound {
		t.Errorf("of one that came up before: %v", err)
	}
	if all, err := install.Current(home); err != nil || all[0].Digest != second {
		t.Errorf("then %v, %v", all, err)
	}
}
