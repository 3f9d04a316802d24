package packages

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/enginebay/enginebay/core/portable"
)

// Names of the two files that vouch for the others.
const (
	SumsFile      = "SHA256SUMS"
	SignatureFile = "SHA256SUMS.minisig"
)

// Bounds of a package; one with the libraries of a GPU in it has some gigabytes.
const (
	maxFiles = 50_000
	maxSize  = 32 << 30 // bytes of all files
	maxDepth = 32       // of a path
	maxSums  = 16 << 20 // bytes of SHA256SUMS
)

// A File is one of a package, with what SHA256SUMS says of it.
type File struct {
	Path       string // with / between its parts
	Size       int64  // bytes
	SHA256     string // hex
	Executable bool
}

// digest is what a package is called by: the hash of its list of hashes.
func digest(sums []byte) string { return "sha256:" + hashOf(sums) }

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// IsDigest says whether a text has the form of a package's digest.
func IsDigest(text string) bool { return digestForm.MatchString(text) }

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// format writes SHA256SUMS of sorted files, as sha256sum does.
func format(files []File) []byte {
	var b bytes.Buffer
	for _, f := range files {
		fmt.Fprintf(&b, "%s  %s\n", f.SHA256, f.Path)
	}
	return b.Bytes()
}

func sorted(files []File) []File {
	return slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Path, b.Path) })
}

var sumLine = regexp.MustCompile(`^([0-9a-f]{64})  (.+)$`)

// parse reads SHA256SUMS. There is one way to write it, so that one tree has one
// digest.
func parse(sums []byte) ([]File, error) {
	if len(sums) == 0 || sums[len(sums)-1] != '\n' {
		return nil, errors.New("it is cut short")
	}
	var files []File
	for n, line := range strings.Split(strings.TrimSuffix(string(sums), "\n"), "\n") {
		m := sumLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("line %d is not a SHA-256, two spaces and a path", n+1)
		}
		if n > 0 && m[2] <= files[n-1].Path {
			return nil, fmt.Errorf("line %d: the paths are not in order", n+1)
		}
		files = append(files, File{Path: m[2], SHA256: m[1]})
	}
	return files, checkNames(files)
}

// checkNames says whether the paths of files are the same files on every system.
func checkNames(files []File) error {
	if len(files) > maxFiles {
		return fmt.Errorf("there are more than %d files", maxFiles)
	}
	names := make([]string, len(files))
	for i, f := range files {
		if err := checkName(f.Path); err != nil {
			return err
		}
		names[i] = f.Path
	}
	return portable.Distinct(names)
}

func checkName(name string) error {
	switch {
	case strings.Count(name, "/") >= maxDepth:
		return fmt.Errorf("the name %.100q is too deep", name)
	case !norm.NFC.IsNormalString(name):
		return fmt.Errorf("the name %.100q writes an accent in two signs, which some systems do not keep; rename it", name)
	case vouches(portable.Fold(path.Clean(name))):
		return fmt.Errorf("the name %.100q is that of the list itself", name)
	}
	return portable.Name(name)
}

// vouches says whether a folded name is that of a file that SHA256SUMS does not list.
func vouches(name string) bool {
	return name == portable.Fold(SumsFile) || name == portable.Fold(SignatureFile)
}
