package store

import (
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
)

// part returns the part that a setting names: one of the sources by its file
// name, or a further file.
func (d *draft) part(setting, address string) part {
	if slices.ContainsFunc(d.sources, func(p part) bool { return p.filename() == address }) {
		return part{map[string]any{"filename": address}, d.inFile(setting), false}
	}
	inFolder := !isURL(address) && !isAbsolute(address)
	entry := named(map[string]any{"url": localAddress(address)}, inFolder)
	return part{entry, d.inFile(setting), false}
}

// filename returns the name of the file in the model's folder, and "" where the
// source is not a file.
func (p part) filename() string {
	entry, _ := p.value.(map[string]any)
	name, _ := entry["filename"].(string)
	return name
}

// named gives a source the name of its file where its address ends in one, and
// drops an address that says no more than the name: a file in the model's folder.
func named(entry map[string]any, inFolder bool) map[string]any {
	maps.DeleteFunc(entry, func(_ string, value any) bool { return value == "" })
	written, ok := entry["url"].(string)
	if !ok {
		return entry
	}
	address := localAddress(written)
	name := fileName(address)
	if inFolder && !isURL(address) && !isAbsolute(address) {
		address = path.Base(address)
		name = address
	}
	if entry["filename"] == nil && name != "" {
		entry["filename"] = name
	}
	entry["url"] = address
	if path.Clean(address) == entry["filename"] {
		delete(entry, "url")
	}
	return entry
}

// fileName returns the name that the file at address has in the model's folder,
// and "" where the address is not one of a file of weights.
func fileName(address string) string {
	name := address
	if isURL(address) {
		u, err := url.Parse(address)
		if err != nil {
			return ""
		}
		name = u.Path
	}
	if isURL(address) || isAbsolute(address) || strings.HasPrefix(path.Clean(name), "..") {
		name = path.Base(name)
	}
	extensions := []string{".gguf", ".ggml", ".bin", ".safetensors", ".onnx", ".engine", ".pt", ".pth"}
	if !slices.Contains(extensions, strings.ToLower(path.Ext(name))) || strings.HasPrefix(path.Base(name), ".") {
		return ""
	}
	return path.Clean(name)
}

// localAddress returns an address with slashes, and a local one without the
// scheme that some files write before a path.
func localAddress(address string) string {
	for _, scheme := range []string{"file://", "files://"} {
		address = strings.TrimPrefix(address, scheme)
	}
	if isURL(address) {
		return address
	}
	return strings.ReplaceAll(address, `\`, "/")
}

// IsWeights says whether a path or address ends in the name of a weight file.
func IsWeights(address string) bool { return fileName(localAddress(address)) != "" }

func isURL(address string) bool { return strings.Contains(address, "://") }

// isAbsolute tells whether a local address stands for itself: /x, ~/x, C:/x.
func isAbsolute(address string) bool {
	return strings.HasPrefix(address, "/") || strings.HasPrefix(address, "~") || len(address) > 1 && address[1] == ':'
}
