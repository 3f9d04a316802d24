package core

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/store"
)

// isReference says whether a text names a secret, and is none.
func isReference(text string) bool {
	return strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "file:") || strings.HasPrefix(text, "keyring:")
}

// askedFor are the secrets of a deployment's file, and of the others that its plugin
// asks for those that are there.
func askedFor(plugin pluginhost.Plugin, given map[string]string) map[string]string {
	all := maps.Clone(given)
	for name, asked := range plugin.Secrets {
		if _, there := all[name]; there {
			continue
		}
		if value, ok := firstSecret(asked.From); ok {
			if all == nil {
				all = map[string]string{}
			}
			all[name] = value
		}
	}
	return all
}

// firstSecret is what the first reference leads to that leads anywhere.
func firstSecret(refs []string) (string, bool) {
	for _, ref := range refs {
		ref, ok := expand(ref)
		if !ok {
			continue
		}
		if value, err := secret(ref); err == nil && value != "" {
			return value, true
		}
	}
	return "", false
}

// expand puts values in the place of $VARIABLES; ok is false where one is not set.
func expand(text string) (expanded string, ok bool) {
	ok = true
	expanded = os.Expand(text, func(name string) string {
		value := os.Getenv(name)
		ok = ok && value != ""
		return value
	})
	return expanded, ok
}

// isToken says whether a secret can be sent as a token in a header.
func isToken(secret string) bool {
	return !strings.ContainsFunc(strings.TrimSpace(secret), func(r rune) bool { return r <= ' ' || r > '~' })
}

// maxSecret bounds the file of a secret, in bytes.
const maxSecret = 64 << 10

// secret is what a reference env:NAME, file:PATH or keyring:SERVICE/NAME leads to.
// No error of it holds anything of that.
func secret(ref string) (string, error) {
	scheme, rest, _ := strings.Cut(ref, ":")
	switch scheme {
	case "env":
		value, ok := os.LookupEnv(rest)
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set", rest)
		}
		return value, nil
	case "file":
		value, err := secretFile(rest)
		if err != nil {
			return "", fmt.Errorf("its file cannot be read")
		}
		return value, nil
	case "keyring":
		return fromKeyring(rest)
	}
	return "", fmt.Errorf("%.20q references are not supported; use env:NAME, file:PATH or keyring:SERVICE/NAME", scheme)
}

func secretFile(name string) (string, error) {
	path, err := store.ExpandHome(name)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("it is no regular file")
	}
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret))
	return strings.TrimSpace(string(data)), err
}
