package web

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
)

// An Entra has tokens of Microsoft Entra: the one that it was given, or one that it
// gets for a client's secret (OAuth 2.0, client credentials) and keeps while it is
// good. It is the operator's: nothing that others write may say where it is. It may be
// used concurrently, and must not be copied.
type Entra struct {
	Token  string // given
	Secret string // of the client

	Tenant    string // empty is AZURE_TENANT_ID of the environment
	Client    string // empty is AZURE_CLIENT_ID
	Authority string // empty is AZURE_AUTHORITY_HOST, else that of the public cloud
	Scope     string // empty is Azure's AI services
	File      string // where the operator writes these, such as importers/azure.json
	UserAgent string // default "enginebay"

	once  sync.Once
	turn  chan struct{} // holds one while a token is fetched: who waits for it may leave
	mu    sync.Mutex
	had   string
	until time.Time
}

// early is how long before its end a token is no longer used.
const early = 5 * time.Minute

func (e *Entra) tenant() string { return cmp.Or(e.Tenant, os.Getenv("AZURE_TENANT_ID")) }
func (e *Entra) client() string { return cmp.Or(e.Client, os.Getenv("AZURE_CLIENT_ID")) }

func (e *Entra) authority() string {
	return strings.TrimRight(cmp.Or(e.Authority, os.Getenv("AZURE_AUTHORITY_HOST"), "https://login.microsoftonline.com"), "/")
}

// Possible says whether there is a token, or all that it takes to get one.
func (e *Entra) Possible() bool {
	return e.Token != "" || e.Secret != "" && e.tenant() != "" && e.client() != ""
}

// Tokens are those that a service was told, and may repeat.
func (e *Entra) Tokens() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []string
	for _, token := range []string{e.Token, e.had} {
		if token != "" {
			all = append(all, token)
		}
	}
	return all
}

// Missing says what to set for a token, and where.
func (e *Entra) Missing() error {
	return sdk.Errorf(sdk.CodeUnauthorized, "a token of Entra is missing; set AZURE_OPENAI_AD_TOKEN for the server, or tenant and client_id in %s with the secret client_secret", e.File)
}

// Bearer is a token to send. [sdk.CodeUnauthorized]: there is none, and what to set;
// [sdk.CodeUnavailable]: Entra does not answer.
func (e *Entra) Bearer(ctx context.Context) (string, error) {
	if e.Token != "" {
		return e.Token, nil
	}
	if !e.Possible() {
		return "", e.Missing()
	}
	e.once.Do(func() { e.turn = make(chan struct{}, 1) })
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
	if err := e.ask(ctx, &answer); err != nil {
		return "", err
	}
	if answer.AccessToken == "" || strings.ContainsFunc(answer.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", sdk.Errorf(sdk.CodeUnavailable, "Entra at %s answers without a token; check authority in %s", Public(e.authority()), e.File)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.had = answer.AccessToken
	e.until = time.Now().Add(time.Duration(min(answer.ExpiresIn, 1<<20))*time.Second - early)
	return e.had, nil
}

func (e *Entra) ask(ctx context.Context, answer any) error {
	u, err := url.Parse(e.authority())
	if err != nil {
		return err
	}
	client, err := New(Config{UserAgent: e.UserAgent, Private: []string{Origin(u)}})
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	c := &Catalogue{HTTP: client, Base: e.authority()}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {e.client()}, "client_secret": {e.Secret},
		"scope": {cmp.Or(e.Scope, "https://cognitiveservices.azure.com/.default")}}
	_, err = c.Post(ctx, url.PathEscape(e.tenant())+"/oauth2/v2.0/token", form, answer)
	var status *StatusError
	if errors.As(err, &status) && status.Status < 500 && status.Status != 429 {
		says := strings.ReplaceAll(status.Says(), e.Secret, "(hidden)")
		return sdk.Errorf(sdk.CodeUnauthorized, "Entra gives no token (%d: %s); check tenant, client_id and the secret client_secret in %s", status.Status, says, e.File)
	}
	return err
}
