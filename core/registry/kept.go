package registry

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/enginebay/enginebay/core/durable"
)

// keptFile has both, the lines of the signature and then the index, so that one write
// replaces both.
const keptFile = "index.signed"

// signatureLines is how many lines a signature of minisign has.
const signatureLines = 4

// CacheDir is where a home keeps the last good index of each of its registries.
func CacheDir(home string) string { return filepath.Join(home, "cache", "registries") }

func (c *Client) keptPath(name string) string { return filepath.Join(c.Cache, name, keptFile) }

// kept is the last good index of a source; nil where there is none, or where it is not
// signed by the key that the source has now.
func (c *Client) kept(s Source, p place) *Registry {
	if c.Cache == "" {
		return nil
	}
	data, err := os.ReadFile(c.keptPath(s.Name))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.Log.Warn("the kept index of a registry cannot be read", "registry", s.Name, "error", err)
		}
		return nil
	}
	lines := bytes.SplitAfterN(data, []byte("\n"), signatureLines+1)
	if len(lines) <= signatureLines {
		return nil
	}
	signature, index := bytes.Join(lines[:signatureLines], nil), lines[signatureLines]
	r, err := c.open(s, p, signed{index, signature})
	if err != nil {
		c.Log.Warn("the kept index of a registry is not used", "registry", s.Name, "error", err)
		return nil
	}
	r.Kept = true
	return r
}

// keep makes an index the kept one.
func (c *Client) keep(r *Registry) error {
	if c.Cache == "" {
		return nil
	}
	file := c.keptPath(r.Source.Name)
	signature := append(bytes.TrimSpace(bytes.ReplaceAll(r.files.signature, []byte("\r\n"), []byte("\n"))), '\n')
	data := append(signature, r.files.index...)
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return durable.Replace(file, data, 0o600)
}

// Forget removes the kept index of a source, and with it what its next one is compared
// with.
func (c *Client) Forget(name string) error {
	c.keeping.Lock()
	defer c.keeping.Unlock()
	return os.RemoveAll(filepath.Dir(c.keptPath(name)))
}
