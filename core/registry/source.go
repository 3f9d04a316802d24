package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/enginebay/enginebay/core/durable"
	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// A Source is a registry as the operator knows it.
type Source struct {
	Name string `json:"name"` // what it is called here
	URL  string `json:"url"`  // https://…, the absolute path of a folder, or oci://HOST/REPOSITORY:TAG
	Key  string `json:"key"`  // public key of minisign that signs its index: "RW…"
}

// SourcesFile is where the operator's registries stand in the home folder, in the
// order in which they count.
const SourcesFile = "plugins/registries.json"

// ReadSources reads the registries of a home folder; without a file there are none.
func ReadSources(home string) ([]Source, error) {
	data, err := os.ReadFile(filepath.Join(home, filepath.FromSlash(SourcesFile)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var file struct {
		Registries []Source `json:"registries"`
	}
	if err := schemas.Decode(schemas.Registries(), SourcesFile, data, &file); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, s := range file.Registries {
		if err := s.Check(); err != nil {
			return nil, fmt.Errorf("%s: %w", SourcesFile, err)
		}
		if seen[s.Name] {
			return nil, fmt.Errorf("%s: two registries are called %s; give one another name", SourcesFile, s.Name)
		}
		seen[s.Name] = true
	}
	return file.Registries, nil
}

// WriteSources replaces the registries of a home folder. Comments in the file go.
func WriteSources(home string, all []Source) error {
	if all == nil {
		all = []Source{}
	}
	text, err := json.MarshalIndent(map[string]any{"registries": all}, "", "  ")
	if err != nil {
		return err
	}
	if err := schemas.Decode(schemas.Registries(), SourcesFile, text, new(any)); err != nil {
		return err
	}
	file := filepath.Join(home, filepath.FromSlash(SourcesFile))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return durable.Replace(file, append(text, '\n'), 0o600)
}

// Check says what is wrong with the address or the key, before anybody is called.
func (s Source) Check() error {
	if _, err := minisign.ParsePublicKey(s.Key); err != nil {
		return &sdk.Error{Code: sdk.CodeInvalid, Message: "registry " + s.Name, Cause: err}
	}
	_, err := (&Client{}).place(s.URL)
	return err
}
