package main

import (
	"path"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// A resolution is a repository on its way to plans.
type resolution struct {
	c    *client
	t    target // with the repository's own spelling
	info *info
	weights
	tensors  []sibling // of safetensors, and what belongs to them
	only     bool      // whether the repository has no other variant
	names    map[string]string
	head     *gguf.Header // of the first variant; nil where it could not be read
	config   modelConfig  // of safetensors
	selected []variant
}

// choose finds in a repository what was asked for.
func choose(c *client, t target, i *info) (*resolution, error) {
	t.owner, t.name, _ = strings.Cut(i.ID, "/")
	files := slices.DeleteFunc(slices.Clone(i.Siblings), func(s sibling) bool { return !safe(s.Path) || hidden(s.Path) || len(s.Path) > maxPath })
	for n, f := range files {
		files[n].Size = max(0, f.Size, f.LFS.Size) // a mirror may give that of the pointer
	}
	r := &resolution{c: c, t: t, info: i, weights: sortOut(files), tensors: tensorFiles(files)}
	r.only = len(r.variants) == 1
	r.names = flat(files)
	for _, v := range r.incomplete {
		c.log.Warn("a split file is left out", "repository", i.ID, "file", v.path(), "reason", v.missing)
	}
	switch {
	case strings.EqualFold(t.choice, formatSafetensors) && len(r.tensors) > 0:
	case len(r.variants) == 0 && len(r.tensors) > 0 && (t.choice == "" || r.hasTensor(t.choice)):
	case len(r.variants) > 0 && t.choice == "":
		r.selected = r.variants
	default:
		if r.selected = pick(t.choice, r.variants); len(r.selected) == 0 {
			return nil, r.nothing(files)
		}
	}
	return r, nil
}

// maxPath is the longest path that a model file has for a file.
const maxPath = 255

func hidden(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(s string) bool { return strings.HasPrefix(s, ".") })
}

// flat is how files are called in the model's folder: without the folders of the
// repository, where that leaves no two with the same name. Parts of a split file
// must stay in one folder, and have the same prefix, so that both or none of two
// folders are flattened.
func flat(files []sibling) map[string]string {
	taken := map[string]int{}
	for _, f := range files {
		taken[strings.ToLower(path.Base(f.Path))]++
	}
	deep := map[string]bool{}
	for _, f := range files {
		if taken[strings.ToLower(path.Base(f.Path))] > 1 {
			deep[unsplit(f.Path)] = true
		}
	}
	names := map[string]string{}
	for _, f := range files {
		names[f.Path] = path.Base(f.Path)
		if deep[unsplit(f.Path)] {
			names[f.Path] = f.Path
		}
	}
	return names
}

// pick finds the variants that a person means: by the path of a file, its name,
// the name of a variant, a quantization, a folder, or the stem of a file. The
// first reading that finds anything counts; case and punctuation do not.
func pick(choice string, all []variant) (found []variant) {
	fold := func(a, b string) bool { return strings.EqualFold(a, b) }
	readings := []func(variant) bool{
		func(v variant) bool { return v.any(func(p string) bool { return p == choice }) },
		func(v variant) bool {
			return v.any(func(p string) bool { return fold(p, choice) || fold(path.Base(p), choice) })
		},
		func(v variant) bool { return normal(v.name) == normal(choice) },
		func(v variant) bool { return v.quantization != "" && v.quantization == quantization(choice) },
		func(v variant) bool { return len(v.path()) > len(choice) && fold(v.path()[:len(choice)+1], choice+"/") },
		func(v variant) bool { return fold(path.Base(unsplit(v.path())), choice) },
	}
	for _, means := range readings {
		for _, v := range all {
			if means(v) {
				found = append(found, v)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

func (v variant) any(is func(path string) bool) bool {
	return slices.ContainsFunc(v.files, func(f sibling) bool { return is(f.Path) })
}

// quantization is that which a text is, and not only has somewhere.
func quantization(text string) string {
	q := gguf.Quantization(text)
	if q == "" || normal(text) != q && normal(text) != "FP"+q[1:] {
		return ""
	}
	return q
}

// nothing says why there is nothing to fetch.
func (r *resolution) nothing(files []sibling) error {
	repo := "'" + r.t.repo() + "'"
	there := slices.ContainsFunc(files, func(f sibling) bool { return strings.EqualFold(f.Path, r.t.choice) })
	broken := pick(r.t.choice, r.incomplete)
	if r.t.choice == "" {
		broken = r.incomplete
	}
	switch {
	case len(broken) > 0:
		return sdk.Errorf(sdk.CodeUnsupported, "%s of %s is not whole: %s", quoted(broken[0].path()), repo, broken[0].missing)
	case r.t.choice != "" && gguf.IsMMProj(r.t.choice) && there:
		return sdk.Errorf(sdk.CodeInvalid, "%s of %s is a projector, which comes along with each of its models; choose one of those: %s", quoted(r.t.choice), repo, r.listed())
	case len(r.variants) > 0 && there:
		return sdk.Errorf(sdk.CodeInvalid, "%s of %s is no model file; choose one of %s", quoted(r.t.choice), repo, r.listed())
	case len(r.variants) > 0:
		return sdk.Errorf(sdk.CodeNotFound, "%s has no %s; it has %s", repo, quoted(r.t.choice), r.listed())
	case len(r.tensors) > 0:
		return sdk.Errorf(sdk.CodeNotFound, "%s has no GGUF files and no %s, only safetensors; leave out what follows the repository's name", repo, quoted(r.t.choice))
	case len(r.projectors) > 0:
		return sdk.Errorf(sdk.CodeUnsupported, "%s has only the projector of a model, and not the model; look for that with 'enginebay search %s'", repo, plainName(r.t.name))
	case len(files) == 0:
		return sdk.Errorf(sdk.CodeUnsupported, "%s has no files", repo)
	}
	return sdk.Errorf(sdk.CodeUnsupported, "%s has no model in GGUF or safetensors, only %s files; look for one with 'enginebay search %s'", repo, endings(files), plainName(r.t.name))
}

// listed are the variants' names for a sentence.
func (r *resolution) listed() string {
	var names []string
	for _, v := range r.variants[:min(len(r.variants), 24)] {
		names = append(names, line(v.name, 40))
	}
	if len(r.variants) > len(names) {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}

// endings are those of files, for a sentence.
func endings(files []sibling) string {
	var all []string
	for _, f := range files {
		if ext := path.Ext(f.Path); ext != "" && !slices.Contains(all, ext) {
			all = append(all, ext)
		}
	}
	slices.Sort(all)
	return line(strings.Join(all[:min(len(all), 8)], ", "), 120)
}
