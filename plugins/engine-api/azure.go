package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// azure is the dialect of Azure OpenAI: OpenAI's, where the model is a deployment in
// the path and each request says which version of the API it means, or, with the API
// version v1, OpenAI's altogether.
type azure struct{}

// defaultVersion is that of the official clients' documents.
const defaultVersion = "2024-10-21"

// domains are those in which Azure runs its service; nobody else is sent a
// credential unless the operator named him.
var domains = []string{".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com",
	".openai.azure.us", ".cognitiveservices.azure.us", ".openai.azure.cn", ".cognitiveservices.azure.cn"}

var resource = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)

// azureHost says whether an address is of a resource of Azure's.
func azureHost(u *url.URL) bool {
	return slices.ContainsFunc(domains, func(domain string) bool {
		name, ok := strings.CutSuffix(strings.ToLower(u.Hostname()), domain)
		return ok && resource.MatchString(name) && (u.Port() == "" || u.Port() == "443")
	})
}

// place brings the address into the form that requests are sent below: …/openai,
// …/openai/v1 or …/models. Addresses of a deployment name it by the way, and so
// does that of the first documents, …/openai.azure.com/NAME/DEPLOYMENT.
func (azure) place(u *upstream, m sdk.Model) {
	path := strings.Trim(u.base.Path, "/")
	deployment := ""
	if before, after, ok := strings.Cut(path+"/", "deployments/"); ok {
		path = strings.Trim(before, "/")
		deployment, _, _ = strings.Cut(after, "/")
	}
	u.APIVersion = cmp.Or(u.APIVersion, os.Getenv("OPENAI_API_VERSION"))
	switch {
	case strings.HasSuffix("/"+path, "/openai/v1"):
		u.APIVersion = "v1"
	case strings.HasSuffix("/"+path, "/models"):
		u.APIVersion = cmp.Or(u.APIVersion, "2024-05-01-preview")
	case !strings.HasSuffix("/"+path, "/openai"):
		path = strings.TrimPrefix(path+"/openai", "/")
	}
	if u.APIVersion == "v1" && !strings.HasSuffix(path, "/v1") {
		path += "/v1"
	}
	u.APIVersion = cmp.Or(u.APIVersion, defaultVersion)
	u.dated = u.APIVersion != "v1" && !strings.HasSuffix("/"+path, "/models")
	u.base = &url.URL{Scheme: u.base.Scheme, Host: u.base.Host, Path: "/" + path}
	if source := sourceOf(m); source != nil && deployment == "" && azureHost(source) {
		parts := strings.Split(strings.Trim(source.Path, "/"), "/")
		if deployment = parts[len(parts)-1]; strings.Contains(source.Path, "/deployments/") {
			_, after, _ := strings.Cut(source.Path, "/deployments/")
			deployment, _, _ = strings.Cut(after, "/")
		}
	}
	u.DeploymentName = cmp.Or(u.DeploymentName, u.Model, deployment)
}

// address is where an operation is answered. Responses are stored by a resource,
// and not below one of its deployments.
func (azure) address(u *upstream, op sdk.Operation) string {
	version := u.APIVersion
	if version == "v1" {
		return u.address(string(op))
	}
	path := string(op)
	if u.dated && op != sdk.OpResponses {
		path = "deployments/" + url.PathEscape(u.name) + "/" + path
	}
	return query(u.address(path), "api-version", version)
}

// operations implements dialect.
func (azure) operations(u *upstream) []sdk.Operation {
	if ops := ofKind(u.kind, u.name); ops != nil {
		return ops
	}
	ops := []sdk.Operation{sdk.OpChat}
	if u.APIVersion == "v1" || u.dated && u.APIVersion >= "2025-03-01" {
		ops = append(ops, sdk.OpResponses)
	}
	if u.kind == "" { // a deployment's own name says nothing
		ops = append(ops, sdk.OpCompletion, sdk.OpEmbedding)
	}
	return ops
}

// serve implements dialect.
func (d azure) serve(u *upstream, op sdk.Operation, w http.ResponseWriter, r *http.Request) error {
	return u.proxy(op, d.address(u, op), w, r)
}

// listing is the version of the API that lists deployments. Those after it leave
// that to the management of Azure, which wants other credentials.
const listing = "2022-12-01"

// models implements dialect: the deployments of the resource.
func (azure) models(ctx context.Context, u *upstream) ([]sdk.Manifest, error) {
	top := strings.TrimSuffix(strings.TrimSuffix(u.base.String(), "/v1"), "/models")
	answer, err := u.get(ctx, query(top+"/deployments", "api-version", listing))
	if err != nil {
		return nil, err
	}
	var list struct {
		Data []struct {
			ID      string `json:"id"`
			Model   string `json:"model"`
			Created int64  `json:"created_at"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return nil, &sdk.Error{Code: sdk.CodeUnavailable, Message: "the resource answers with something else than its deployments", Cause: err}
	}
	var offered []sdk.Manifest
	for _, d := range list.Data[:min(maxOffered, len(list.Data))] {
		if !isName(d.ID) || slices.ContainsFunc(offered, func(m sdk.Manifest) bool { return m.ID == d.ID }) {
			continue
		}
		m := u.offer(d.ID, sdk.ModelType(d.Model))
		m.Created, m.OwnedBy = max(0, d.Created), "azure_openai"
		if d.Model != "" {
			m.Metadata["model"] = u.tidy(d.Model)
			m.Description = u.tidy(d.Model) + " at Azure"
		}
		offered = append(offered, m)
	}
	return offered, nil
}
