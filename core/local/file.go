package local

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// fromFile finds the model of a GGUF file, with its other parts and the projector
// that lie beside it, but does not weigh it.
func fromFile(path string) Found {
	f := Found{Name: filepath.Base(path), Ref: sdk.Ref(path), Files: gguf.Parts(path), MMProj: partnerOf(path)}
	f.ID = idOf(f.Files[0])
	if filepath.Ext(path) == "" {
		f.ID = idOf(path + ".gguf")
		f.names = map[string]string{path: filepath.Base(path) + ".gguf"}
	}
	for _, file := range f.Files {
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
			f.Err = sdk.Errorf(sdk.CodeInvalid, "%s is part of a model of %d files, and %s is not beside it", filepath.Base(path), len(f.Files), filepath.Base(file))
			return f
		}
	}
	f.raw = true
	return f
}

// partnerOf is the projector beside a file of weights: the only one, where there
// are no other weights, or else the one of the same name.
func partnerOf(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	var projectors []string
	others := false
	own := gguf.Parts(path)
	for _, e := range entries {
		file := filepath.Join(filepath.Dir(path), e.Name())
		switch {
		case strings.HasPrefix(e.Name(), ".") || !strings.EqualFold(filepath.Ext(file), ".gguf") || !isRegular(file):
		case gguf.IsMMProj(e.Name()):
			projectors = append(projectors, file)
		case !slices.Contains(own, file) && gguf.Subject(e.Name()) != gguf.Subject(path):
			others = true
		}
	}
	if gguf.IsMMProj(filepath.Base(path)) {
		return ""
	}
	for _, file := range projectors {
		if !others || gguf.Subject(file) != "" && gguf.Subject(file) == gguf.Subject(path) {
			return file
		}
	}
	return ""
}
