package store

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/schemas"
)

// A part is an entry of the sources while they are put together.
type part struct {
	value  any    // an object, or what the schema will refuse
	origin string // its pointer in the file
	bare   bool   // written as a mere address
}

// A partHome is where a file of the model is named; inFolder tells that only its
// name counts, because the path before it is that of another program's folder.
type partHome struct {
	old      string
	inFolder bool
}

// partHomes are the homes of the files of a model, those of the model itself
// first: what lies in the folder, where it was fetched from, then what comes with it.
func partHomes() []partHome {
	return []partHome{
		{"/files/llama_model_path", true}, // E: cortex-js
		{"/files/model_path", true},
		{"/files", true},      // E: Cortex, relative to its data folder
		{"/model_path", true}, // F: relative to Jan's data folder
		{"/sources", false},
		{"/metadata/ggml_binary", false}, // A: llava
		{"/source_url", false},           // A, and C until January 2024
		{"/downloadLink", false},         // D
		{"/metadata/binaries", false},    // A
	}
}

// settleSources puts the sources together from wherever the file names files.
func (d *draft) settleSources() {
	for _, old := range []string{"/files/mmproj", "/mmproj_path", "/metadata/mmproj_binary"} {
		d.move(old, "/settings/mmproj")
	}
	for _, h := range partHomes() {
		d.collect(h)
	}
	d.dropRepositories()
	d.weightsFirst()
	d.projector()
	d.joinSameNames()
	d.details("/model", 0) // F
	d.details("/mmproj", 1)
	d.writeSources()
}

// collect takes the files that are named in one place.
func (d *draft) collect(h partHome) {
	switch value := d.at(h.old).(type) {
	case nil:
	case []any:
		for i, entry := range value {
			d.add(entry, h, d.inFile(h.old)+schemas.Pointer(strconv.Itoa(i)))
		}
	case map[string]any:
		if h.old != "/sources" && len(value) > 0 {
			return // keys that nobody knows: they are kept
		}
		d.add(value, h, d.inFile(h.old))
	default:
		d.add(value, h, d.inFile(h.old))
	}
	d.remove(h.old)
}

// add adds one file, or what the schema will refuse as one. The model's own
// folder is no file: it is where one looks without any source.
func (d *draft) add(value any, h partHome, origin string) {
	switch v := value.(type) {
	case string:
		if address := localAddress(v); address != "" && path.Clean(address) != "." {
			entry := named(map[string]any{"url": address}, h.inFolder)
			d.sources = append(d.sources, part{entry, origin, entry["filename"] == nil})
		}
	case map[string]any:
		if entry := named(v, h.inFolder); entry["filename"] != nil || entry["url"] != nil {
			d.sources = append(d.sources, part{entry, origin, false})
		}
	default:
		d.sources = append(d.sources, part{v, origin, false})
	}
}

// dropRepositories keeps the mere address of a whole repository as metadata
// where the files in it are named too.
func (d *draft) dropRepositories() {
	if !slices.ContainsFunc(d.sources, func(p part) bool { return p.filename() != "" }) {
		return
	}
	d.sources = slices.DeleteFunc(d.sources, func(p part) bool {
		if p.bare && d.at("/metadata/repository") == nil {
			d.set("/metadata/repository", p.value.(map[string]any)["url"])
			d.origin["/metadata/repository"] = p.origin
		}
		return p.bare
	})
}

// weightsFirst brings the file that llama_model_path names to the front, and
// drops the setting, which then says nothing more.
func (d *draft) weightsFirst() {
	const setting = "/settings/llama_model_path"
	written, ok := d.at(setting).(string)
	if !ok {
		return
	}
	weights := d.part(setting, written)
	i := slices.IndexFunc(d.sources, func(p part) bool { return p.filename() == weights.filename() })
	switch {
	case weights.filename() == "":
		return
	case len(d.sources) == 0:
		d.sources = []part{weights}
	case i < 0: // as in Jan's own llama3.1-8b-instruct, which spells its file in two ways
		d.warn(setting, "one of the sources, the first of which is loaded", "another name")
		return
	default:
		first := d.sources[i] // before Delete, which moves it
		d.sources = append([]part{first, weights}, slices.Delete(d.sources, i, i+1)...)
	}
	d.remove(setting)
}

// projector makes the projector of a vision model a source like the others,
// and its setting the name of that source.
func (d *draft) projector() {
	const setting = "/settings/mmproj"
	written, ok := d.at(setting).(string)
	if !ok {
		d.findProjector(setting)
		return
	}
	p := d.part(setting, written)
	if p.filename() == "" {
		return
	}
	d.set(setting, p.filename())
	if len(d.sources) > 0 { // the first source is the model itself
		d.sources = append(d.sources, p)
	}
}

// findProjector finds a projector by its name among the further sources.
func (d *draft) findProjector(setting string) {
	for i, p := range d.sources {
		if name := p.filename(); i > 0 && (strings.Contains(name, "mmproj") || strings.Contains(name, "mmprj")) {
			d.set(setting, name)
			d.origin[setting] = p.origin
			return
		}
	}
}

// joinSameNames makes one source of several that have the same name; what an
// earlier one says counts more.
func (d *draft) joinSameNames() {
	first := map[string]map[string]any{}
	d.sources = slices.DeleteFunc(d.sources, func(p part) bool {
		entry, name := p.value, p.filename()
		before, again := first[name]
		if name == "" || !again {
			first[name], _ = entry.(map[string]any)
			return false
		}
		for key, value := range entry.(map[string]any) {
			if before[key] == nil {
				before[key] = value
			}
		}
		return true
	})
}

// details moves checksum and size of a file to its source.
func (d *draft) details(prefix string, i int) {
	if i >= len(d.sources) {
		return
	}
	entry, ok := d.sources[i].value.(map[string]any)
	for _, h := range []home{{prefix + "_sha256", "sha256"}, {prefix + "_size_bytes", "size"}} {
		if value := d.at(h.old); ok && value != nil && entry[h.now] == nil {
			entry[h.now] = value
			d.origin["/sources/"+strconv.Itoa(i)+"/"+h.now] = h.old
			d.remove(h.old)
		}
	}
}

// writeSources puts the sources into the draft.
func (d *draft) writeSources() {
	list := make([]any, len(d.sources))
	for i, p := range d.sources {
		pointer := "/sources/" + strconv.Itoa(i)
		list[i], d.origin[pointer] = p.value, p.origin
		entry, _ := p.value.(map[string]any)
		if sum, ok := entry["sha256"].(string); ok {
			entry["sha256"] = strings.ToLower(sum)
		}
	}
	if len(list) > 0 {
		d.root["sources"] = list
	}
}
