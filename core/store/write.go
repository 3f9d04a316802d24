package store

import (
	"errors"

	"github.com/enginebay/enginebay/core/durable"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// write writes a model file: whole or not at all, and only what can be read again.
func (s *Store) write(file string, manifest sdk.Manifest) error {
	data, _, err := textOf(manifest)
	if err != nil {
		return err
	}
	if err := durable.Replace(file, data, 0o600); err != nil {
		return s.failed(file, "written", err)
	}
	return nil
}

// Writable says what stands against a manifest as a model file.
func Writable(manifest sdk.Manifest) error {
	_, _, err := textOf(manifest)
	return err
}

// textOf is what a model file of a manifest holds, and what it reads back as.
func textOf(manifest sdk.Manifest) (data []byte, back sdk.Manifest, err error) {
	data, err = writeManifest(manifest)
	if err == nil {
		back, err = readBack(data)
	}
	if err != nil {
		return nil, back, sdk.Errorf(sdk.CodeInvalid, "The model file cannot be written so: %v", err)
	}
	return data, back, nil
}

// readBack reads a text as a model file; the error says what stands against it.
func readBack(data []byte) (sdk.Manifest, error) {
	doc, err := schemas.Parse("", data)
	if err != nil {
		return sdk.Manifest{}, Unplaced(err)
	}
	m, _, err := ReadManifest(doc)
	return m, Unplaced(err)
}

// Unplaced takes line and column out of problems: nobody has seen the text that
// they are places of.
func Unplaced(err error) error {
	var problems schemas.Problems
	if !errors.As(err, &problems) {
		return err
	}
	for i := range problems {
		problems[i].Line, problems[i].Column = 0, 0
	}
	return problems
}
