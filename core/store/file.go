package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/enginebay/enginebay/schemas"
)

// maxFile is one byte more than a model file may have, so that Parse can say so.
const maxFile = 1<<20 + 1

// ReadFile reads a model file, JSON or YAML by its name. name is how messages
// name it.
func ReadFile(file, name string) (*schemas.Document, error) {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() { // opening a FIFO would block
		return nil, fmt.Errorf("%s: it is no regular file", name)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, unwrapped(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, unwrapped(err))
	}
	if ext := filepath.Ext(file); ext == ".yml" || ext == ".yaml" {
		return schemas.ParseYAML(name, data)
	}
	return schemas.Parse(name, data)
}

// unwrapped is the cause of a file's error alone: the path in it is the
// machine's, and errors of models are shown to everybody.
func unwrapped(err error) error {
	pathErr, linkErr := (*os.PathError)(nil), (*os.LinkError)(nil)
	switch {
	case errors.As(err, &pathErr):
		return pathErr.Err
	case errors.As(err, &linkErr):
		return linkErr.Err
	}
	return err
}

func parseFile(file, name string) parsed {
	doc, err := ReadFile(file, name)
	if err != nil {
		return parsed{err: err}
	}
	m, warnings, err := ReadManifest(doc)
	return parsed{manifest: m, warnings: warnings, err: err, places: placesOf(doc, m.Targets)}
}
