package gguf_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Value types of the format.
const (
	u8, i8, u32, i32, f32, boolean, str, array, u64 = 0, 1, 4, 5, 6, 7, 8, 9, 10
)

// file is a GGUF file being built; what a method adds may be nonsense.
type file struct {
	tensors, keys uint64
	pairs, list   []byte
	data          int // bytes of tensor data
}

func (f *file) bytes() []byte {
	b := le32([]byte("GGUF"), 3)
	b = append(append(le64(le64(b, f.tensors), f.keys), f.pairs...), f.list...)
	if f.tensors > 0 {
		b = append(b, make([]byte, (32-len(b)%32)%32+f.data)...)
	}
	return b
}

// raw adds a pair whose value is the given bytes.
func (f *file) raw(key string, kind uint32, value []byte) *file {
	f.keys++
	f.pairs = append(le32(text(f.pairs, key), kind), value...)
	return f
}

func (f *file) text(key, value string) *file      { return f.raw(key, str, text(nil, value)) }
func (f *file) number(key string, n uint32) *file { return f.raw(key, u32, le32(nil, n)) }

func (f *file) texts(key string, n int, element func(int) string) *file {
	b := le64(le32(nil, str), uint64(n))
	for i := range n {
		b = text(b, element(i))
	}
	return f.raw(key, array, b)
}

func (f *file) numbers(key string, numbers ...uint32) *file {
	b := le64(le32(nil, u32), uint64(len(numbers)))
	for _, n := range numbers {
		b = le32(b, n)
	}
	return f.raw(key, array, b)
}

// tensor adds an entry to the tensor list; its data has to be counted in data.
func (f *file) tensor(name string, kind uint32, offset uint64, dimensions ...uint64) *file {
	f.tensors++
	f.list = le32(text(f.list, name), uint32(len(dimensions)))
	for _, n := range dimensions {
		f.list = le64(f.list, n)
	}
	f.list = le64(le32(f.list, kind), offset)
	return f
}

func le32(b []byte, n uint32) []byte { return binary.LittleEndian.AppendUint32(b, n) }
func le64(b []byte, n uint64) []byte { return binary.LittleEndian.AppendUint64(b, n) }
func text(b []byte, s string) []byte { return append(le64(b, uint64(len(s))), s...) }

// llama is a model of the usual kind, with a vocabulary of so many tokens and so many merges.
func llama(tokens, merges int) *file {
	f := new(file).
		text("general.architecture", "llama").
		text("general.name", "Test").
		number("llama.context_length", 8192).
		number("llama.block_count", 32).
		number("llama.embedding_length", 4096).
		number("llama.attention.head_count", 32).
		number("llama.attention.head_count_kv", 8).
		number("general.file_type", 15).
		texts("tokenizer.ggml.tokens", tokens, func(i int) string { return fmt.Sprintf("tok%d", i) }).
		numbers("tokenizer.ggml.token_type", make([]uint32, tokens)...).
		texts("tokenizer.ggml.merges", merges, func(i int) string { return fmt.Sprintf("a%d b%d", i, i) }).
		number("tokenizer.ggml.eos_token_id", uint32(tokens-1)).
		text("tokenizer.chat_template", "{{ messages }}").
		tensor("token_embd.weight", 12, 0, 4096, 2).
		tensor("output_norm.weight", 0, 4608, 4096)
	f.data = 4608 + 4*4096
	return f
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
