package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// explain makes of a refusal of the hub what the user can do about it. The hub
// says what it means in the header X-Error-Code, since the status does not: a
// missing repository, a private one and a gated one are all a 401 to whoever has
// no token (hf_raise_for_status of huggingface_hub knows the same cases).
func (c *client) explain(ctx context.Context, t target, err error) error {
	var refused *web.StatusError
	if !errors.As(err, &refused) {
		return err
	}
	text := says(refused.Header, refused)
	fail := func(code sdk.Code, format string, args ...any) error {
		return &sdk.Error{Code: code, Message: fmt.Sprintf(format, args...), Cause: err}
	}
	switch code := refused.Header.Get("X-Error-Code"); {
	case code == "GatedRepo":
		return fail(sdk.CodeUnauthorized, "%s", c.gated(t, text))
	case code == "RevisionNotFound":
		return fail(sdk.CodeNotFound, "'%s' has no branch, tag or commit %s; leave it out for the newest", t.repo(), quoted(t.rev))
	case code == "EntryNotFound":
		return fail(sdk.CodeNotFound, "'%s' does not have that file any more; ask again", t.repo())
	case code == "DisabledRepo", text == "Access to this resource is disabled.":
		return fail(sdk.CodeUnauthorized, "'%s' has been disabled by %s", t.repo(), c.endpoint.Host)
	case code == "RepoNotFound", refused.Status == http.StatusUnauthorized && !c.token, refused.Status == http.StatusNotFound:
		return fail(sdk.CodeNotFound, "%s", c.missing(ctx, t))
	case refused.Status == http.StatusForbidden:
		return fail(sdk.CodeUnauthorized, "%s does not let this token read '%s'%s", c.endpoint.Host, t.repo(), after(text))
	}
	return c.explainStatus(err, refused)
}

// explainList is explain for a call that names no repository.
func (c *client) explainList(err error) error {
	var refused *web.StatusError
	if !errors.As(err, &refused) {
		return err
	}
	return c.explainStatus(err, refused)
}

func (c *client) explainStatus(err error, refused *web.StatusError) error {
	fail := func(code sdk.Code, format string, args ...any) error {
		return &sdk.Error{Code: code, Message: fmt.Sprintf(format, args...), Cause: err}
	}
	switch status := refused.Status; {
	case status == http.StatusUnauthorized && c.token:
		return fail(sdk.CodeUnauthorized, "%s does not accept the token that HF_TOKEN or 'hf auth login' gave; make a new one at %s/settings/tokens, or take it away", c.endpoint.Host, c.Base)
	case status == http.StatusTooManyRequests:
		return fail(sdk.CodeUnavailable, "%s has had too many requests from here; wait some minutes, or set HF_TOKEN, which is allowed more", c.endpoint.Host)
	case status >= 500:
		return fail(sdk.CodeUnavailable, "%s has a fault at present (status %d); try again later", c.endpoint.Host, status)
	}
	return err
}

func after(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// gated is what to do about a repository whose licence must be accepted first.
func (c *client) gated(t target, text string) string {
	page := c.Base + "/" + t.repo()
	switch {
	case !c.token:
		return fmt.Sprintf("'%s' is gated: accept its terms at %s, make a token at %s/settings/tokens, and give it to the server as HF_TOKEN or with 'hf auth login'", t.repo(), page, c.Base)
	case strings.Contains(text, "awaiting"), strings.Contains(text, "rejected"):
		return fmt.Sprintf("'%s' is gated, and the token's account is not let in yet: %s", t.repo(), text)
	}
	return fmt.Sprintf("'%s' is gated, and the token's account has not been let in: accept its terms at %s with that account; a fine-grained token must allow gated repositories", t.repo(), page)
}

// missing is what to do about a repository that is not there, or not for this
// token: the hub does not tell them apart.
func (c *client) missing(ctx context.Context, t target) string {
	text := fmt.Sprintf("there is no repository '%s' on %s", t.repo(), c.endpoint.Host)
	if near := c.near(ctx, t); len(near) > 0 {
		text += "; did you mean " + enumerated(near) + "?"
	} else {
		text += "."
	}
	if c.token {
		return text + " If it is private, the token must be of an account that may read it"
	}
	return text + " If it is private, set HF_TOKEN"
}

// suggestions are how many names an answer proposes.
const suggestions = 3

// near are repositories whose names are like one that is missing: with the same
// name at another owner, or of the same owner.
func (c *client) near(ctx context.Context, t target) (names []string) {
	ctx, cancel := context.WithTimeout(ctx, c.patience/3)
	defer cancel()
	once := *c
	once.Tries = 1
	for _, query := range []url.Values{
		{"search": {plainName(t.name)}, "filter": {"gguf"}, "limit": {"10"}},
		{"author": {t.owner}, "search": {firstWord(t.name)}, "filter": {"gguf"}, "limit": {"10"}},
		{"author": {t.owner}, "filter": {"gguf"}, "limit": {"10"}},
	} {
		found, err := once.models(ctx, query)
		if err != nil {
			return names
		}
		for _, i := range found {
			if name := quoted(i.ID); len(names) < suggestions && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			return names
		}
	}
	return nil
}

// plainName is a repository's name without what only says that it is one of GGUF
// files.
func plainName(name string) string {
	lower := strings.ToLower(name)
	for _, end := range []string{"-gguf", "_gguf", ".gguf", "-i1"} {
		lower = strings.TrimSuffix(lower, end)
	}
	return name[:len(lower)]
}

// firstWord is the first part of a name, which is mostly that of its family.
func firstWord(name string) string {
	if i := strings.IndexAny(name, "-_."); i > 0 {
		return name[:i]
	}
	return name
}

// author answers a ref that names only an owner.
func (c *client) author(ctx context.Context, t target) error {
	found, err := c.models(ctx, url.Values{"author": {t.owner}, "filter": {"gguf"}, "limit": {"5"}})
	if err != nil {
		return c.explainList(err)
	}
	if len(found) == 0 {
		return sdk.Errorf(sdk.CodeInvalid, "'%s' alone is no repository, and nobody of that name has GGUF models on %s; write hf://OWNER/REPO, or look with 'enginebay search'", t.owner, c.endpoint.Host)
	}
	var names []string
	for _, i := range found {
		names = append(names, quoted("hf://"+i.ID))
	}
	return sdk.Errorf(sdk.CodeInvalid, "'%s' is an author and not a repository; the most used of theirs: %s", t.owner, strings.Join(names, ", "))
}

// enumerated is "a", "a or b", "a, b or c".
func enumerated(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
