// Package portable says whether a path of an archive is one and the same file on
// every system, and no file elsewhere.
package portable

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	maxPath = 1024 // bytes
	maxName = 255  // bytes, as file systems have it
)

// Name says why a path, with / between its parts, would not be the same file on
// every system, or a file elsewhere.
func Name(name string) error {
	refuse := func(why string) error { return fmt.Errorf("the name %.100q %s", name, why) }
	switch {
	case name == "" || len(name) > maxPath:
		return refuse("is too long or too short")
	case !utf8.ValidString(name):
		return refuse("is not UTF-8")
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return refuse("has invisible characters")
	case strings.ContainsAny(name, `\:<>"|?*`):
		return refuse(`has one of \ : < > " | ? *`)
	case strings.HasPrefix(name, "/"):
		return refuse("is absolute")
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return refuse("leads elsewhere")
		case len(part) > maxName:
			return refuse("is too long")
		case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") || strings.HasPrefix(part, " "):
			return refuse("begins or ends in a way that Windows drops")
		case reserved[device(part)]:
			return refuse("is that of a device on Windows")
		}
	}
	return nil
}

// reserved are the names of devices on Windows, whatever follows a dot.
var reserved = func() map[string]bool {
	names := map[string]bool{"con": true, "prn": true, "aux": true, "nul": true, "conin$": true, "conout$": true, "clock$": true}
	for _, n := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"} {
		names["com"+n], names["lpt"+n] = true, true
	}
	return names
}()

func device(part string) string {
	stem, _, _ := strings.Cut(strings.ToLower(part), ".")
	return strings.TrimRight(stem, " ")
}

// Fold is what a name is to file systems that do not tell upper from lower case,
// nor one way of writing an accent from the other.
func Fold(name string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFKC.String(name)))
}

// Distinct says whether every file has a name of its own, which is no folder of
// another one, and every folder only one name.
func Distinct(names []string) error {
	files, folders := map[string]bool{}, map[string]string{}
	for _, name := range names {
		folded := Fold(name)
		if files[folded] {
			return fmt.Errorf("there are two files of the name %.100q, which are one on some systems", name)
		}
		files[folded] = true
		for dir := path.Dir(name); dir != "." && dir != "/" && folders[Fold(dir)] != dir; dir = path.Dir(dir) {
			if twin, ok := folders[Fold(dir)]; ok {
				return fmt.Errorf("there are two folders, %.100q and %.100q, which are one on some systems", twin, dir)
			}
			folders[Fold(dir)] = dir
		}
	}
	for _, name := range names {
		if _, ok := folders[Fold(name)]; ok {
			return fmt.Errorf("%.100q is a file and a folder at once", name)
		}
	}
	return nil
}
