package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// account is who asks.
type account struct {
	settings
	key   string
	entra *web.Entra
}

func entra(s settings, secrets map[string]string) *web.Entra {
	return &web.Entra{Token: secrets["entra_token"], Secret: secrets["client_secret"], Tenant: s.Tenant, Client: s.ClientID, Authority: s.Authority,
		Scope: s.Scope, File: "importers/azure.json", UserAgent: "enginebay-importer-azure"}
}

// listing is the version of the API that lists deployments. Those after it leave
// that to the management of Azure, which wants other credentials.
const listing = "2022-12-01"

// catalogue calls the service. The endpoint is the operator's, or in a domain of
// Azure, which place and parse have seen to; so it may have the credentials.
func (a *account) catalogue(ctx context.Context, r resource) (*web.Catalogue, error) {
	u, err := url.Parse(r.endpoint)
	if err != nil {
		return nil, err
	}
	config := web.Config{UserAgent: "enginebay-importer-azure"}
	if r.endpoint == a.Endpoint {
		config.Private = []string{web.Origin(u)}
	}
	client, err := web.New(config)
	if err != nil {
		return nil, err
	}
	c := &web.Catalogue{HTTP: client, Base: r.endpoint, Header: http.Header{}}
	if a.Auth == "key" {
		if a.key != "" {
			c.Header.Set("Api-Key", a.key)
		}
		return c, nil
	}
	token, err := a.entra.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	c.Header.Set("Authorization", "Bearer "+token)
	return c, nil
}

// find asks for the deployments of a resource, or for the one that is named.
func (a *account) find(ctx context.Context, r resource) ([]deployment, error) {
	c, err := a.catalogue(ctx, r)
	if err != nil {
		return nil, err
	}
	defer c.HTTP.CloseIdleConnections()
	found, err := a.list(ctx, c, r)
	var status *web.StatusError
	switch {
	case errors.As(err, &status) && unlisted(status) && r.deployment != "":
		return a.probe(ctx, c, r)
	case errors.As(err, &status) && unlisted(status):
		return nil, sdk.Errorf(sdk.CodeInvalid, "the resource '%s' does not list its deployments; name the one that you want, as azure://%s/DEPLOYMENT", r.name, r.name)
	case err != nil:
		return nil, a.explain(r, err)
	case r.deployment != "":
		return one(r, found)
	case len(found) == 0:
		return nil, sdk.Errorf(sdk.CodeNotFound, "the resource '%s' has no deployments; make one in the Azure portal", r.name)
	}
	return found, nil
}

func (a *account) list(ctx context.Context, c *web.Catalogue, r resource) ([]deployment, error) {
	var list struct {
		Data []deployment `json:"data"`
	}
	if _, err := c.JSON(ctx, "openai/deployments?api-version="+listing, &list); err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(list.Data, func(d deployment) bool { return !deployments.MatchString(d.ID) })
	slices.SortFunc(found, func(a, b deployment) int {
		return cmp.Or(rank(a)-rank(b), -cmp.Compare(a.Created, b.Created), cmp.Compare(a.ID, b.ID))
	})
	return slices.CompactFunc(found, func(a, b deployment) bool { return a.ID == b.ID }), nil
}

// unlisted says that this service does not list, rather than that it refuses.
func unlisted(e *web.StatusError) bool {
	return slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented}, e.Status)
}

func one(r resource, found []deployment) ([]deployment, error) {
	known := make([]string, len(found))
	for n, d := range found {
		if strings.EqualFold(d.ID, r.deployment) { // as Azure reads them
			return []deployment{d}, nil
		}
		known[n] = d.ID
	}
	return nil, missing(r, sdk.Near(r.deployment, known))
}

func missing(r resource, near []string) error {
	hint := "see those in the Azure portal"
	if len(near) > 0 {
		hint = "it has " + strings.Join(near, ", ")
	}
	return sdk.Errorf(sdk.CodeNotFound, "the resource '%s' has no deployment '%s'; %s", r.name, r.deployment, hint)
}

// probe asks a deployment for a chat without messages, which costs nothing: one
// that is there says what is wrong with the request.
func (a *account) probe(ctx context.Context, c *web.Catalogue, r resource) ([]deployment, error) {
	there := []deployment{{ID: r.deployment}}
	path, body := "openai/deployments/"+r.deployment+"/chat/completions?api-version="+url.QueryEscape(r.version), map[string]any{}
	if r.version == "v1" {
		path, body = "openai/v1/chat/completions", map[string]any{"model": r.deployment}
	}
	_, err := c.Post(ctx, path, body, nil)
	var status *web.StatusError
	if err == nil || !errors.As(err, &status) {
		return there, a.explain(r, err)
	}
	var said struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	_ = json.Unmarshal(status.Body, &said) // a body that says nothing has no code
	switch {
	case said.Error.Code == "DeploymentNotFound":
		return nil, missing(r, nil)
	case said.Error.Code == "OperationNotSupported":
		return there, nil // not for chat; for what else, it does not say
	case status.Status == http.StatusNotFound:
		return nil, sdk.Errorf(sdk.CodeInvalid, "the resource '%s' knows no version '%s' of the API, or is none of Azure OpenAI; set api_version or endpoint in importers/azure.json", r.name, r.version)
	case status.Status == http.StatusBadRequest, status.Status == http.StatusUnprocessableEntity:
		there[0].kind = "chat"
		return there, nil
	}
	return nil, a.explain(r, err)
}

// explain says what the user can do about a refusal.
func (a *account) explain(r resource, err error) error {
	var status *web.StatusError
	var dns *net.DNSError
	switch {
	case errors.As(err, &status) && (status.Status == http.StatusUnauthorized || status.Status == http.StatusForbidden):
		want := "a valid key; set AZURE_OPENAI_API_KEY for the server, or name it in importers/azure.json, as {\"secrets\": {\"api_key\": \"env:NAME\"}}"
		if a.Auth == "entra" {
			want = "a token of Entra whose owner has the role Cognitive Services OpenAI User there"
		}
		return sdk.Errorf(sdk.CodeUnauthorized, "the resource '%s' answers %d: it wants %s", r.name, status.Status, want)
	case errors.As(err, &dns) && dns.IsNotFound:
		return &sdk.Error{Code: sdk.CodeNotFound, Message: "there is no host of the resource '" + r.name + "'; check its name, or set endpoint in importers/azure.json", Cause: err}
	}
	return err
}
