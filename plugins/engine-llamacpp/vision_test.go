package main

import (
	"bytes"
	"encoding/base64"
	wire "encoding/binary"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// TestVision: a model with a projector takes images as data: URLs, in each API, and
// llama-server is never sent to fetch one.
func TestVision(t *testing.T) {
	fetched := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched = true }))
	defer other.Close()
	m := tinyGuide(t)
	m.MMProj = projector(t)
	e := loadModel(t, m, "")
	if !e.Detours(sdk.OpChat, "") || !e.Detours(sdk.OpMessages, "") {
		t.Errorf("streams go past the check: %q", e.DetourStreams)
	}
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 28, 28))); err != nil {
		t.Fatal(err)
	}
	data := base64.StdEncoding.EncodeToString(picture.Bytes())
	for path, form := range map[string]struct{ data, remote string }{
		"/v1/chat/completions": {`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,%s"}}]}],"max_tokens":2`,
			`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"%s"}}]}]`},
		"/v1/responses": {`{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,%s"}]}],"max_output_tokens":2`,
			`{"input":[{"role":"user","content":[{"type":"input_image","image_url":"%s"}]}]`},
		"/v1/messages": {`{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"%s"}}]}],"max_tokens":2`,
			`{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"%s"}}]}],"max_tokens":2`},
	} {
		for _, stream := range []string{"}", `,"stream":true}`} {
			if status, answer := post(e, path, fmt.Sprintf(form.data, data)+stream); status != 200 || strings.Contains(answer, `"error":{`) {
				t.Errorf("%s %s: status %d: %s", path, stream, status, answer)
			}
			if status, answer := post(e, path, fmt.Sprintf(form.remote, other.URL)+stream); status != 400 || !strings.Contains(answer, "data: URLs alone") {
				t.Errorf("%s %s: status %d: %s", path, stream, status, answer)
			}
		}
	}
	if fetched {
		t.Error("llama-server fetched an image")
	}
}

// projector writes the smallest projector that llama-server takes: two layers of a
// LLaVA encoder, of zeros. What a model sees by it does not matter.
func projector(t *testing.T) string {
	t.Helper()
	const width, wide, layers, patch, side, out = 32, 64, 2, 14, 28, 128
	var keys, infos, weights bytes.Buffer
	put := func(to *bytes.Buffer, values ...any) {
		for _, v := range values {
			if text, ok := v.(string); ok {
				_ = wire.Write(to, wire.LittleEndian, uint64(len(text)))
				v = []byte(text)
			}
			if err := wire.Write(to, wire.LittleEndian, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	const u32, f32, boolean, text, list = uint32(4), uint32(6), uint32(7), uint32(8), uint32(9)
	put(&keys, "general.architecture", text, "clip", "clip.has_vision_encoder", boolean, true, "clip.projector_type", text, "mlp", "clip.use_gelu", boolean, true,
		"clip.vision.image_size", u32, uint32(side), "clip.vision.patch_size", u32, uint32(patch), "clip.vision.embedding_length", u32, uint32(width),
		"clip.vision.feed_forward_length", u32, uint32(wide), "clip.vision.block_count", u32, uint32(layers), "clip.vision.attention.head_count", u32, uint32(2),
		"clip.vision.projection_dim", u32, uint32(out), "clip.vision.attention.layer_norm_epsilon", f32, float32(1e-5))
	for _, name := range []string{"clip.vision.image_mean", "clip.vision.image_std"} {
		put(&keys, name, list, f32, uint64(3), []float32{.5, .5, .5})
	}
	tensors := uint64(0)
	tensor := func(name string, dims ...uint64) {
		size := uint64(1)
		put(&infos, name, uint32(len(dims)))
		for _, d := range dims {
			put(&infos, d)
			size *= d
		}
		put(&infos, uint32(0), uint64(weights.Len()))
		weights.Write(make([]byte, (4*size+31)/32*32))
		tensors++
	}
	layer := func(name string, in, out uint64) { tensor(name+".weight", in, out); tensor(name+".bias", out) }
	norm := func(name string) { tensor(name+".weight", width); tensor(name+".bias", width) }
	tensor("v.class_embd", width)
	tensor("v.patch_embd.weight", patch, patch, 3, width)
	tensor("v.position_embd.weight", width, side/patch*side/patch+1)
	norm("v.pre_ln")
	for i := range layers {
		block := fmt.Sprintf("v.blk.%d.", i)
		for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_out"} {
			layer(block+name, width, width)
		}
		norm(block + "ln1")
		norm(block + "ln2")
		layer(block+"ffn_down", wide, width)
		layer(block+"ffn_up", width, wide)
	}
	layer("mm.0", width, out)
	layer("mm.2", out, out)
	var file bytes.Buffer
	file.WriteString("GGUF")
	put(&file, uint32(3), tensors, uint64(14), keys.Bytes(), infos.Bytes())
	file.Write(make([]byte, (32-file.Len()%32)%32))
	file.Write(weights.Bytes())
	name := filepath.Join(t.TempDir(), "mmproj.gguf")
	if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
