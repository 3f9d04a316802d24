package main

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// model is one entry of a provider's list.
type model struct {
	ID      string `json:"id"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`

	file string // name of the model file; set by distinct
}

// plan is a model file that the api engine can load. It names the address and
// the model, and no key: that belongs to the deployment.
func (s settings) plan(m model) sdk.Plan {
	manifest := sdk.Manifest{
		ID:       s.Provider + "/" + m.file,
		Object:   "model",
		Name:     m.ID,
		Created:  max(0, m.Created),
		OwnedBy:  m.OwnedBy,
		Format:   "api",
		Engine:   "api",
		Settings: map[string]any{"provider": s.Provider, "base_url": s.BaseURL, "model": m.ID},
		Metadata: map[string]any{"repository": s.BaseURL},
	}
	if manifest.OwnedBy == "" {
		manifest.OwnedBy = s.Provider
	}
	if kind := sdk.ModelType(m.ID); kind != "" {
		manifest.Metadata["type"] = kind
		if kind == "embedding" {
			manifest.Settings["embedding"] = true
		}
	}
	return sdk.Plan{Manifest: manifest}
}

var odd = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// distinct names the file of each model. Those that would share one, also on a
// disk that does not tell capitals apart, get a part of the hash of their name.
func distinct(models []model) []model {
	count := map[string]int{}
	for n := range models {
		m := &models[n]
		m.file = odd.ReplaceAllString(m.ID, "-")
		count[strings.ToLower(m.file)]++
	}
	const longest = 100
	for n := range models {
		m := &models[n]
		if count[strings.ToLower(m.file)] > 1 || len(m.file) > longest {
			sum := sha256.Sum256([]byte(m.ID))
			m.file = m.file[:min(longest, len(m.file))] + "-" + hex.EncodeToString(sum[:4])
		}
	}
	return models
}

// rank puts what people ask for first.
func rank(m model) int {
	switch sdk.ModelType(m.ID) {
	case "chat":
		return 0
	case "":
		return 1
	}
	return 2
}
