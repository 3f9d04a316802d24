package main

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// entra has tokens of Microsoft Entra: the one that it was given, or one that it
// gets for a client's secret (OAuth 2.0, client credentials) and keeps while it
// is good. Entra is the operator's: no model file says where it is.
type entra struct {
	settings settings // of the deployment
	token    string   // given
	secret   string   // of the client

	turn  chan struct{} // holds one while a token is fetched: who waits for it may leave
	mu    sync.Mutex
	had   string
	until time.Time
}

// early is how long before its end a token is no longer used.
const early = 5 * time.Minute

func (e *entra) tenant() string { return cmp.Or(e.settings.Tenant, os.Getenv("AZURE_TENANT_ID")) }
func (e *entra) client() string { return cmp.Or(e.settings.ClientID, os.Getenv("AZURE_CLIENT_ID")) }

func (e *entra) authority() string {
	return strings.TrimRight(cmp.Or(e.settings.Authority, os.Getenv("AZURE_AUTHORITY_HOST"), "https://login.microsoftonline.com"), "/")
}

// possible says whether there is a token, or all that it takes to get one.
func (e *entra) possible() bool {
	return e.token != "" || e.secret != "" && e.tenant() != "" && e.client() != ""
}

// tokens are those that a service was told and may repeat.
func (e *entra) tokens() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []string
	for _, token := range []string{e.token, e.had} {
		if token != "" {
			all = append(all, token)
		}
	}
	return all
}

// missing says what to set for a token, and where.
func (e *entra) missing(deployment string) error {
	return sdk.Errorf(sdk.CodeUnauthorized, "a token of Entra is missing; set AZURE_OPENAI_AD_TOKEN for the server, or tenant and client_id in engines/%s.json with the secret client_secret", deployment)
}

// bearer is a token to send.
func (e *entra) bearer(ctx context.Context, deployment string) (string, error) {
	if e.token != "" {
		return e.token, nil
	}
	if !e.possible() {
		return "", e.missing(deployment)
	}
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if time.Now().Before(e.until) {
		return e.had, nil
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := e.ask(ctx, deployment, &answer); err != nil {
		return "", err
	}
	if answer.AccessToken == "" || strings.ContainsFunc(answer.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", sdk.Errorf(sdk.CodeUnavailable, "Entra at %s answers without a token; check authority in engines/%s.json", e.authority(), deployment)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.had = answer.AccessToken
	e.until = time.Now().Add(time.Duration(min(answer.ExpiresIn, 1<<20))*time.Second - early)
	return e.had, nil
}

func (e *entra) ask(ctx context.Context, deployment string, answer any) error {
	u, err := url.Parse(e.authority())
	if err != nil {
		return err
	}
	client, err := web.New(web.Config{UserAgent: "enginebay-engine-api", Private: []string{web.Origin(u)}})
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	c := &web.Catalogue{HTTP: client, Base: e.authority()}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {e.client()}, "client_secret": {e.secret},
		"scope": {cmp.Or(e.settings.Scope, "https://cognitiveservices.azure.com/.default")}}
	_, err = c.Post(ctx, url.PathEscape(e.tenant())+"/oauth2/v2.0/token", form, answer)
	var status *web.StatusError
	if errors.As(err, &status) && status.Status < 500 && status.Status != 429 {
		return sdk.Errorf(sdk.CodeUnauthorized, "Entra gives the engine '%s' no token (%d); check tenant, client_id and the secret client_secret in engines/%s.json", deployment, status.Status, deployment)
	}
	return err
}
