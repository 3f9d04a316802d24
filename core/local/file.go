package local

import (
	"fmt"
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
	f := Found{Name: filepath.Base(path), Ref: sdk.Ref(path), Files: partsOf(path), MMProj: partnerOf(path)}
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

// partsOf are the paths of all parts of a split file.
func partsOf(path string) []string {
	prefix, _, count, split := gguf.SplitPart(path)
	if !split {
		return []string{path}
	}
	files := make([]string, count)
	for i := range files {
		files[i] = fmt.Sprintf("%s-%05d-of-%05d%s", prefix, i+1, count, filepath.Ext(path))
	}
	return files
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
	own := partsOf(path)
	for _, e := range entries {
		file := filepath.Join(filepath.Dir(path), e.Name())
		switch {
		case strings.HasPrefix(e.Name(), ".") || !strings.EqualFold(filepath.Ext(file), ".gguf") || !isRegular(file):
		case gguf.IsMMProj(e.Name()):
			projectors = append(projectors, file)
		case !slices.Contains(own, file) && subject(e.Name()) != subject(path):
			others = true
		}
	}
	if gguf.IsMMProj(filepath.Base(path)) {
		return ""
	}
	for _, file := range projectors {
		if !others || subject(file) != "" && subject(file) == subject(path) {
			return file
		}
	}
	return ""
}

// subject is what a file's name says of the model: without quantization and kind.
func subject(file string) string {
	name := strings.ToLower(filepath.Base(file))
	quantization := strings.Split(strings.ToLower(gguf.Quantization(name)), "_")
	name = strings.TrimSuffix(name, filepath.Ext(name))
	if prefix, _, _, split := gguf.SplitPart(filepath.Base(file)); split {
		name = strings.ToLower(prefix)
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("-_. ", r) })
	return strings.Join(slices.DeleteFunc(words, func(word string) bool {
		return strings.HasPrefix(word, "mmproj") || word == "model" || slices.Contains(quantization, word)
	}), "-")
}
