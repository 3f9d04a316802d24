package main

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// A target is what a ref names.
type target struct {
	owner, name string // name is empty where only an author was named
	rev         string // branch, tag or commit; empty: main
	choice      string // file, folder or quantization in it; empty: all
}

func (t target) repo() string { return t.owner + "/" + t.name }

// pinned says whether another revision than the newest was named.
func (t target) pinned() bool { return t.rev != "" && t.rev != "main" }

// ref names the repository, and the revision where one was named.
func (t target) ref() string {
	if t.pinned() {
		return "hf://" + t.repo() + "@" + t.rev
	}
	return "hf://" + t.repo()
}

// folder is what the models are kept in: files of two revisions have the same names.
func (t target) folder() string {
	if !t.pinned() {
		return t.name
	}
	rev := t.rev
	if commit.MatchString(rev) {
		rev = rev[:7]
	}
	return t.name + "-" + strings.Map(func(r rune) rune {
		if r == '/' || r == '+' {
			return '-'
		}
		return r
	}, rev[:min(len(rev), 64)])
}

var commit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// parse reads a ref in any of its forms. Web addresses are those of the public
// hub and of the one that is configured.
func parse(ref sdk.Ref, endpoint *url.URL) (target, error) {
	text := strings.TrimSpace(string(ref))
	t, why := target{}, "it has characters that no address has"
	if utf8.ValidString(text) && len(text) <= maxRef && !strings.ContainsFunc(text, unprintable) && !strings.Contains(text, `\`) {
		t, why = parseText(text, endpoint)
	}
	if why != "" {
		return target{}, sdk.Errorf(sdk.CodeInvalid, "%s names no repository of Hugging Face: %s; write hf://OWNER/REPO, such as hf://TheBloke/zephyr-7B-beta-GGUF, "+
			"or hf://TheBloke/zephyr-7B-beta-GGUF:Q5_K_M for one quantization", quoted(string(ref)), why)
	}
	return t, nil
}

const maxRef = 2048

// parseText says why a text is no ref where it is none.
func parseText(text string, endpoint *url.URL) (t target, why string) {
	scheme, rest, found := strings.Cut(text, "://")
	switch strings.ToLower(scheme) {
	case "http", "https":
		return parseAddress(text, endpoint)
	case "hf", "huggingface":
		return parsePath(rest)
	case "jan":
		path, ok := strings.CutPrefix(rest, "models/huggingface/")
		if !ok {
			return t, "of jan:// addresses only those of jan://models/huggingface/OWNER/REPO are known here"
		}
		return parsePath(path)
	}
	host, rest, _ := strings.Cut(text, "/")
	switch host = strings.ToLower(host); {
	case found || strings.HasPrefix(text, "/"):
		return t, "its beginning is not hf://"
	case host == "huggingface":
		return parsePath(rest)
	case publicHosts[host]:
		return parseAddress("https://"+text, endpoint)
	}
	return t, "its beginning is not hf://"
}

var publicHosts = map[string]bool{"huggingface.co": true, "www.huggingface.co": true, "hf.co": true}

// elsewhere are first segments of repositories that hold no models.
var elsewhere = map[string]string{"datasets": "a dataset", "spaces": "a space", "buckets": "a bucket", "kernels": "a kernel",
	"collections": "a collection", "papers": "a paper", "docs": "a page"}

// parseAddress reads the address of a page or file, as a browser shows it.
func parseAddress(text string, endpoint *url.URL) (t target, why string) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return t, "it is not well formed"
	case u.User != nil:
		return t, "a user name or password does not belong there"
	case web.Origin(u) == web.Origin(endpoint):
		u.RawPath = strings.TrimPrefix(u.EscapedPath(), endpoint.EscapedPath())
		if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
			return t, "it is not well formed"
		}
	case !publicHosts[strings.ToLower(u.Hostname())]:
		return t, "its host is not huggingface.co"
	case u.Port() != "":
		return t, "huggingface.co has no ports"
	}
	var segments []string
	for segment := range strings.SplitSeq(strings.Trim(u.EscapedPath(), "/"), "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return t, "it is not well formed"
		}
		segments = append(segments, plain)
	}
	if t, why = parseSegments(segments); t.choice == "" {
		t.choice = u.Query().Get("show_file_info") // the hub's own viewer of a GGUF file
	}
	if why == "" && t.choice != "" && !safe(t.choice) {
		why = "its file is no path inside a repository"
	}
	return t, why
}

// parsePath reads what follows hf://.
func parsePath(path string) (t target, why string) {
	return parseSegments(strings.Split(strings.TrimRight(path, "/"), "/"))
}

// parseSegments reads OWNER/REPO[@REV][:CHOICE], and what a path below it means.
func parseSegments(s []string) (t target, why string) {
	if kind, ok := elsewhere[s[0]]; ok && len(s) > 1 {
		return t, "it is " + kind + ", not a model"
	}
	if s[0] == "models" && len(s) > 2 {
		s = s[1:]
	}
	if !ownerName.MatchString(s[0]) {
		return t, "the owner has other characters than letters, digits, '.', '_' and '-'"
	}
	t.owner = s[0]
	if len(s) == 1 {
		return t, ""
	}
	return t.below(s[1], s[2:])
}

// below reads the segment of the repository's name, in which a revision and a
// choice may stand, and the path after it.
func (t target) below(segment string, path []string) (target, string) {
	t.name = segment
	i := strings.IndexAny(segment, "@:")
	switch {
	case i >= 0 && segment[i] == ':':
		t.name, t.choice = segment[:i], strings.Join(append([]string{segment[i+1:]}, path...), "/")
	case i >= 0:
		t.name = segment[:i]
		t.rev, path = revision(append([]string{segment[i+1:]}, path...))
		if rev, choice, ok := strings.Cut(t.rev, ":"); ok {
			t.rev, path = rev, append([]string{choice}, path...)
		}
		if t.choice = strings.Join(path, "/"); t.rev == "" {
			return t, "the revision after '@' is missing"
		}
	case len(path) > 1 && located[path[0]]:
		t.rev, path = revision(path[1:])
		t.choice = strings.Join(path, "/")
	case len(path) > 0 && !pages[path[0]] && !located[path[0]]:
		t.choice = strings.Join(path, "/")
	}
	t.name = strings.TrimSuffix(t.name, ".git")
	return t, t.check()
}

// located are the pages whose address goes on with a revision and a path, and
// pages those that are about the repository as a whole.
var (
	located = map[string]bool{"tree": true, "blob": true, "resolve": true, "raw": true, "blame": true, "commits": true, "commit": true}
	pages   = map[string]bool{"discussions": true, "settings": true, "files": true}
)

// revision splits segments into a revision and a path. Some revisions have
// slashes: refs/pr/1, refs/convert/parquet.
func revision(s []string) (rev string, path []string) {
	if len(s) > 2 && s[0] == "refs" && (s[1] == "pr" || s[1] == "convert") {
		return strings.Join(s[:3], "/"), s[3:]
	}
	if plain, err := url.PathUnescape(s[0]); err == nil { // hf://owner/repo@refs%2Fpr%2F1
		return plain, s[1:]
	}
	return s[0], s[1:]
}

var (
	ownerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)
	revName   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./+-]{0,254}$`)
)

// check says what is wrong with a target that names a repository.
func (t target) check() (why string) {
	switch {
	case !repoName(t.name):
		return "the repository has other characters than letters, digits, '.', '_' and '-'"
	case t.rev != "" && (!revName.MatchString(t.rev) || !safe(t.rev) || strings.Contains(t.rev, "..")):
		return "the revision is no name of a branch, tag or commit"
	case t.choice != "" && !safe(t.choice):
		return "its file is no path inside a repository"
	}
	return ""
}

func repoName(name string) bool { return ownerName.MatchString(name) && !strings.Contains(name, "..") }

// safe says whether a path stays inside of the folder that it is put into.
func safe(path string) bool {
	bad := func(segment string) bool {
		return segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, unprintable) || strings.Contains(segment, `\`)
	}
	return utf8.ValidString(path) && len(path) <= 1024 && !slices.ContainsFunc(strings.Split(path, "/"), bad)
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// quoted is foreign text for a sentence, on one line and not too long.
func quoted(text string) string {
	if runes := []rune(text); len(runes) > 120 {
		text = string(runes[:120]) + "…"
	}
	if q := strconv.Quote(text); q != `"`+text+`"` {
		return q
	}
	return fmt.Sprintf("'%s'", text)
}
