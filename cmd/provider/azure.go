package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// deployment is a model at Azure under a name of the account's own.
type deployment struct{ Name, Model string }

func (p *provider) addDeployment(text string) error {
	name, model, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%q is not NAME=MODEL", text)
	}
	p.deployments = append(p.deployments, deployment{name, model})
	return nil
}

// listing are the versions of the API that list deployments.
var listing = []string{"2022-12-01", "2023-03-15-preview"}

// azure is the protocol of one resource: the version of the API is asked for
// in each request, and what a version does not have is "not found".
func (p *provider) azure() http.Handler {
	versioned := http.NewServeMux()
	versioned.HandleFunc("GET /openai/models", p.list)
	versioned.HandleFunc("GET /openai/deployments", p.listed(func(w http.ResponseWriter, _ *http.Request) {
		data := []any{}
		for _, d := range p.deployments {
			data = append(data, d.json())
		}
		answer(w, map[string]any{"object": "list", "data": data})
	}))
	versioned.HandleFunc("GET /openai/deployments/{name}", p.listed(func(w http.ResponseWriter, r *http.Request) {
		if d, ok := p.deployment(w, r.PathValue("name")); ok {
			answer(w, d.json())
		}
	}))
	versioned.HandleFunc("POST /openai/deployments/{name}/{operation...}", func(w http.ResponseWriter, r *http.Request) {
		var q question
		if d, ok := p.deployment(w, r.PathValue("name")); ok && q.read(w, r) {
			q.serve(w, r.PathValue("operation"), d.Model)
		}
	})
	versioned.HandleFunc("/", nothing)
	all := http.NewServeMux()
	all.HandleFunc("POST /openai/v1/{operation...}", func(w http.ResponseWriter, r *http.Request) {
		var q question
		if !q.read(w, r) {
			return
		}
		if d, ok := p.deployment(w, q.Model); ok {
			q.serve(w, r.PathValue("operation"), d.Model)
		}
	})
	all.HandleFunc("GET /openai/v1/models", p.list)
	all.HandleFunc("/openai/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("api-version") == "" {
			nothing(w, r)
			return
		}
		versioned.ServeHTTP(w, r)
	})
	return p.azureKey(all)
}

func nothing(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusNotFound, "404", "Resource not found")
}

func (p *provider) listed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if p.unlisted || !slices.Contains(listing, r.URL.Query().Get("api-version")) {
			nothing(w, r)
			return
		}
		next(w, r)
	}
}

func (p *provider) deployment(w http.ResponseWriter, name string) (deployment, bool) {
	i := slices.IndexFunc(p.deployments, func(d deployment) bool { return d.Name == name })
	if i < 0 {
		fail(w, http.StatusNotFound, "DeploymentNotFound", "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.")
		return deployment{}, false
	}
	return p.deployments[i], true
}

func (d deployment) json() map[string]any {
	return map[string]any{"id": d.Name, "object": "deployment", "model": d.Model, "owner": "organization-owner", "status": "succeeded",
		"created_at": created, "updated_at": created, "scale_settings": map[string]any{"scale_type": "standard"}}
}

func (p *provider) azureKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch key := r.Header.Get("Api-Key"); {
		case p.key == "", key == p.key, bearer && token == p.token:
			next.ServeHTTP(w, r)
		case bearer:
			fail(w, http.StatusUnauthorized, "401", "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired.")
		default:
			fail(w, http.StatusUnauthorized, "401", "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.")
		}
	})
}

// entra gives a token to a client that proves who it is (OAuth 2.0, client
// credentials).
func (p *provider) entra(w http.ResponseWriter, r *http.Request) {
	said := r.PathValue("tenant") + "/" + r.PostFormValue("client_id") + "=" + r.PostFormValue("client_secret")
	refuse := func(status int, code, text string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":%q,"error_description":%q}`, code, text)
	}
	switch {
	case r.PostFormValue("grant_type") != "client_credentials":
		refuse(http.StatusBadRequest, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
	case r.PostFormValue("scope") != "https://cognitiveservices.azure.com/.default":
		refuse(http.StatusBadRequest, "invalid_scope", "AADSTS1002012: The provided value for scope is not valid.")
	case p.client == "" || said != p.client:
		refuse(http.StatusUnauthorized, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
	default:
		answer(w, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": p.token})
	}
}
