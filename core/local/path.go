package local

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// pathOf is the path that a ref is, if it is one.
func pathOf(ref sdk.Ref, home string) (path string, ok bool, err error) {
	text := string(ref)
	if rest, isFile := strings.CutPrefix(text, "file:"); isFile {
		u, err := url.Parse("file:" + rest)
		if err != nil || u.Opaque != "" || u.Host != "" && u.Host != "localhost" {
			return "", true, sdk.Errorf(sdk.CodeInvalid, "%.200q is no address of a file here; write it as file:///home/you/model.gguf", text)
		}
		text = filepath.FromSlash(u.Path)
		if runtime.GOOS == "windows" {
			text = strings.TrimPrefix(text, `\`)
		}
	}
	if rest, tilde := strings.CutPrefix(text, "~/"); tilde {
		text = filepath.Join(home, rest)
	}
	switch {
	case filepath.IsAbs(text):
		return filepath.Clean(text), true, nil
	case strings.HasPrefix(text, "."), text == "~":
		return "", true, sdk.Errorf(sdk.CodeInvalid, "%.200q is relative to a folder that the server does not know; use the absolute path", text)
	}
	return "", false, nil
}

// lookAt finds what a path holds.
func lookAt(path string) ([]Found, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, sdk.Errorf(sdk.CodeNotFound, "There is no file %s on the machine of the server", path)
	case err != nil:
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s cannot be read: %v", path, cause(err))
	case info.IsDir():
		return lookInto(path)
	case !info.Mode().IsRegular(): // opening a FIFO would block
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s is no regular file", path)
	}
	kind, err := kindOf(path)
	switch {
	case err != nil:
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s cannot be read: %v", path, cause(err))
	case kind == "zip":
		return []Found{{Name: filepath.Base(path), Ref: sdk.Ref(path), ID: idOf(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) + ".gguf"), Size: info.Size(), zip: path}}, nil
	case kind == "gguf":
		f := fromFile(path)
		return []Found{f}, f.Err
	case store.IsModelFile(path):
		return oneOf(path)
	}
	return nil, sdk.Errorf(sdk.CodeInvalid, "%s is neither a GGUF file nor a zip, nor a folder with a model in it", path)
}

// kindOf tells zips and GGUF files by their first bytes, so that a name that
// promises what is not there is an error of its own.
func kindOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	switch {
	case string(magic[:]) == "PK\x03\x04", string(magic[:]) == "PK\x05\x06", strings.EqualFold(filepath.Ext(path), ".zip"):
		return "zip", nil
	case string(magic[:]) == "GGUF", strings.EqualFold(filepath.Ext(path), ".gguf"):
		return "gguf", nil
	}
	return "", nil
}

// fromFile finds the model of a GGUF file, with its other parts and the projector
// that lie beside it.
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
	f.weigh()
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

// lookInto finds the models of a folder, by its model files or by its weights.
func lookInto(dir string) ([]Found, error) {
	models, err := store.Look(dir)
	if err != nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s cannot be read: %v", dir, cause(err))
	}
	if len(models) == 0 {
		return nil, sdk.Errorf(sdk.CodeNotFound, "There is no model in %s itself: neither weights (.gguf, .safetensors) nor a model file", dir)
	}
	var found []Found
	for _, m := range models {
		f := fromModel(m)
		if len(models) == 1 {
			f.Ref = sdk.Ref(dir)
			f.more = companions(m)
		}
		found = append(found, f)
	}
	if len(found) == 1 {
		return found, found[0].Err
	}
	return found, nil
}

// oneOf finds the model of a model file.
func oneOf(file string) ([]Found, error) {
	found, err := lookInto(filepath.Dir(file))
	for _, f := range found {
		if f.file == file {
			return []Found{f}, f.Err
		}
	}
	if err == nil {
		err = sdk.Errorf(sdk.CodeInvalid, "%s is no model file", file)
	}
	return nil, err
}

// fromModel makes a find of what a store would list.
func fromModel(m *store.Model) Found {
	f := Found{Name: filepath.Base(m.Dir), ID: m.ID, Files: m.Files, MMProj: m.MMProj, file: m.File, Err: m.Err, web: map[string]string{}}
	switch {
	case m.File != "":
		f.Ref = sdk.Ref(m.File)
	case len(m.Files) > 0:
		f.Ref = sdk.Ref(m.Files[0])
	}
	written, err := m.Written()
	if f.Err != nil || err != nil {
		f.Err = sdk.Errorf(sdk.CodeInvalid, "%s cannot be used: %v", f.Name, errors.Join(f.Err, err))
		return f
	}
	f.Manifest = written
	for _, source := range written.Sources {
		if strings.Contains(source.URL, "://") && !strings.HasPrefix(source.URL, "file:") {
			f.web[source.Filename] = source.URL
		}
	}
	if len(m.Files) == 0 { // to be downloaded, or somebody else's service
		return f
	}
	delete(f.Manifest.Settings, "llama_model_path")
	if !strings.EqualFold(filepath.Ext(m.Files[0]), ".gguf") && m.Header == nil {
		f.Size = sizeOf(f.all())
		f.Manifest.Sources = f.sources(true)
		return f
	}
	f.weigh()
	return f
}

// companions are the small files that go with the weights of a folder: tokenizers,
// licences, what the model file names.
func companions(m *store.Model) (files []string) {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return nil
	}
	const most = 64 << 20
	for _, e := range entries {
		file := filepath.Join(m.Dir, e.Name())
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() || info.Size() > most || strings.HasPrefix(e.Name(), ".") || store.IsModelFile(e.Name()) || store.IsWeights(e.Name()) {
			continue
		}
		if slices.Contains(m.Manifest.Assets, e.Name()) || isCompanion(e.Name()) {
			files = append(files, file)
		}
	}
	return files
}

func isCompanion(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains([]string{".json", ".txt", ".md", ".model", ".jinja", ".tiktoken", ".yaml", ".yml"}, filepath.Ext(name)) ||
		strings.HasPrefix(name, "license") || strings.HasPrefix(name, "notice")
}

func isRegular(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}

func sizeOf(files []string) (size int64) {
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	return size
}

// cause is a file's error without the path, which the sentence around it has.
func cause(err error) error {
	if pathErr := (*os.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
