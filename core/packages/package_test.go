package packages_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/packages"
)

func TestSealedAndOpened(t *testing.T) {
	t.Parallel()
	dir := tree(t, thing())
	p := seal(t, dir)
	if p.Name != "me/thing" || len(p.Files) != 5 || p.Files[1].Path != "bin/thing" || !p.Files[1].Executable || p.Files[2].Executable || p.Signature != nil {
		t.Errorf("%+v", p)
	}
	again, err := packages.Open(dir)
	must(t, err)
	if again.Digest != p.Digest || !strings.HasPrefix(p.Digest, "sha256:") || p.Size != again.Size || p.Size != 21+7+3+8+int64(len(manifest))-11 {
		t.Errorf("%s %d, then %s %d", p.Digest, p.Size, again.Digest, again.Size)
	}
	if other := seal(t, tree(t, thing())); other.Digest != p.Digest {
		t.Error("the same files have two digests")
	}
}

// What we write, the program of every Linux checks.
func TestSumsAreThoseOfSha256sum(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip("no sha256sum on this machine")
	}
	dir := tree(t, thing())
	seal(t, dir)
	cmd := exec.Command(program, "-c", packages.SumsFile)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != 5 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAnAlteredTreeIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		alter func(t *testing.T, dir string)
		says  string
	}{
		"changed":     {write("libs/a/b.so", "librarY"), "libs/a/b.so was changed"},
		"manifest":    {write("plugin.json", strings.Replace(manifest, "1.2.3", "1.2.4", 1)), "plugin.json was changed"},
		"added":       {write("libs/evil.so", "x"), "libs/evil.so was added"},
		"hidden":      {write(".x", "x"), ".x was added"},
		"missing":     {remove("licences/MIT.txt"), "licences/MIT.txt is missing"},
		"two":         {both(write("z", "x"), write("y", "x")), "y and 1 more were added"},
		"link":        {both(remove("libs/a/b.so"), link("../../bin/thing", "libs/a/b.so")), "is a link"},
		"a new name":  {write("libs/\x1b[2J", "x"), `"libs/\x1b[2J" was added`},
		"sums gone":   {remove(packages.SumsFile), "has no SHA256SUMS"},
		"sums empty":  {write(packages.SumsFile, ""), "cut short"},
		"sums order":  {write(packages.SumsFile, line("b")+line("a")), "not in order"},
		"sums twice":  {write(packages.SumsFile, line("a")+line("a")), "not in order"},
		"sums text":   {write(packages.SumsFile, "hello\n"), "line 1 is not a SHA-256"},
		"sums ..":     {write(packages.SumsFile, line("../a")), "leads elsewhere"},
		"sums twins":  {write(packages.SumsFile, line("A")+line("a")), "two files"},
		"sums self":   {write(packages.SumsFile, line("sha256sums")), "that of the list itself"},
		"sums accent": {write(packages.SumsFile, line("e\u0301")), "writes an accent in two signs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, thing())
			seal(t, dir)
			c.alter(t, dir)
			_, err := packages.Open(dir)
			says(t, err, c.says)
			if name == "sums gone" && !errors.Is(err, packages.ErrLoose) {
				t.Error("it is no ErrLoose")
			}
		})
	}
}

func line(path string) string { return strings.Repeat("0", 64) + "  " + path + "\n" }

func write(name, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)) }
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, name))) }
}

func link(target, name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { must(t, os.Symlink(target, filepath.Join(dir, name))) }
}

func both(a, b func(*testing.T, string)) func(*testing.T, string) {
	return func(t *testing.T, dir string) { a(t, dir); b(t, dir) }
}

func TestATreeThatIsNoPackage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, text, says string }{
		"no manifest": {"plugin.json", "", "plugin.json"},
		"no entry":    {"bin/thing", "", `entry "bin/thing" of plugin me/thing is not in the package`},
		"twins":       {"libs/A/b.so", "x", "on some systems"},
		"reserved":    {"libs/nul", "x", "device on Windows"},
		"colon":       {"libs/a:b", "x", `has one of`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := thing()
			if files[c.file] = c.text; c.text == "" {
				delete(files, c.file)
			}
			_, err := packages.Seal(tree(t, files))
			says(t, err, c.says)
		})
	}
}

// Links inside count as what they lead to; what is no part of a package stays out.
func TestGather(t *testing.T) {
	t.Parallel()
	files := thing()
	files["libs/b.so"], files["libs/c"] = "-> a/b.so", "-> a"
	files["main.go"], files[".git/config"], files["secret.key"], files[".mjs"] = "package main", "x", "x", "x"
	files["libs/node_modules/x/.package.json"] = "x"
	p, err := packages.Gather(tree(t, files))
	must(t, err)
	var names []string
	for _, f := range p.Files {
		names = append(names, f.Path)
	}
	if got := strings.Join(names, " "); got != "README.md bin/thing libs/a/b.so libs/b.so libs/c/b.so libs/node_modules/x/.package.json licences/MIT.txt plugin.json" {
		t.Error(got)
	}
	for name, c := range map[string]struct{ target, says string }{
		"out": {"../../etc/passwd", "escapes"}, "absolute": {"/etc/passwd", "escapes"}, "dangling": {"nothing", "no such file"}, "loop": {"..", "link"},
	} {
		t.Run(name, func(t *testing.T) {
			files := thing()
			files["libs/link"] = "-> " + c.target
			_, err := packages.Gather(tree(t, files))
			says(t, err, c.says)
		})
	}
}
