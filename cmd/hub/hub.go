package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// hub serves the repositories of a folder.
type hub struct {
	root    string
	url     string
	cdn     *cdn
	tokens  map[string]string // user by token
	faults  *faults
	page    int
	verbose bool
	oids    sync.Map // names of contents that were computed
}

func newHub() *hub {
	return &hub{tokens: map[string]string{}, faults: &faults{}, cdn: newCDN()}
}

func (h *hub) addToken(text string) error {
	user, token, ok := strings.Cut(text, "=")
	if !ok || user == "" || token == "" {
		return fmt.Errorf("%q is not USER=TOKEN", text)
	}
	h.tokens[token] = user
	return nil
}

// handler serves the API and the files. They have a mux each, because an owner
// may be called "api" as far as a pattern knows.
func (h *hub) handler() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /api/models", h.list)
	api.HandleFunc("GET /api/whoami-v2", h.whoami)
	for pattern, serve := range map[string]served{
		"GET /api/models/{owner}/{name}":                               h.info,
		"GET /api/models/{owner}/{name}/revision/{rev}":                h.info,
		"GET /api/models/{owner}/{name}/auth-check":                    h.authCheck,
		"GET /api/models/{owner}/{name}/tree/{rev}":                    h.tree,
		"GET /api/models/{owner}/{name}/tree/{rev}/{path...}":          h.tree,
		"POST /api/models/{owner}/{name}/paths-info/{rev}":             h.pathsInfo,
		"GET /api/resolve-cache/models/{owner}/{name}/{rev}/{path...}": h.cached,
	} {
		api.HandleFunc(pattern, h.found(serve))
	}
	api.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "", "Sorry, we can't find the page you are looking for.")
	})
	files := http.NewServeMux()
	files.HandleFunc("GET /{owner}/{name}/resolve/{rev}/{path...}", h.found(h.resolve))
	files.HandleFunc("GET /{owner}/{name}/raw/{rev}/{path...}", h.found(h.raw))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/") {
			api.ServeHTTP(w, r)
			return
		}
		files.ServeHTTP(w, r)
	})
}

// served answers a request for a repository that the asker may know of.
type served func(w http.ResponseWriter, r *http.Request, repo *repo)

// found looks the repository up. One that is missing and one that is private
// look alike, and without a token both are a 401, as on the real hub.
func (h *hub) found(next served) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, ok := h.user(w, r)
		if !ok {
			return
		}
		repo, err := h.repo(r.PathValue("owner"), r.PathValue("name"))
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			fail(w, http.StatusInternalServerError, "", err.Error())
		case err == nil && repo.Moved != "":
			h.redirect(w, r, repo.id, repo.Moved)
		case err == nil && (!repo.Private || repo.grants(user)):
			next(w, r, repo)
		case user == "":
			fail(w, http.StatusUnauthorized, "RepoNotFound", "Invalid username or password.")
		default:
			fail(w, http.StatusNotFound, "RepoNotFound", "Repository not found")
		}
	}
}

// redirect sends a request to the place where a repository has moved.
func (h *hub) redirect(w http.ResponseWriter, r *http.Request, old, now string) {
	to := url.URL{Path: strings.Replace(r.URL.Path, "/"+old, "/"+now, 1), RawQuery: r.URL.RawQuery}
	w.Header().Set("Location", to.String())
	answer(w, http.StatusTemporaryRedirect, map[string]string{"error": "Moved to " + now})
}

// user is whose token came with a request; a wrong token is refused whatever it
// was for.
func (h *hub) user(w http.ResponseWriter, r *http.Request) (user string, ok bool) {
	authorization := r.Header.Get("Authorization")
	if authorization == "" {
		return "", true
	}
	token, _ := strings.CutPrefix(authorization, "Bearer ")
	if user = h.tokens[token]; user == "" {
		fail(w, http.StatusUnauthorized, "", "Invalid credentials in Authorization header")
		return "", false
	}
	return user, true
}

func (c *card) grants(user string) bool { return user != "" && slices.Contains(c.Granted, user) }

// readable says whether the files may be read, and answers where they may not.
func (h *hub) readable(w http.ResponseWriter, r *http.Request, repo *repo) bool {
	user := h.who(r)
	switch {
	case repo.Disabled:
		fail(w, http.StatusForbidden, "DisabledRepo", "Access to this resource is disabled.")
	case repo.Gated == "" || repo.grants(user):
		return true
	case user == "-":
		fail(w, http.StatusUnauthorized, "GatedRepo", "Access to model "+repo.id+" is restricted. You must have access to it and be authenticated to access it. Please log in.")
	default:
		fail(w, http.StatusForbidden, "GatedRepo", "Access to model "+repo.id+" is restricted and you are not in the authorized list. Visit "+h.url+"/"+repo.id+" to ask for access.")
	}
	return false
}

// files are those of the revision that a request names; where there is none it
// answers.
func files(w http.ResponseWriter, r *http.Request, repo *repo) (all []file, commit string, ok bool) {
	rev := r.PathValue("rev")
	if rev == "" {
		rev = "main"
	}
	all, commit, err := repo.revision(rev)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fail(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+rev)
		return nil, "", false
	case err != nil:
		fail(w, http.StatusInternalServerError, "", err.Error())
		return nil, "", false
	}
	return all, commit, true
}

func fail(w http.ResponseWriter, status int, code, message string) {
	if code != "" {
		w.Header().Set("X-Error-Code", code)
	}
	w.Header().Set("X-Error-Message", message)
	answer(w, status, map[string]string{"error": message})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
