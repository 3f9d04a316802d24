package main

import (
	"cmp"

	"github.com/enginebay/enginebay/sdk"
)

// deployment is a model at Azure under a name of the account's own.
type deployment struct {
	ID      string `json:"id"`
	Model   string `json:"model"` // empty where nothing is listed
	Created int64  `json:"created_at"`

	kind string // what a probe found
}

// plan is a model file that the api engine can load. It names the address, the
// deployment and how to prove who asks, and no credential: that belongs to the
// deployment of the engine. The keys are those into which core/store reads the
// documents of November 2023.
func (a *account) plan(r resource, d deployment) sdk.Plan {
	manifest := sdk.Manifest{
		ID:       "azure-" + r.name + "/" + d.ID,
		Object:   "model",
		Name:     d.ID,
		Created:  max(0, d.Created),
		OwnedBy:  "azure_openai",
		Format:   "api",
		Engine:   "api",
		Settings: map[string]any{"provider": "azure", "base_url": r.endpoint + "/openai", "deployment_name": d.ID, "api_version": r.version, "auth": a.Auth},
		Metadata: map[string]any{"repository": r.endpoint, "resource": r.name},
	}
	if r.version == "v1" {
		delete(manifest.Settings, "deployment_name")
		delete(manifest.Settings, "api_version")
		manifest.Settings["base_url"], manifest.Settings["model"] = r.endpoint+"/openai/v1", d.ID
	}
	if d.Model != "" {
		manifest.Metadata["model"] = d.Model
		manifest.Description = d.Model + " at Azure"
	}
	if kind := d.kindOf(); kind != "" {
		manifest.Metadata["type"] = kind
		if kind == "embedding" {
			manifest.Settings["embedding"] = true
		}
	}
	return sdk.Plan{Manifest: manifest}
}

// kindOf is what a deployment is for: "chat", "embedding" and so on; empty where
// it is not known. A deployment's own name says nothing.
func (d deployment) kindOf() string { return cmp.Or(sdk.ModelType(d.Model), d.kind) }

// rank puts what people ask for first.
func rank(d deployment) int {
	switch d.kindOf() {
	case "chat":
		return 0
	case "":
		return 1
	}
	return 2
}
