package catalogue_test

import (
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/catalogue"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// shipped are all model files, by id.
func shipped(t *testing.T) map[string]*schemas.Document {
	t.Helper()
	names, err := fs.Glob(catalogue.Models, "models/*")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*schemas.Document{}
	for _, name := range names {
		text, err := fs.ReadFile(catalogue.Models, name)
		if err != nil {
			t.Fatal(err)
		}
		if files[strings.TrimSuffix(path.Base(name), ".json")], err = schemas.Parse(path.Base(name), text); err != nil {
			t.Error(err)
		}
	}
	return files
}

var fileAddress = regexp.MustCompile(`^https://huggingface\.co/[\w.-]+/[\w.-]+/resolve/main/[\w.-]+\.gguf$`)

// TestFiles: every file is in the canonical form, says what people decide on, and
// where the weights are fetched.
func TestFiles(t *testing.T) {
	for id, doc := range shipped(t) {
		t.Run(id, func(t *testing.T) {
			m, warnings, err := store.ReadManifest(doc)
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			if !store.ValidID(id) || id != strings.ToLower(id) {
				t.Errorf("%q is no id for everybody", id)
			}
			for _, key := range []string{"author", "licence", "repository", "tags", "quantization", "parameters", "context_length", "size", "memory"} {
				if value := m.Metadata[key]; value == nil || value == "" {
					t.Errorf("no %s", key)
				}
			}
			if m.Name == "" || m.Description == "" || m.OwnedBy == "" || m.Version == "" || m.Engine != "llamacpp" || m.Format != "gguf" || m.Settings["ctx_len"] == nil {
				t.Errorf("it does not say all: %+v", m)
			}
			checkSources(t, m)
		})
	}
}

func checkSources(t *testing.T, m sdk.Manifest) {
	repository, _ := m.Metadata["repository"].(string)
	for i, source := range m.Sources {
		u, err := url.Parse(source.URL)
		if err != nil || !fileAddress.MatchString(source.URL) || !strings.HasPrefix(source.URL, repository+"/resolve/") || path.Base(u.Path) != source.Filename {
			t.Errorf("source %d: %s, from %s", i, source.URL, source.Filename)
		}
		if source.SHA256 != "" || source.Size != 0 {
			t.Errorf("%s: size and checksum are asked for when it is fetched", source.Filename)
		}
		if gguf.IsMMProj(source.Filename) != (i > 0) {
			t.Errorf("source %d is %s: the weights come first, then the projector", i, source.Filename)
		}
	}
	if len(m.Sources) == 0 {
		t.Fatal("no sources")
	}
	if got := gguf.Quantization(m.Sources[0].Filename); got != m.Metadata["quantization"] {
		t.Errorf("quantization %v, and the file's name says %s", m.Metadata["quantization"], got)
	}
	if vision := len(m.Sources) > 1; vision != tagged(m, "vision") || vision && m.Settings["mmproj"] != m.Sources[1].Filename {
		t.Errorf("a projector, the setting mmproj and the tag vision go together: %v, %v", m.Settings, m.Metadata["tags"])
	}
	if embedding := m.Settings["embedding"] == true; embedding != tagged(m, "embedding") || embedding == tagged(m, "chat") && !tagged(m, "vision") {
		t.Errorf("an embedding model has the tag and the setting, and does not chat: %v, %v", m.Settings, m.Metadata["tags"])
	}
}

func tagged(m sdk.Manifest, tag string) bool {
	tags, _ := m.Metadata["tags"].([]any)
	return slices.Contains(tags, any(tag))
}

// TestListed: a store that they are installed into lists all, to be downloaded
// and with nothing wrong; those that the seeds name are among them.
func TestListed(t *testing.T) {
	s, err := store.Open(store.Config{Dir: t.TempDir(), Log: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Install(catalogue.Models); err != nil {
		t.Fatal(err)
	}
	files := shipped(t)
	if len(s.Models()) != len(files) {
		t.Errorf("%d of %d models", len(s.Models()), len(files))
	}
	addresses := map[string]string{}
	for _, m := range s.Models() {
		targets, err := m.Targets()
		if m.Ready || m.Err != nil || err != nil || len(targets) != len(m.Manifest.Sources) {
			t.Errorf("%s: ready %v, %v, %d targets, %v", m.ID, m.Ready, m.Err, len(targets), err)
		}
		if other := addresses[m.Manifest.Sources[0].URL]; other != "" {
			t.Errorf("%s and %s are the same", m.ID, other)
		}
		addresses[m.Manifest.Sources[0].URL] = m.ID
	}
	for _, id := range []string{"mistral-7b", "hermes-7b"} {
		if files[id] == nil {
			t.Errorf("no %s", id)
		}
	}
}
