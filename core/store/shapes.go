package store

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/schemas"
)

// A home is where older shapes keep something, and where it lives now.
type home struct{ old, now string }

// olderHomes are the homes of everything but the files of a model, in the order
// in which they are moved. The letters are those of facts/model-shapes.md.
func olderHomes() []home {
	return []home{
		// A: the draft of November 2023. Later shapes took over "parameters" for what was "runtime".
		{"/parameters/init", "/settings"},
		{"/parameters/runtime", "/parameters"},
		{"/metadata/engine", "/engine"},
		{"/created_at", "/created"},
		{"/settings/API-KEY", "/settings/api_key"}, // Azure
		{"/settings/DEPLOYMENT-NAME", "/settings/deployment_name"},
		{"/settings/api-version", "/settings/api_version"},
		// B: the documented names, which no program ever wrote.
		{"/engine_parameters", "/settings"},
		{"/model_parameters", "/parameters"},
		// C: as Jan 0.4 to 0.5 shipped them.
		{"/settings/engine", "/engine"},
		{"/parameters/engine", "/engine"},
		{"/settings/textModel", "/settings/text_model"},
		{"/settings/model_path", "/settings/llama_model_path"},
		// D: the catalogue before that.
		{"/quantizationName", "/metadata/quantization"},
		{"/quantMethod", "/metadata/quantization"},
		{"/bits", "/metadata/bits"},
		{"/maxRamRequired", "/metadata/max_ram_required"},
		{"/usecase", "/metadata/usecase"},
		{"/author", "/metadata/author"},
		{"/tags", "/metadata/tags"},
		{"/avatarUrl", "/metadata/cover"},
		{"/modelUrl", "/metadata/repository"},
		{"/releaseDate", "/metadata/release_date"},
		{"/shortDescription", "/description"},
		{"/longDescription", "/metadata/long_description"},
		// E: Cortex; its other keys are told apart by name, see sortKeys.
		{"/model", "/id"},
		{"/inference_params", "/parameters"},
		{"/size", "/metadata/size"},
		{"/system_template", "/settings/system_prompt"},
		{"/user_template", "/settings/user_prompt"},
		{"/ai_template", "/settings/ai_prompt"},
		{"/os", "/metadata/os"}, // of a TensorRT engine
		{"/gpu_arch", "/metadata/gpu_arch"},
		{"/quantization_method", "/metadata/quantization"},
		{"/precision", "/metadata/precision"},
		{"/trtllm_version", "/metadata/trtllm_version"},
		// F: Jan 0.6 and later.
		{"/size_bytes", "/metadata/size"},
		// A and C: the older name of a parameter, wherever it has come to by now.
		{"/token_limit", "/parameters/max_tokens"},
		{"/settings/token_limit", "/parameters/max_tokens"},
		{"/parameters/token_limit", "/parameters/max_tokens"},
	}
}

// canonize brings the draft into the canonical form. Nothing here fails: what
// has the wrong type is left for the schema to find.
func (d *draft) canonize() {
	d.dropPlaceholders()
	delete(d.root, "state") // never stored: files and instances are the truth
	for _, h := range olderHomes() {
		d.move(h.old, h.now)
	}
	d.sortKeys("", "/settings", "/parameters")
	d.sortKeys("/settings", "/parameters")
	d.sortKeys("/parameters", "/settings")
	d.dropEmptyCredentials()
	d.settleSources()
	d.nameEngine()
	d.nameFormat()
	d.root = schemas.Model().Coerce(d.root)
	if created, ok := d.root["created"].(json.Number); ok {
		d.root["created"] = seconds(created)
	}
}

// dropPlaceholders takes away "N/A", which Jan's template for imports writes
// for what it does not know, and which once got into a load path (janhq/jan#1897).
func (d *draft) dropPlaceholders() {
	objects := []any{d.root, d.root["settings"], d.root["metadata"]}
	sources, _ := d.root["sources"].([]any)
	for _, value := range append(objects, sources...) {
		object, _ := value.(map[string]any)
		maps.DeleteFunc(object, func(_ string, value any) bool { return value == "N/A" })
	}
}

// sortKeys moves the keys that the object at from does not know to the first of
// the others that does. Cortex keeps all keys on one level; the API's page lists
// sampling parameters among the settings; the API of the draft shows settings among
// the parameters.
func (d *draft) sortKeys(from string, others ...string) {
	schema := schemas.Model()
	for _, name := range slices.Sorted(maps.Keys(d.object(schemas.SplitPointer(from)))) {
		if schema.Knows(from, name) {
			continue
		}
		for _, other := range others {
			if schema.Knows(other, name) {
				d.move(from+schemas.Pointer(name), other+schemas.Pointer(name))
				break
			}
		}
	}
}

// dropEmptyCredentials takes away the empty values that the draft's example for
// Azure has, and warns of a key that is written down.
func (d *draft) dropEmptyCredentials() {
	for _, pointer := range []string{"/settings/api_key", "/settings/deployment_name", "/settings/api_version"} {
		if d.at(pointer) == "" {
			d.remove(pointer)
		}
	}
	if key, ok := d.at("/settings/api_key").(string); ok && !strings.HasPrefix(key, "env:") &&
		!strings.HasPrefix(key, "file:") && !strings.HasPrefix(key, "keyring:") {
		d.warn("/settings/api_key", "the name of a secret, such as env:AZURE_API_KEY", "what looks like the key itself")
	}
}

// seconds returns a Unix time in seconds. Jan writes milliseconds, which would be
// a time after the year 5000.
func seconds(created json.Number) json.Number {
	const latest = 100_000_000_000
	if integer(created) < latest {
		return created
	}
	return json.Number(strconv.FormatInt(integer(created)/1000, 10))
}
