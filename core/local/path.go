package local

import (
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
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
		f.weigh()
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
