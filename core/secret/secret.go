// Package secret finds what a reference in a deployment's file leads to: env:NAME,
// file:PATH or keyring:SERVICE/NAME. What it finds is for the plugin alone; no error of
// it holds anything of that.
package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/core/store"
)

// IsReference says whether a text names a secret, and is none.
func IsReference(text string) bool {
	return strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "file:") || strings.HasPrefix(text, "keyring:")
}

// First is what the first reference leads to that leads anywhere.
func First(refs []string) (string, bool) {
	for _, ref := range refs {
		ref, ok := Expand(ref)
		if !ok {
			continue
		}
		if value, err := Resolve(ref); err == nil && value != "" {
			return value, true
		}
	}
	return "", false
}

// Expand puts values in the place of $VARIABLES; ok is false where one is not set.
func Expand(text string) (expanded string, ok bool) {
	ok = true
	expanded = os.Expand(text, func(name string) string {
		value := os.Getenv(name)
		ok = ok && value != ""
		return value
	})
	return expanded, ok
}

// IsToken says whether a secret can be sent as a token in a header.
func IsToken(secret string) bool {
	return !strings.ContainsFunc(strings.TrimSpace(secret), func(r rune) bool { return r <= ' ' || r > '~' })
}

// maxFile bounds the file of a secret, in bytes.
const maxFile = 64 << 10

// Resolve returns what a reference leads to. A keyring is waited for, a few seconds at
// the most.
func Resolve(ref string) (string, error) {
	scheme, rest, _ := strings.Cut(ref, ":")
	switch scheme {
	case "env":
		value, ok := os.LookupEnv(rest)
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set", rest)
		}
		return value, nil
	case "file":
		value, err := fromFile(rest)
		if err != nil {
			return "", errors.New(unreadable(err, rest))
		}
		return value, nil
	case "keyring":
		return fromKeyring(rest)
	}
	return "", errors.New("it is no reference such as env:NAME, file:PATH or keyring:SERVICE/NAME") // but perhaps the secret itself
}

// unreadable is why the file of a secret cannot be read, without its path: messages are
// shown to everybody.
func unreadable(err error, name string) string {
	why := "its file cannot be read"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		why = "its file is not there"
	case errors.Is(err, fs.ErrPermission):
		why = "its file may not be read by the user of the server"
	case errors.Is(err, errNotRegular):
		why = "its file is no regular file"
	}
	if !filepath.IsAbs(name) && !strings.HasPrefix(name, "~") {
		why += "; name it by its whole path"
	}
	return why
}

var errNotRegular = errors.New("it is no regular file")

func fromFile(name string) (string, error) {
	path, err := store.ExpandHome(name)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		return "", err
	}
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	return strings.TrimSpace(string(data)), err
}
