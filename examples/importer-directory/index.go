package main

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// index is what a folder's index.json says:
//
//	{"models": [{"name": "tiny", "description": "…", "files": [{"path": "tiny.gguf", "size": 1234, "sha256": "…"}]}]}
type index struct {
	Models []model `json:"models"`
}

type model struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Files       []file `json:"files"` // the model itself first
}

type file struct {
	Path   string `json:"path"` // below the folder
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

var (
	names   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	digests = regexp.MustCompile(`^([0-9a-f]{64})?$`)
)

// models are those of an index that is sound. It comes from outside: nothing in
// it is believed unseen.
func (x index) models(folder string) ([]model, error) {
	for _, m := range x.Models {
		if !names.MatchString(m.Name) || len(m.Files) == 0 {
			return nil, sdk.Errorf(sdk.CodeUnavailable, "the index of %s is wrong: a model has no name of letters, digits, '.', '_' and '-', or no files", folder)
		}
		for _, f := range m.Files {
			if path.Clean("/"+f.Path) != "/"+f.Path || strings.ContainsAny(f.Path, "\\:") || strings.HasPrefix(path.Base(f.Path), ".") || f.Size < 0 || !digests.MatchString(f.SHA256) {
				return nil, sdk.Errorf(sdk.CodeUnavailable, "the index of %s is wrong: a file of '%s' has no usable path, size or sha256", folder, m.Name)
			}
		}
	}
	if len(x.Models) == 0 {
		return nil, sdk.Errorf(sdk.CodeNotFound, "the index of %s has no models", folder)
	}
	return x.Models, nil
}

// plan is a model about to exist: its model file, into which the core writes the
// sources, and what is to be fetched.
func (m model) plan(folder string) sdk.Plan {
	manifest := sdk.Manifest{ID: m.Name, Object: "model", Name: m.Name, Description: m.Description, Metadata: map[string]any{"repository": folder}}
	if strings.HasSuffix(m.Files[0].Path, ".gguf") {
		manifest.Format, manifest.Engine = "gguf", "llamacpp"
	}
	plan := sdk.Plan{Manifest: manifest}
	for _, f := range m.Files {
		address := folder + (&url.URL{Path: "/" + f.Path}).EscapedPath()
		plan.Files = append(plan.Files, sdk.File{Path: path.Base(f.Path), URL: address, Size: f.Size, SHA256: f.SHA256})
	}
	return plan
}

// explain says what the user can do about a refusal.
func explain(folder string, err error) error {
	var status *web.StatusError
	if !errors.As(err, &status) {
		return err
	}
	switch status.Status {
	case http.StatusNotFound:
		return sdk.Errorf(sdk.CodeNotFound, "%s has no index.json; look at the address", folder)
	case http.StatusUnauthorized, http.StatusForbidden:
		return sdk.Errorf(sdk.CodeUnauthorized, "%s wants a token; name it in importers/directory.json, as {\"secrets\": {\"token\": \"env:NAME\"}}", folder)
	}
	return err
}
