package main

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// entra has tokens of Microsoft Entra: the one that it was given, or one that it
// gets for a client's secret (OAuth 2.0, client credentials) and keeps while it
// is good.
type entra struct {
	token  string // given
	secret string // of the client

	mu    sync.Mutex
	had   string
	until time.Time
}

// early is how long before its end a token is no longer used.
const early = 5 * time.Minute

// bearer is a token to send.
func (e *entra) bearer(ctx context.Context, s settings) (string, error) {
	if e.token != "" {
		return e.token, nil
	}
	if e.secret == "" || s.Tenant == "" || s.ClientID == "" {
		return "", sdk.Errorf(sdk.CodeUnauthorized, "a token of Entra is missing; set AZURE_OPENAI_AD_TOKEN for the server, or tenant and client_id in importers/azure.json with the secret client_secret")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Now().Before(e.until) {
		return e.had, nil
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := e.ask(ctx, s, &answer); err != nil {
		return "", err
	}
	if answer.AccessToken == "" {
		return "", sdk.Errorf(sdk.CodeUnavailable, "Entra at %s answers without a token; check authority in importers/azure.json", s.Authority)
	}
	e.had = answer.AccessToken
	e.until = time.Now().Add(time.Duration(min(answer.ExpiresIn, 1<<20))*time.Second - early)
	return e.had, nil
}

func (e *entra) ask(ctx context.Context, s settings, answer any) error {
	u, err := url.Parse(s.Authority)
	if err != nil {
		return err
	}
	client, err := web.New(web.Config{UserAgent: "enginebay-importer-azure", Private: []string{web.Origin(u)}})
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	c := &web.Catalogue{HTTP: client, Base: s.Authority}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.ClientID}, "client_secret": {e.secret}, "scope": {s.Scope}}
	_, err = c.Post(ctx, s.Tenant+"/oauth2/v2.0/token", form, answer)
	var status *web.StatusError
	if errors.As(err, &status) && status.Status < 500 && status.Status != 429 {
		return sdk.Errorf(sdk.CodeUnauthorized, "Entra gives no token (%s); check tenant, client_id and client_secret", status.Says())
	}
	return err
}
