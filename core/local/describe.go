package local

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// describe is the model file that the headers of GGUF files ask for. The error says
// which of them cannot be used, and why.
func describe(f *Found) (sdk.Manifest, error) {
	m, err := store.Generated(f.Files, f.MMProj)
	if err != nil {
		return m, f.fault(err)
	}
	if f.MMProj != "" {
		if h, err := gguf.Read(f.MMProj); err != nil || !h.IsMMProj {
			return m, sdk.Errorf(sdk.CodeInvalid, "%s cannot be used: it is called a projector of a vision model, and is none", f.name(f.MMProj))
		}
	}
	m.Metadata["size"] = sizeOf(f.Files)
	if name := f.name(f.Files[0]); m.Name == "" || strings.HasPrefix(m.Name, "sha256-") {
		m.Name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	return m, nil
}

// fault is why a store would not take the files, said of the file by the name that
// a person knows, and of one that is not whole in other words: nobody waits for it.
func (f *Found) fault(err error) error {
	for _, file := range f.all() {
		if _, err := gguf.Read(file); err != nil {
			return unusable(f.name(file), err)
		}
	}
	return sdk.Errorf(sdk.CodeInvalid, "%v", err)
}

func unusable(name string, err error) error {
	if incomplete := (*gguf.IncompleteError)(nil); errors.As(err, &incomplete) {
		return sdk.Errorf(sdk.CodeInvalid, "%s is not whole: of %s there are %s; wait for its download, or fetch it again",
			name, humanize.SIWithDigits(float64(incomplete.Want), 1, "B"), humanize.SIWithDigits(float64(incomplete.Size), 1, "B"))
	}
	return sdk.Errorf(sdk.CodeInvalid, "%s cannot be used: %v", name, cause(err))
}
