package main

import (
	"bufio"
	le "encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// A shape is a model of random weights: what it takes is that of a real one, and what
// it says is nonsense.
type shape struct {
	arch          string // "llama", "gemma3", "qwen3"; default llama
	layers, embd  int
	ff            int // width of the feed-forward part, of each expert where there are some
	heads, kv     int
	head          int // numbers per head; embd/heads by default
	vocab         int // at least 259
	context       int
	experts, used int
	window        int    // of gemma3
	kind          uint32 // of the matrices: f32Type, f16Type, q8Type
	tied          bool   // the output is the embedding
}

// Types of ggml.
const (
	f32Type uint32 = 0
	f16Type uint32 = 1
	q8Type  uint32 = 8
)

// write makes the model's file in a folder of its own.
func (s shape) write(t testing.TB, name string) sdk.Model {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name+".gguf")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := &ggufWriter{w: bufio.NewWriterSize(f, 1<<20)}
	s.filled().put(w)
	if err := w.w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return sdk.Model{ID: name, Dir: dir, Files: []string{path}, Manifest: sdk.Manifest{Name: name, Format: "gguf"}}
}

func (s shape) filled() shape {
	if s.arch == "" {
		s.arch = "llama"
	}
	if s.head == 0 {
		s.head = s.embd / s.heads
	}
	s.vocab = max(s.vocab, 259)
	return s
}

func (s shape) put(w *ggufWriter) {
	var pairs, list ggufWriter
	pairs.w, list.w = bufio.NewWriter(&pairs.buf), bufio.NewWriter(&list.buf)
	s.pairs(&pairs)
	tensors := s.tensors()
	var offset uint64
	for _, t := range tensors {
		list.tensor(t, offset)
		offset += (t.size() + 31) &^ 31
	}
	w.bytes("GGUF")
	w.u32(3)
	w.u64(uint64(len(tensors)))
	w.u64(uint64(pairs.keys))
	head := 24
	for _, part := range []*ggufWriter{&pairs, &list} {
		part.w.Flush()
		w.bytes(string(part.buf.data))
		head += len(part.buf.data)
	}
	w.pad(head)
	noise := newNoise()
	for _, t := range tensors {
		noise.put(w, t)
		w.pad(int(t.size() % 32))
	}
}

func (s shape) pairs(w *ggufWriter) {
	w.text("general.architecture", s.arch)
	w.text("general.name", "Random")
	w.number("general.file_type", map[uint32]int{f32Type: 0, f16Type: 1, q8Type: 7}[s.kind])
	for key, n := range map[string]int{"context_length": s.context, "embedding_length": s.embd, "block_count": s.layers, "feed_forward_length": s.ff,
		"attention.head_count": s.heads, "attention.head_count_kv": s.kv, "attention.key_length": s.head, "attention.value_length": s.head,
		"rope.dimension_count": s.head, "vocab_size": s.vocab, "expert_count": s.experts, "expert_used_count": s.used, "attention.sliding_window": s.window} {
		if n > 0 {
			w.number(s.arch+"."+key, n)
		}
	}
	w.float(s.arch+".attention.layer_norm_rms_epsilon", 1e-5)
	w.float(s.arch+".rope.freq_base", 10000)
	w.text("tokenizer.ggml.model", "gpt2")
	w.text("tokenizer.ggml.pre", "gpt-2")
	tokens := s.tokens()
	w.array("tokenizer.ggml.tokens", 8, len(tokens), func(i int) { w.string(tokens[i]) })
	w.array("tokenizer.ggml.token_type", 5, len(tokens), func(i int) {
		if i >= 256 && i < 259 {
			w.u32(3) // control
			return
		}
		w.u32(1)
	})
	w.array("tokenizer.ggml.merges", 8, 1, func(int) { w.string("Ġ t") })
	w.number("tokenizer.ggml.bos_token_id", 256)
	w.number("tokenizer.ggml.eos_token_id", 258)
	w.text("tokenizer.chat_template", "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n")
}

// tokens are the bytes as GPT-2 writes them, three of control, and words to fill up.
func (s shape) tokens() []string {
	tokens := make([]string, 0, s.vocab)
	next := rune(256)
	for b := range rune(256) {
		if b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE {
			tokens = append(tokens, string(b))
			continue
		}
		tokens = append(tokens, string(next))
		next++
	}
	tokens = append(tokens, "<|endoftext|>", "<|im_start|>", "<|im_end|>")
	for i := len(tokens); i < s.vocab; i++ {
		tokens = append(tokens, fmt.Sprintf("w%d", i))
	}
	return tokens
}

// A tensor is one of a model's.
type tensor struct {
	name       string
	kind       uint32
	dimensions []int
}

func (t tensor) elements() uint64 {
	n := uint64(1)
	for _, d := range t.dimensions {
		n *= uint64(d)
	}
	return n
}

func (t tensor) size() uint64 {
	switch t.kind {
	case q8Type:
		return t.elements() / 32 * 34
	case f16Type:
		return t.elements() * 2
	}
	return t.elements() * 4
}

func (s shape) tensors() []tensor {
	all := []tensor{{"token_embd.weight", s.kind, []int{s.embd, s.vocab}}, {"output_norm.weight", f32Type, []int{s.embd}}}
	if !s.tied {
		all = append(all, tensor{"output.weight", s.kind, []int{s.embd, s.vocab}})
	}
	for i := range s.layers {
		add := func(name string, kind uint32, dimensions ...int) {
			all = append(all, tensor{fmt.Sprintf("blk.%d.%s.weight", i, name), kind, dimensions})
		}
		add("attn_norm", f32Type, s.embd)
		add("attn_q", s.kind, s.embd, s.heads*s.head)
		add("attn_k", s.kind, s.embd, s.kv*s.head)
		add("attn_v", s.kind, s.embd, s.kv*s.head)
		add("attn_output", s.kind, s.heads*s.head, s.embd)
		add("ffn_norm", f32Type, s.embd)
		if s.arch != "llama" {
			add("attn_q_norm", f32Type, s.head)
			add("attn_k_norm", f32Type, s.head)
		}
		if s.arch == "gemma3" {
			add("post_attention_norm", f32Type, s.embd)
			add("post_ffw_norm", f32Type, s.embd)
		}
		if s.experts > 0 {
			add("ffn_gate_inp", f32Type, s.embd, s.experts)
			add("ffn_gate_exps", s.kind, s.embd, s.ff, s.experts)
			add("ffn_up_exps", s.kind, s.embd, s.ff, s.experts)
			add("ffn_down_exps", s.kind, s.ff, s.embd, s.experts)
			continue
		}
		add("ffn_gate", s.kind, s.embd, s.ff)
		add("ffn_up", s.kind, s.embd, s.ff)
		add("ffn_down", s.kind, s.ff, s.embd)
	}
	return all
}

// noise is small random numbers of each type, used over and over.
type noise map[uint32][]byte

func newNoise() noise {
	r := rand.New(rand.NewPCG(1, 2))
	n := noise{}
	const count = 1 << 16 // numbers
	f32, f16, q8 := make([]byte, 0, 4*count), make([]byte, 0, 2*count), make([]byte, 0, count/32*34)
	for range count {
		f32 = le.LittleEndian.AppendUint32(f32, 0x3c000000|r.Uint32()&0x807fffff) // ±0.0078 to 0.0156
		f16 = le.LittleEndian.AppendUint16(f16, 0x2000|uint16(r.Uint32())&0x83ff)
	}
	for range count / 32 {
		q8 = le.LittleEndian.AppendUint16(q8, 0x0800) // 0.000122
		for range 32 {
			q8 = append(q8, byte(r.Uint32()))
		}
	}
	n[f32Type], n[f16Type], n[q8Type] = f32, f16, q8
	return n
}

func (n noise) put(w *ggufWriter, t tensor) {
	some := n[t.kind]
	for left := t.size(); left > 0; {
		part := some[:min(left, uint64(len(some)))]
		w.bytes(string(part))
		left -= uint64(len(part))
	}
}

// ggufWriter writes the words of the format.
type ggufWriter struct {
	w    *bufio.Writer
	buf  memoryWriter
	keys int
}

type memoryWriter struct{ data []byte }

func (m *memoryWriter) Write(p []byte) (int, error) {
	m.data = append(m.data, p...)
	return len(p), nil
}

func (w *ggufWriter) bytes(s string)  { _, _ = w.w.WriteString(s) } // Flush tells
func (w *ggufWriter) u32(n uint32)    { _ = le.Write(w.w, le.LittleEndian, n) }
func (w *ggufWriter) u64(n uint64)    { _ = le.Write(w.w, le.LittleEndian, n) }
func (w *ggufWriter) string(s string) { w.u64(uint64(len(s))); w.bytes(s) }

func (w *ggufWriter) pad(at int) {
	for ; at%32 != 0; at++ {
		_ = w.w.WriteByte(0)
	}
}

func (w *ggufWriter) key(name string, kind uint32) {
	w.keys++
	w.string(name)
	w.u32(kind)
}

func (w *ggufWriter) text(name, value string)   { w.key(name, 8); w.string(value) }
func (w *ggufWriter) number(name string, n int) { w.key(name, 4); w.u32(uint32(n)) }
func (w *ggufWriter) float(name string, value float32) {
	w.key(name, 6)
	_ = le.Write(w.w, le.LittleEndian, value)
}

func (w *ggufWriter) array(name string, kind uint32, n int, element func(int)) {
	w.key(name, 9)
	w.u32(kind)
	w.u64(uint64(n))
	for i := range n {
		element(i)
	}
}

func (w *ggufWriter) tensor(t tensor, offset uint64) {
	w.string(t.name)
	w.u32(uint32(len(t.dimensions)))
	for _, d := range t.dimensions {
		w.u64(uint64(d))
	}
	w.u32(t.kind)
	w.u64(offset)
}
