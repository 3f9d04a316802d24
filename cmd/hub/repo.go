package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A card is a .hub.json: what a repository has beside its files.
type card struct {
	Gated        string         `json:"gated"`   // "auto" or "manual"
	Private      bool           `json:"private"` // seen by those who were granted it
	Granted      []string       `json:"granted"` // users who may read what is gated or private
	Disabled     bool           `json:"disabled"`
	Moved        string         `json:"moved"` // OWNER/REPO where it is now; requests are redirected
	Downloads    int            `json:"downloads"`
	Likes        int            `json:"likes"`
	Tags         []string       `json:"tags"` // beside those that its files and its card data give
	PipelineTag  string         `json:"pipeline_tag"`
	LibraryName  string         `json:"library_name"`
	CardData     map[string]any `json:"cardData"`
	NoGGUF       bool           `json:"no_gguf"` // the hub has not read the header of its files
	LastModified time.Time      `json:"lastModified"`
}

// A repo is a repository.
type repo struct {
	card
	id, dir string // OWNER/REPO, and its folder
}

// A file is one of a repository, as it is now.
type file struct {
	path string // in the repository
	on   string // disk
	size int64
	time time.Time
}

// names are those of owners and repositories.
var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)

// repo reads OWNER/REPO; the error is fs.ErrNotExist where there is none. One in
// another spelling has moved to the right one.
func (h *hub) repo(owner, name string) (*repo, error) {
	if !names.MatchString(owner) || !names.MatchString(name) {
		return nil, fs.ErrNotExist
	}
	r := &repo{id: owner + "/" + name, dir: filepath.Join(h.root, owner, name)}
	if info, err := os.Stat(r.dir); err != nil || !info.IsDir() {
		folders, _ := filepath.Glob(filepath.Join(h.root, "*", "*"))
		for _, folder := range folders {
			if id := path.Join(filepath.Base(filepath.Dir(folder)), filepath.Base(folder)); strings.EqualFold(id, r.id) && id != r.id {
				r.Moved = id
				return r, nil
			}
		}
		return nil, fs.ErrNotExist
	}
	r.LastModified = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	text, err := os.ReadFile(filepath.Join(r.dir, ".hub.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r.card)
	}
	return r, err
}

// repos are all, by id.
func (h *hub) repos() ([]*repo, error) {
	folders, err := filepath.Glob(filepath.Join(h.root, "*", "*"))
	if err != nil {
		return nil, err
	}
	var all []*repo
	for _, folder := range folders {
		r, err := h.repo(filepath.Base(filepath.Dir(folder)), filepath.Base(folder))
		if err == nil {
			all = append(all, r)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return all, nil
}

// revision is the files of a branch or commit, by path, and its commit; the
// error is fs.ErrNotExist where there is none of that name.
func (r *repo) revision(name string) (files []file, commit string, err error) {
	branches, err := os.ReadDir(filepath.Join(r.dir, ".branches"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", err
	}
	dirs := map[string]string{"main": r.dir}
	for _, b := range branches {
		if branch, err := url.PathUnescape(b.Name()); err == nil {
			dirs[branch] = filepath.Join(r.dir, ".branches", b.Name())
		}
	}
	for branch, dir := range dirs {
		files, err := tree(dir)
		if err != nil {
			return nil, "", err
		}
		if sha := commitOf(files); name == branch || len(name) > 6 && strings.HasPrefix(sha, name) || name == "HEAD" && branch == "main" {
			return files, sha, nil
		}
	}
	return nil, "", fs.ErrNotExist
}

// tree is the files of a folder; hidden ones are the hub's own.
func tree(dir string) (files []file, err error) {
	err = filepath.WalkDir(dir, func(on string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case on != dir && (d.Name() == ".hub.json" || d.Name() == ".branches"):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		info, err := os.Stat(on) // of what a link leads to
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, on)
		files = append(files, file{filepath.ToSlash(rel), on, info.Size(), info.ModTime()})
		return err
	})
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return files, err
}

func commitOf(files []file) string {
	sum := sha1.New()
	for _, f := range files {
		fmt.Fprintln(sum, f.path, f.size, f.time.UnixNano())
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// large are the files that the hub's own .gitattributes put into LFS.
var large = regexp.MustCompile(`\.(gguf|safetensors|bin|dat|model|onnx|pt|pth|ckpt|h5|zip|imatrix)$`)

func (f file) lfs() bool { return large.MatchString(f.path) || f.size > 10<<20 }

// oid is the name of a file's content: its SHA-256 in LFS, else that of git.
func (h *hub) oid(f file) (string, error) {
	key := fmt.Sprintln(f.on, f.size, f.time.UnixNano(), f.lfs())
	if known, ok := h.oids.Load(key); ok {
		return known.(string), nil
	}
	content, err := os.Open(f.on)
	if err != nil {
		return "", err
	}
	defer content.Close()
	var sum hash.Hash = sha256.New()
	if !f.lfs() {
		sum = sha1.New()
		fmt.Fprintf(sum, "blob %d\x00", f.size)
	}
	if _, err := io.Copy(sum, content); err != nil {
		return "", err
	}
	oid := hex.EncodeToString(sum.Sum(nil))
	h.oids.Store(key, oid)
	return oid, nil
}

// pointer is what git itself holds of a file in LFS.
func pointer(oid string, size int64) string {
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, size)
}
