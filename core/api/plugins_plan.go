package api

import (
	"cmp"
	"fmt"
	"net/http"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// pluginPlan is what an install or upgrade would do, and what the plugin asks for:
// the package was fetched and checked, and nothing has changed.
type pluginPlan struct {
	Object      string               `json:"object"`
	Name        string               `json:"name"`
	Version     string               `json:"version"`
	Description string               `json:"description,omitempty"`
	Kinds       []sdk.Kind           `json:"kinds"`
	Variant     string               `json:"variant"`
	Reason      string               `json:"reason,omitempty"` // of the variant
	Action      string               `json:"action"`
	Before      string               `json:"before,omitempty"`
	Source      string               `json:"source"`
	Size        int64                `json:"size"`
	Digest      string               `json:"digest"` // to be sent back as "accept"
	Signer      install.Signer       `json:"signer"`
	Permissions packages.Permissions `json:"permissions"`
	Secrets     []string             `json:"secrets"`
	Environment []string             `json:"environment"`
	Passed      []install.Passed     `json:"passed"`
	Warnings    []string             `json:"warnings"`
}

// keptPlugin is one that an upgrade leaves as it is.
type keptPlugin struct {
	Object  string `json:"object"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Action  string `json:"action"`
	Reason  string `json:"reason"`
}

func pluginPlanOf(p *install.Plan) pluginPlan {
	m := p.Manifest
	return pluginPlan{Object: "plugin.plan", Name: p.Name, Version: p.Version, Description: m.Description, Kinds: m.Kinds, Variant: cmp.Or(p.Variant, "default"),
		Reason: chosenFor(p), Action: p.Action, Before: p.Before, Source: p.Source, Size: p.Size, Digest: p.Digest, Signer: p.Signer, Permissions: m.Permissions,
		Secrets: m.SecretsFrom(), Environment: append([]string{}, m.Environment...),
		Passed: append([]install.Passed{}, p.Passed...), Warnings: shownTexts(p.Warnings)}
}

// chosenFor is why the plan's variant was chosen.
func chosenFor(p *install.Plan) string {
	for _, v := range p.Choice.Verdicts {
		if v.Chosen {
			return v.Reason
		}
	}
	return ""
}

// accepted says whether what a plan would install is what the client said yes to.
func (r installRequest) accepted(p *install.Plan) error {
	if p.Digest != r.Accept {
		return fault(http.StatusConflict, fmt.Sprintf("It would be %s %s with the digest %s by now, which is not what was accepted; look at it again with a request that has no 'accept'", p.Name, p.Version, p.Digest), "accept", "plan_changed")
	}
	if p.Signer.New && p.Signer.Key != r.Key {
		return fault(http.StatusBadRequest, fmt.Sprintf("%s is signed with a key of %s that is not known here: %s. If it is what %s publishes, send it as 'key'", p.Name, p.Signer.Publisher, p.Signer.Key, p.Signer.Publisher), "key", "unknown_key")
	}
	return nil
}
