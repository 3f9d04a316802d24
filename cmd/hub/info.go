package main

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk/gguf"
)

// object is an answer in JSON.
type object map[string]any

// info answers what there is to know of a repository at a revision.
func (h *hub) info(w http.ResponseWriter, r *http.Request, repo *repo) {
	all, commit, ok := files(w, r, repo)
	if !ok {
		return
	}
	whole := repo.object(all)
	whole["sha"] = commit
	siblings, err := h.siblings(all, r.URL.Query().Get("blobs") == "true" || r.URL.Query().Get("blobs") == "1")
	if err != nil {
		fail(w, http.StatusInternalServerError, "", err.Error())
		return
	}
	whole["siblings"] = siblings
	answer(w, http.StatusOK, expanded(r, whole))
}

// object is what info and lists say of a repository.
func (r *repo) object(all []file) object {
	id := sha1.Sum([]byte(r.id))
	o := object{"_id": hex.EncodeToString(id[:12]), "id": r.id, "modelId": r.id, "author": path.Dir(r.id), "private": r.Private,
		"gated": false, "disabled": r.Disabled, "downloads": r.Downloads, "likes": r.Likes, "tags": r.tags(all), "lastModified": r.LastModified,
		"createdAt": r.LastModified, "spaces": []string{}}
	if r.Gated != "" {
		o["gated"] = r.Gated
	}
	for key, text := range map[string]string{"pipeline_tag": r.PipelineTag, "library_name": r.LibraryName} {
		if text != "" {
			o[key] = text
		}
	}
	if r.CardData != nil {
		o["cardData"] = r.CardData
	}
	if g := ggufOf(all); g != nil && !r.NoGGUF {
		o["gguf"] = g
	}
	if s := safetensorsOf(all); s != nil {
		o["safetensors"] = s
	}
	return o
}

// tags are those of the card, and those that the hub adds.
func (r *repo) tags(all []file) []string {
	tags := slices.Clone(r.Tags)
	for _, kind := range []string{"gguf", "safetensors"} {
		if slices.ContainsFunc(all, func(f file) bool { return strings.HasSuffix(f.path, "."+kind) }) {
			tags = append(tags, kind)
		}
	}
	for key, tag := range map[string]string{"license": "license:", "base_model": "base_model:"} {
		if text, ok := r.CardData[key].(string); ok {
			tags = append(tags, tag+text)
		}
	}
	slices.Sort(tags)
	return append(slices.Compact(tags), "region:us")
}

// ggufOf is what the hub reads in the header of the first file that it can read.
func ggufOf(all []file) object {
	for _, f := range all {
		if !strings.HasSuffix(f.path, ".gguf") || gguf.IsMMProj(f.path) {
			continue
		}
		if header, err := gguf.Read(f.on); err == nil {
			return object{"total": header.Parameters, "architecture": header.Architecture, "context_length": header.ContextLength,
				"chat_template": header.ChatTemplate, "eos_token": header.EOSToken}
		}
	}
	return nil
}

// safetensorsOf is the number of parameters by type, as the headers have it.
func safetensorsOf(all []file) object {
	parameters := map[string]int64{}
	for _, f := range all {
		if strings.HasSuffix(f.path, ".safetensors") && !strings.Contains(f.path, "/") {
			countTensors(f.on, parameters)
		}
	}
	if len(parameters) == 0 {
		return nil
	}
	var total int64
	for n := range maps.Values(parameters) {
		total += n
	}
	return object{"parameters": parameters, "total": total}
}

func countTensors(name string, parameters map[string]int64) {
	f, err := os.Open(name)
	if err != nil {
		return
	}
	defer f.Close()
	var size uint64
	if err := binary.Read(f, binary.LittleEndian, &size); err != nil || size > 25_000_000 {
		return
	}
	var header map[string]struct {
		DType string  `json:"dtype"`
		Shape []int64 `json:"shape"`
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(f, text); err != nil || json.Unmarshal(text, &header) != nil {
		return
	}
	delete(header, "__metadata__")
	for _, tensor := range header {
		n := int64(1)
		for _, d := range tensor.Shape {
			n *= d
		}
		parameters[tensor.DType] += n
	}
}

// siblings are the files; with blobs their sizes and the names of their contents.
func (h *hub) siblings(all []file, blobs bool) ([]object, error) {
	siblings := []object{}
	for _, f := range all {
		s := object{"rfilename": f.path}
		if blobs {
			oid, err := h.oid(f)
			if err != nil {
				return nil, err
			}
			s["size"], s["blobId"] = f.size, oid
			if f.lfs() {
				p := pointer(oid, f.size)
				s["blobId"] = gitOID(p)
				s["lfs"] = object{"sha256": oid, "size": f.size, "pointerSize": len(p)}
			}
		}
		siblings = append(siblings, s)
	}
	return siblings, nil
}

func gitOID(content string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content))
	return hex.EncodeToString(sum[:])
}

// expanded keeps what a request asks for by "expand", and all where it does not.
func expanded(r *http.Request, whole object) object {
	query := r.URL.Query()
	keys := append(query["expand"], query["expand[]"]...)
	if len(keys) == 0 {
		return whole
	}
	some := object{"_id": whole["_id"], "id": whole["id"]}
	for _, key := range keys {
		if v, ok := whole[key]; ok {
			some[key] = v
		}
	}
	return some
}
