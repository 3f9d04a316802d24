package gguf_test

import (
	"bytes"
	"io"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk/gguf"
)

// sparse is a file that goes on with zeros for as long as it likes.
type sparse struct{ head []byte }

func (s sparse) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at < int64(len(s.head)) {
		copy(b, s.head[at:])
	}
	return len(b), nil
}

const huge = 1 << 50

// hostile are files that lie. A size larger than the bytes makes the file sparse. Of those with an error, peek says that
// Peek does not get as far as the lie.
func hostile() []hostileFile {
	head := func(tensors, keys uint64, rest ...byte) []byte {
		return append(le64(le64(le32([]byte("GGUF"), 3), tensors), keys), rest...)
	}
	one := func(kind uint32, value []byte) []byte { return new(file).raw("k", kind, value).bytes() }
	list := func(kind uint32, n uint64, rest ...byte) []byte { return append(le64(le32(nil, kind), n), rest...) }
	tokens := func(kind uint32, n uint64) []byte {
		return new(file).raw("tokenizer.ggml.tokens", array, list(kind, n)).bytes()
	}
	tensor := func(kind uint32, offset uint64, dimensions ...uint64) []byte {
		f := new(file).text("general.architecture", "llama").tensor("blk.0", kind, offset, dimensions...)
		f.data = 64
		return f.bytes()
	}
	nested := one(array, bytes.Repeat(list(array, 1), 100_000))
	return []hostileFile{
		{name: "empty", bytes: nil, err: "4 bytes at offset 0 pass the end"},
		{name: "git lfs pointer", bytes: []byte("version https://git-lfs.github.com/spec/v1"), err: `begins with "vers"`},
		{name: "magic alone", bytes: []byte("GGUF"), err: "4 bytes at offset 4 pass the end"},
		{name: "version 1", bytes: le32([]byte("GGUF"), 1), err: "version 1 (of August 2023)"},
		{name: "version 4", bytes: le32([]byte("GGUF"), 4), err: "version 4 is not known"},
		{name: "big-endian", bytes: append([]byte("GGUF\x00\x00\x00\x03"), make([]byte, 100)...), err: "big-endian"},
		{name: "2^60 tensors", bytes: head(1<<60, 0), size: huge, err: "1152921504606846976 tensors at offset 8"},
		{name: "2^60 keys", bytes: head(0, 1<<60), size: huge, err: "1152921504606846976 keys at offset 16"},
		{name: "keys of a small file", bytes: head(0, 100), err: "100 keys at offset 16"},
		{name: "key of 2^40 bytes", bytes: head(0, 1, le64(nil, 1<<40)...), size: huge, err: "key: string of 1099511627776 bytes at offset 24"},
		{name: "key past the end", bytes: head(0, 1, append(le64(nil, 1<<63+5), 1, 2, 3, 4, 5)...), err: "passes the end"},
		{name: "text past the end", bytes: one(str, le64(nil, 1<<40)), err: `gguf: "k": string of 1099511627776 bytes at offset 37 passes the end of the file`},
		{name: "text of 2^40 bytes", bytes: one(str, le64(nil, 1<<40)), size: huge, err: "longer than 1048576"},
		{name: "text of 2^64-1 bytes", bytes: one(str, le64(nil, math.MaxUint64)), size: huge, err: "passes the end"},
		{name: "unknown type", bytes: one(13, make([]byte, 8)), err: `"k": value type 13 at offset 33`},
		{name: "unknown element type", bytes: one(array, list(77, 1)), err: `"k": value type 77 at offset 37`},
		{name: "array of 2^62 numbers", bytes: one(array, list(u64, 1<<62)), size: huge, err: "array of 4611686018427387904 values at offset 37"},
		{name: "array past the end", bytes: one(array, list(u32, 3, 1, 2, 3, 4)), err: "passes the end"},
		{name: "array of arrays", bytes: nested, err: "array of arrays at offset 37"},
		{name: "duplicate key", bytes: new(file).number("k", 1).number("k", 2).bytes(), err: `"k" at offset 41: the key is there twice`},
		{name: "2^60 tokens", bytes: tokens(str, 1<<60), size: huge, err: `"tokenizer.ggml.tokens": array of`},
		{name: "2^40 empty tokens", bytes: tokens(str, 1<<40), size: huge, err: "larger than any", peek: true},
		{name: "tokens longer than the window", bytes: longTexts(), size: huge, err: "larger than any", peek: true},
		{name: "tokens that are numbers", bytes: tokens(u8, 1<<40), size: huge, peek: true},
		{name: "eos beyond the vocabulary", bytes: new(file).texts("tokenizer.ggml.tokens", 3, func(int) string { return "t" }).number("tokenizer.ggml.eos_token_id", 3).bytes(), peek: true},
		{name: "no eos", bytes: new(file).number("tokenizer.ggml.eos_token_id", math.MaxUint32).bytes(), peek: true},
		{name: "many large texts", bytes: largeTexts(), err: "larger than any", peek: true},
		{name: "many lists", bytes: manyLists(), peek: true},
		{name: "tensor of 5 dimensions", bytes: tensor(0, 0, 1, 1, 1, 1, 1), err: "5 dimensions", peek: true},
		{name: "tensor of 2^80 numbers", bytes: tensor(0, 0, 1<<40, 1<<40), err: "more than 2^63", peek: true},
		{name: "tensor past the end", bytes: tensor(0, 0, 1000), err: `tensor "blk.0": its data, 4000 bytes after offset`, peek: true},
		{name: "tensor at 2^64-1", bytes: tensor(0, math.MaxUint64, 1), err: "the file is incomplete", peek: true},
		{name: "alignment of zero", bytes: new(file).number("general.alignment", 0).bytes(), err: "0 is not a power of two", peek: true},
		{name: "alignment of 33", bytes: new(file).number("general.alignment", 33).bytes(), err: "33 is not a power of two", peek: true},
		{name: "alignment of text", bytes: new(file).text("general.alignment", "x").bytes(), err: "is not a power of two", peek: true},
	}
}

type hostileFile struct {
	name  string
	bytes []byte
	size  int64
	err   string // of Read; empty: none
	peek  bool   // Peek sees nothing wrong
}

func (f hostileFile) reader() (io.ReaderAt, int64) {
	if f.size > 0 {
		return sparse{f.bytes}, f.size
	}
	return bytes.NewReader(f.bytes), int64(len(f.bytes))
}

// longTexts is a vocabulary whose tokens force a read each: long enough to leave the window behind.
func longTexts() []byte {
	one := append(le64(nil, 3<<19), make([]byte, 3<<19)...)
	return new(file).raw("tokenizer.ggml.tokens", array, append(le64(le32(nil, str), 1<<30), bytes.Repeat(one, 40)...)).bytes()
}

// largeTexts has as much text as it takes to spend what may be read on text alone.
func largeTexts() []byte {
	f := new(file)
	for i := range 600 {
		f.text(strings.Repeat("k", i+1), strings.Repeat("x", 60<<10))
	}
	return f.bytes()
}

// manyLists has as many lists as there may be, each as long as is kept, of the smallest numbers.
func manyLists() []byte {
	f, list := new(file), append(le64(le32(nil, u8), 1024), make([]byte, 1024)...)
	for i := range 4096 {
		f.raw(strings.Repeat("k", i+1), array, list)
	}
	return f.bytes()
}

func TestHostileFilesGiveErrors(t *testing.T) {
	for _, tt := range hostile() {
		t.Run(tt.name, func(t *testing.T) {
			_, err := gguf.ReadFrom(tt.reader())
			check(t, "Read", err, tt.err)
			_, err = gguf.PeekFrom(tt.reader())
			if tt.peek {
				tt.err = ""
			}
			check(t, "Peek", err, tt.err)
		})
	}
}

func check(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && err == nil:
		t.Errorf("%s: no error, want %q", what, want)
	case want != "" && (!strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "gguf: ")):
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}

func TestHostileFilesCostLittleMemory(t *testing.T) {
	for _, tt := range hostile() {
		t.Run(tt.name, func(t *testing.T) {
			r, size := tt.reader()
			if n := allocated(func() { gguf.ReadFrom(r, size) }); n >= 64<<20 {
				t.Errorf("Read allocates %d MiB", n>>20)
			}
			if n := allocated(func() { gguf.PeekFrom(r, size) }); n >= 2<<20 {
				t.Errorf("Peek allocates %d KiB", n>>10)
			}
		})
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestEveryTruncationIsAnError(t *testing.T) {
	whole := llama(40, 20).bytes()
	for n := range whole {
		r := bytes.NewReader(whole[:n])
		if _, err := gguf.ReadFrom(r, int64(n)); err == nil {
			t.Fatalf("no error for the first %d of %d bytes", n, len(whole))
		}
		gguf.PeekFrom(r, int64(n)) // may be content; must not panic
	}
	if _, err := gguf.ReadFrom(bytes.NewReader(whole), int64(len(whole))); err != nil {
		t.Fatal(err)
	}
}

func TestFileThatShrinksIsAnError(t *testing.T) {
	whole := llama(40, 20).bytes()
	for n := range len(whole) / 2 {
		if _, err := gguf.ReadFrom(bytes.NewReader(whole[:n]), int64(len(whole))); err == nil {
			t.Fatalf("no error for %d bytes of %d", n, len(whole))
		}
	}
}

func TestOnlyRegularFilesAreRead(t *testing.T) {
	for _, path := range append(special(t), t.TempDir(), filepath.Join(t.TempDir(), "missing.gguf")) {
		if _, err := gguf.Read(path); err == nil {
			t.Errorf("Read(%s): no error", path)
		}
		if _, err := gguf.Peek(path); err == nil {
			t.Errorf("Peek(%s): no error", path)
		}
	}
}

func BenchmarkHostile(b *testing.B) {
	for _, tt := range hostile() {
		if len(tt.bytes) < 1<<20 && tt.size == 0 {
			continue
		}
		b.Run(strings.ReplaceAll(tt.name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				gguf.ReadFrom(tt.reader())
			}
		})
	}
}
