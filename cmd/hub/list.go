package main

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// list answers the repositories that a query asks for, in pages.
func (h *hub) list(w http.ResponseWriter, r *http.Request) {
	user, ok := h.user(w, r)
	if !ok {
		return
	}
	all, err := h.repos()
	if err != nil {
		fail(w, http.StatusInternalServerError, "", err.Error())
		return
	}
	found := []object{}
	for _, repo := range all {
		files, commit, err := repo.revision("main")
		if err != nil || repo.Moved != "" || repo.Private && !repo.grants(user) {
			continue
		}
		o := repo.object(files)
		o["sha"] = commit
		if o["siblings"], err = h.siblings(files, false); err == nil && matches(o, r.URL.Query()) {
			found = append(found, o)
		}
	}
	arrange(found, r.URL.Query().Get("sort"))
	found = page(w, r, h, found)
	for i, o := range found {
		found[i] = listed(r, o)
	}
	answer(w, http.StatusOK, found)
}

// matches says whether a repository is what a query asks for: all words of
// "search" in its name, all of "filter" among its tags.
func matches(o object, query url.Values) bool {
	id := strings.ToLower(o["id"].(string))
	for word := range strings.FieldsSeq(strings.ToLower(query.Get("search"))) {
		if !strings.Contains(id, word) {
			return false
		}
	}
	for _, tag := range query["filter"] {
		if !slices.Contains(o["tags"].([]string), tag) {
			return false
		}
	}
	task := query.Get("pipeline_tag")
	return (query.Get("author") == "" || o["author"] == query.Get("author")) && (task == "" || o["pipeline_tag"] == task)
}

// arrange puts the most downloaded first, or the most liked; without either the
// order is by id.
func arrange(found []object, by string) {
	if by == "downloads" || by == "likes" {
		slices.SortStableFunc(found, func(a, b object) int { return cmp.Compare(b[by].(int), a[by].(int)) })
	}
}

// listed is what a list has of a repository.
func listed(r *http.Request, o object) object {
	query := r.URL.Query()
	if len(query["expand"])+len(query["expand[]"]) > 0 || query.Get("full") == "true" {
		return expanded(r, o)
	}
	short := object{}
	for _, key := range []string{"_id", "id", "modelId", "likes", "private", "downloads", "tags", "pipeline_tag", "library_name", "createdAt"} {
		if v, ok := o[key]; ok {
			short[key] = v
		}
	}
	return short
}

// page is the part of a list that a request asks for; where there is more, the
// answer has a link to it.
func page(w http.ResponseWriter, r *http.Request, h *hub, all []object) []object {
	query := r.URL.Query()
	limit := h.page
	if n, err := strconv.Atoi(query.Get("limit")); err == nil && n > 0 {
		limit = min(limit, n)
	}
	text, _ := base64.StdEncoding.DecodeString(query.Get("cursor"))
	from, _ := strconv.Atoi(string(text))
	from = min(max(from, 0), len(all))
	to := min(from+limit, len(all))
	if to < len(all) {
		query.Set("cursor", base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(to))))
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, h.url, r.URL.EscapedPath(), query.Encode()))
	}
	return all[from:to]
}
