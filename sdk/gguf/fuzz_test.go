package gguf_test

import (
	"bytes"
	"os"
	"testing"
	"unicode/utf8"

	"github.com/enginebay/enginebay/sdk/gguf"
)

// FuzzRead holds Read and Peek to what they promise of any file: no panic, a header or an error, bounded memory, and that
// Peek says nothing that Read says otherwise.
func FuzzRead(f *testing.F) {
	tiny, err := os.ReadFile(tinyGuide)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tiny[:16<<10])
	f.Add(llama(30, 10).bytes())
	f.Add(new(file).text("general.architecture", "x").number("x.block_count", 9).numbers("x.attention.head_count_kv", 1, 0, 2).bytes())
	for _, h := range hostile() {
		if len(h.bytes) < 4096 {
			f.Add(h.bytes)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		size := int64(len(b))
		gguf.ReadFrom(sparse{b}, size+1<<20) // the same counts and lengths, in a file that could hold more of them
		read, err := gguf.ReadFrom(bytes.NewReader(b), size)
		peek, peekErr := gguf.PeekFrom(bytes.NewReader(b), size)
		if (read == nil) != (err != nil) || (peek == nil) != (peekErr != nil) {
			t.Fatal("a header and an error, or neither")
		}
		if err != nil {
			return
		}
		if peekErr != nil {
			t.Fatalf("Read is content, Peek is not: %v", peekErr)
		}
		if peek.Architecture != "" && peek.Architecture != read.Architecture {
			t.Errorf("Peek says %q, Read says %q", peek.Architecture, read.Architecture)
		}
		for _, s := range []string{read.Architecture, read.Name, read.ChatTemplate, read.EOSToken} {
			if !utf8.ValidString(s) {
				t.Errorf("%q is no UTF-8", s)
			}
		}
		for _, n := range []int64{int64(read.ContextLength), int64(read.BlockCount), int64(read.VocabSize), int64(read.KeyLength), read.KVHeads, read.SlidingKVHeads} {
			if n < 0 {
				t.Errorf("negative number in %+v", read)
			}
		}
		if m := read.Memory(gguf.Load{}); m.Total() < m.KVCache {
			t.Errorf("total of %+v turns over", m)
		}
	})
}
