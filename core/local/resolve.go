package local

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// A tool is another program that keeps models on this machine.
type tool struct {
	title  string // as its makers write it
	scheme string // of its refs, with all that stands before a model's name
	find   func(Env) []Found
	same   func(name, wanted string) bool // whether a model is meant
	place  string                         // the variable that says where its models lie; may be empty
}

func tools() []tool {
	return []tool{
		{"Ollama", "ollama://", ollama, isOllama, "OLLAMA_MODELS"},
		{"LM Studio", "lmstudio://", lmStudio, isBelow, ""},
		{"the Hugging Face cache", "hfcache://", hfCache, isBelow, "HF_HUB_CACHE"},
		{"Jan", "jan://local", jan, isBelow, "JAN_DATA_FOLDER"},
	}
}

// Claims says whether a ref is for this package, and not for an importer.
func Claims(ref sdk.Ref, env Env) bool {
	if _, isPath, _ := pathOf(ref, env.Home); isPath {
		return true
	}
	return slices.ContainsFunc(tools(), func(t tool) bool { return t.claims(ref) })
}

// ref is the ref of a model.
func (t tool) ref(name string) sdk.Ref {
	if strings.HasSuffix(t.scheme, "/") {
		return sdk.Ref(t.scheme + name)
	}
	return sdk.Ref(t.scheme + "/" + name)
}

func (t tool) claims(ref sdk.Ref) bool {
	rest, ok := strings.CutPrefix(string(ref), t.scheme)
	return ok && (strings.HasSuffix(t.scheme, "/") || rest == "" || rest[0] == '/')
}

// Resolve finds the models that a ref names on this machine, in the order of their
// names, broken ones too; a ref that names one model and leads to a broken one is
// its error. It opens each file for its header, and writes nothing.
//
// Errors: [sdk.CodeNotFound], also where a tool has no model at all,
// [sdk.CodeInvalid] for a path that cannot be used, [sdk.CodeUnsupported] for
// another ref than [Claims] takes.
func Resolve(ref sdk.Ref, env Env) ([]Found, error) {
	path, isPath, err := pathOf(ref, env.Home)
	if err != nil {
		return nil, err
	}
	if isPath {
		return lookAt(path)
	}
	for _, t := range tools() {
		if t.claims(ref) {
			return t.resolve(strings.Trim(strings.TrimPrefix(string(ref), t.scheme), "/"), env)
		}
	}
	return nil, sdk.Errorf(sdk.CodeUnsupported, "%.200q is neither a path nor a model of a tool on this machine", ref)
}

// elsewhere says how models are found that lie where one would not look.
func (t tool) elsewhere() string {
	if t.place == "" {
		return ""
	}
	return "; where they lie elsewhere, start the server with " + t.place
}

func (t tool) resolve(wanted string, env Env) ([]Found, error) {
	found := t.find(env)
	for i := range found {
		found[i].Ref = t.ref(found[i].Name)
	}
	slices.SortFunc(found, func(a, b Found) int { return cmp.Compare(a.Name, b.Name) })
	distinctIDs(found)
	if wanted == "" {
		if len(found) == 0 {
			return nil, sdk.Errorf(sdk.CodeNotFound, "%s has no models on the machine of the server, or they cannot be read%s", t.title, t.elsewhere())
		}
		return weighed(found), nil
	}
	meant := slices.DeleteFunc(slices.Clone(found), func(f Found) bool { return !t.same(f.Name, wanted) })
	if i := slices.IndexFunc(meant, func(f Found) bool { return f.Name == wanted || f.Name == wanted+":latest" }); i >= 0 {
		meant = meant[i : i+1]
	}
	switch {
	case len(meant) == 0:
		return nil, sdk.Errorf(sdk.CodeNotFound, "%s has no model %.200q; it has %s", t.title, wanted, some(found))
	case len(meant) == 1:
		meant = weighed(meant)
		return meant, meant[0].Err
	}
	return weighed(meant), nil
}

// weighed are finds with what their heads say. A head of a large vocabulary takes
// some milliseconds, and a tool may have a hundred.
func weighed(found []Found) []Found {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range found {
		group.Go(func() error {
			found[i].weigh()
			return nil
		})
	}
	_ = group.Wait() // each find has its own error
	return found
}

// distinctIDs gives finds that would have one id a longer one each: the whole name.
func distinctIDs(found []Found) {
	count := map[string]int{}
	for _, f := range found {
		count[f.ID]++
	}
	for i := range found {
		if f := &found[i]; count[f.ID] > 1 {
			f.ID = store.Sanitized(strings.ReplaceAll(f.Name, "/", "-"))
		}
	}
}

// some are the names of a few finds.
func some(found []Found) string {
	if len(found) == 0 {
		return "none at all"
	}
	var names []string
	for _, f := range found[:min(len(found), 5)] {
		names = append(names, f.Name)
	}
	if len(found) > len(names) {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), len(found)-len(names))
	}
	return strings.Join(names, ", ")
}

// isBelow says whether a model is meant by its path or by a folder of it.
func isBelow(name, wanted string) bool {
	return strings.EqualFold(name, wanted) || len(name) > len(wanted) && name[len(wanted)] == '/' && strings.EqualFold(name[:len(wanted)], wanted)
}
