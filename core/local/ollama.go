package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// Ollama keeps models like container images (github.com/ollama/ollama, manifest/,
// August 2026):
//
//	manifests/HOST/NAMESPACE/MODEL/TAG   JSON: layers by kind and SHA-256
//	blobs/sha256-…                       the layers; that of the kind "model" is the GGUF file
const (
	ollamaHost      = "registry.ollama.ai"
	ollamaNamespace = "library"
	ollamaLayer     = "application/vnd.ollama.image."
)

// ollama finds the models of Ollama, of the user's own and of the service.
func ollama(env Env) (found []Found) {
	seen := map[string]bool{}
	for _, root := range folders(env.Get("OLLAMA_MODELS"), filepath.Join(env.Home, ".ollama", "models"), env.Shared) {
		for _, manifest := range ollamaManifests(root) {
			name := ollamaName(manifest)
			if seen[name] {
				continue
			}
			seen[name] = true
			f := Found{Name: name, ID: store.Sanitized(strings.NewReplacer("/", "-", ":", "-").Replace(strings.TrimSuffix(name, ":latest")))}
			if err := f.ollama(root, manifest); err != nil {
				f.Err = sdk.Errorf(sdk.CodeInvalid, "The model %s of Ollama cannot be used: %v", name, err)
			}
			found = append(found, f)
		}
	}
	return found
}

// ollamaManifests are the paths of the manifests below manifests/, four parts each.
func ollamaManifests(root string) (manifests []string) {
	dir := filepath.Join(root, "manifests")
	_ = filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(dir, file)
		if err != nil || relErr != nil {
			return nil //nolint:nilerr // a folder that cannot be read has no models for us
		}
		depth := len(strings.Split(rel, string(filepath.Separator)))
		switch {
		case e.IsDir() && depth > 4:
			return fs.SkipDir
		case !e.IsDir() && depth == 4 && !strings.HasPrefix(e.Name(), "."):
			manifests = append(manifests, filepath.ToSlash(rel))
		}
		return nil
	})
	return manifests
}

// ollamaName is how "ollama list" shows a model.
func ollamaName(manifest string) string {
	dir, tag := path.Split(manifest)
	name := strings.TrimPrefix(path.Clean(dir), ollamaHost+"/")
	return strings.TrimPrefix(name, ollamaNamespace+"/") + ":" + tag
}

// isOllama says whether a model is meant: without a tag, any of that name may be.
func isOllama(name, wanted string) bool {
	if !strings.Contains(path.Base(wanted), ":") {
		model, _, _ := strings.Cut(name, ":")
		return strings.EqualFold(model, wanted)
	}
	return strings.EqualFold(name, wanted)
}

// An ollamaManifest is a file below manifests/.
type ollamaManifest struct {
	Layers []struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int64  `json:"size"`
	} `json:"layers"`
}

// ollama reads a manifest, and what its layers say.
func (f *Found) ollama(root, manifest string) error {
	data, err := readSmall(filepath.Join(root, "manifests", filepath.FromSlash(manifest)))
	if err != nil {
		return err
	}
	var m ollamaManifest
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("its manifest: %w", err)
	}
	f.Manifest.OwnedBy = "ollama"
	f.Manifest.Metadata = map[string]any{"ollama": f.Name}
	f.names = map[string]string{}
	for _, layer := range m.Layers {
		kind, ours := strings.CutPrefix(layer.MediaType, ollamaLayer)
		if !ours {
			continue
		}
		blob, err := ollamaBlob(root, layer.Digest)
		if err == nil {
			err = f.layer(kind, blob, layer.Size)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	if len(f.Files) == 0 {
		return errors.New("it has no weights: it is a service, or of a kind that is not GGUF")
	}
	f.raw = true
	return nil
}

// layer takes in what one layer holds.
func (f *Found) layer(kind, blob string, size int64) error {
	switch kind {
	case "model", "projector":
		info, err := os.Stat(blob)
		switch {
		case err != nil:
			return cause(err)
		case size > 0 && info.Size() != size:
			return fmt.Errorf("%s has %d bytes and should have %d", filepath.Base(blob), info.Size(), size)
		case kind == "projector":
			f.MMProj, f.names[blob] = blob, f.ID+"-mmproj.gguf"
		case len(f.Files) > 0:
			return errors.New("there are several, which only Ollama can put together")
		default:
			f.Files, f.names[blob] = []string{blob}, f.ID+".gguf"
		}
	case "adapter":
		return errors.New("it needs an adapter (LoRA), which Engine Bay does not load")
	case "tensor", "json":
		return errors.New("its weights are not GGUF")
	case "params":
		return f.ollamaParams(blob)
	case "template", "system":
		text, err := readSmall(blob)
		if err != nil {
			return err
		}
		f.Manifest.Metadata = with(f.Manifest.Metadata, "ollama_"+kind, string(text))
	}
	return nil
}

// ollamaOptions are the names that options of Ollama have here.
var ollamaOptions = map[string]string{
	"temperature": "temperature", "top_k": "top_k", "top_p": "top_p", "min_p": "min_p", "typical_p": "typ_p", "tfs_z": "tfs_z",
	"seed": "seed", "stop": "stop", "num_predict": "max_tokens", "repeat_penalty": "repeat_penalty", "repeat_last_n": "repeat_last_n",
	"presence_penalty": "presence_penalty", "frequency_penalty": "frequency_penalty", "mirostat": "mirostat",
	"mirostat_tau": "mirostat_tau", "mirostat_eta": "mirostat_eta", "penalize_newline": "penalize_nl",
}

// ollamaParams takes over the options that mean the same here.
func (f *Found) ollamaParams(blob string) error {
	text, err := readSmall(blob)
	if err != nil {
		return err
	}
	var options map[string]any
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	if err := dec.Decode(&options); err != nil {
		return err
	}
	for name, value := range options {
		group, ours := "parameters", ollamaOptions[name]
		if name == "num_ctx" {
			group, ours = "settings", "ctx_len"
		}
		if ours == "" || ours == "max_tokens" && strings.HasPrefix(fmt.Sprint(value), "-") { // no bound
			continue
		}
		patched, err := store.Patch(f.Manifest, map[string]any{group: map[string]any{ours: value}})
		if err == nil { // one that cannot be so is Ollama's alone
			f.Manifest = patched
		}
	}
	return nil
}

var ollamaDigest = regexp.MustCompile(`^sha256[:-][0-9a-f]{64}$`)

// ollamaBlob is the file of a layer. The manifest is a stranger's: a digest must not
// lead elsewhere.
func ollamaBlob(root, digest string) (string, error) {
	if !ollamaDigest.MatchString(digest) {
		return "", fmt.Errorf("%.80q is no digest", digest)
	}
	return filepath.Join(root, "blobs", strings.Replace(digest, ":", "-", 1)), nil
}

// readSmall reads a text of another tool; one that is larger than texts are is an
// error, and so is what would block.
func readSmall(file string) ([]byte, error) {
	const most = 256 << 10
	if !isRegular(file) {
		if _, err := os.Stat(file); err != nil {
			return nil, cause(err)
		}
		return nil, errors.New("it is no regular file")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(data) > most {
		err = fmt.Errorf("it is larger than %d bytes", most)
	}
	return data, err
}
