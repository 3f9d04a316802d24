package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
)

// resolve answers a file's content: of LFS by a redirect to the CDN, of git by
// one to a cache, as the real hub does.
func (h *hub) resolve(w http.ResponseWriter, r *http.Request, repo *repo) {
	f, commit, oid, ok := h.one(w, r, repo)
	if !ok {
		return
	}
	head := w.Header()
	head.Set("X-Repo-Commit", commit)
	head.Set("Accept-Ranges", "bytes")
	head.Set("X-Linked-Size", fmt.Sprint(f.size))
	head.Set("X-Linked-Etag", `"`+oid+`"`)
	if f.lfs() {
		head.Set("Location", h.cdn.address(f, oid))
		head.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusFound)
		fmt.Fprint(w, "Found. Redirecting to the CDN")
		return
	}
	head.Set("ETag", `"`+oid+`"`)
	to := url.URL{Path: "/api/resolve-cache/models/" + repo.id + "/" + commit + "/" + f.path, RawQuery: url.Values{"etag": {`"` + oid + `"`}}.Encode()}
	head.Set("Location", to.String()) // relative, also on the real hub
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// cached answers the content of a file of git.
func (h *hub) cached(w http.ResponseWriter, r *http.Request, repo *repo) {
	f, commit, oid, ok := h.one(w, r, repo)
	if !ok {
		return
	}
	w.Header().Set("X-Repo-Commit", commit)
	w.Header().Set("ETag", `"`+oid+`"`)
	w.Header().Set("Content-Disposition", disposition(f))
	serveFile(w, r, f)
}

// raw answers what git has of a file: of one in LFS the pointer.
func (h *hub) raw(w http.ResponseWriter, r *http.Request, repo *repo) {
	f, commit, oid, ok := h.one(w, r, repo)
	if !ok {
		return
	}
	w.Header().Set("X-Repo-Commit", commit)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if f.lfs() {
		p := pointer(oid, f.size)
		w.Header().Set("ETag", `"`+gitOID(p)+`"`)
		http.ServeContent(w, r, "", f.time, strings.NewReader(p))
		return
	}
	w.Header().Set("ETag", `"`+oid+`"`)
	serveFile(w, r, f)
}

// one is the file that a request names, if the asker may read it; else it answers.
func (h *hub) one(w http.ResponseWriter, r *http.Request, repo *repo) (f file, commit, oid string, ok bool) {
	all, commit, ok := files(w, r, repo)
	if !ok || !h.readable(w, r, repo) {
		return file{}, "", "", false
	}
	for _, f := range all {
		if f.path != r.PathValue("path") {
			continue
		}
		oid, err := h.oid(f)
		if err != nil {
			fail(w, http.StatusInternalServerError, "", err.Error())
			return file{}, "", "", false
		}
		return f, commit, oid, true
	}
	fail(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
	return file{}, "", "", false
}

func disposition(f file) string {
	name := path.Base(f.path)
	return fmt.Sprintf(`inline; filename*=UTF-8''%s; filename=%q;`, url.PathEscape(name), name)
}

func serveFile(w http.ResponseWriter, r *http.Request, f file) {
	content, err := os.Open(f.on)
	if err != nil {
		fail(w, http.StatusInternalServerError, "", err.Error())
		return
	}
	defer content.Close()
	http.ServeContent(w, r, f.path, f.time, content)
}

// authCheck answers whether the asker may read the files.
func (h *hub) authCheck(w http.ResponseWriter, r *http.Request, repo *repo) {
	if h.readable(w, r, repo) {
		answer(w, http.StatusOK, object{})
	}
}

// whoami answers whose the token is.
func (h *hub) whoami(w http.ResponseWriter, r *http.Request) {
	user, ok := h.user(w, r)
	switch {
	case !ok:
	case user == "":
		fail(w, http.StatusUnauthorized, "", "Invalid username or password.")
	default:
		answer(w, http.StatusOK, object{"type": "user", "id": gitOID(user)[:24], "name": user, "fullname": user, "email": user + "@example.com", "emailVerified": true,
			"isPro": false, "canPay": false, "periodEnd": nil, "avatarUrl": h.url + "/avatars/" + user, "orgs": []object{},
			"auth": object{"type": "access_token", "accessToken": object{"displayName": "test", "role": "read", "createdAt": "2026-01-02T03:04:05.000Z"}}})
	}
}
