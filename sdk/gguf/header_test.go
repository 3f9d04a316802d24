package gguf_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk/gguf"
)

const tinyGuide = "../../examples/models/tiny-guide/tiny-guide.gguf"

func TestReadGivesTheWholeHeader(t *testing.T) {
	got, err := gguf.Read(tinyGuide)
	if err != nil {
		t.Fatal(err)
	}
	template := got.ChatTemplate
	got.ChatTemplate = ""
	want := gguf.Header{
		Architecture: "llama", Name: "Tiny Guide", ContextLength: 2048, BlockCount: 4, EmbeddingLength: 128, FeedForward: 320,
		HeadCount: 4, HeadCountKV: 4, KeyLength: 32, ValueLength: 32, KVHeads: 16, VocabSize: 259, Parameters: 821120,
		Quantization: "Q8_0", EOSToken: "<|im_end|>", FileSize: 883200,
	}
	if *got != want {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
	if !strings.HasPrefix(template, "{% for message in messages %}{{ '<|im_start|>'") || !strings.HasSuffix(template, "{% endif %}") {
		t.Errorf("chat template %q", template)
	}
}

func TestPeekGivesWhatLiesBeforeTheVocabulary(t *testing.T) {
	got, err := gguf.Peek(tinyGuide)
	if err != nil {
		t.Fatal(err)
	}
	want := gguf.Header{
		Architecture: "llama", Name: "Tiny Guide", ContextLength: 2048, BlockCount: 4, EmbeddingLength: 128, FeedForward: 320,
		HeadCount: 4, HeadCountKV: 4, KeyLength: 32, ValueLength: 32, KVHeads: 16, VocabSize: 259,
		Quantization: "Q8_0", FileSize: 883200,
	}
	if *got != want {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
}

func TestFieldsFromLargeVocabulary(t *testing.T) {
	h, err := gguf.Read(write(t, llama(5000, 9000).bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if h.VocabSize != 5000 || h.EOSToken != "tok4999" || h.ChatTemplate != "{{ messages }}" || h.Parameters != 3*4096 {
		t.Errorf("%+v", h)
	}
}

func TestKind(t *testing.T) {
	model := func(arch string) *file { return new(file).text("general.architecture", arch) }
	tests := []struct {
		name string
		file *file
		want gguf.Header
	}{
		{"projector by architecture", model("clip"), gguf.Header{IsMMProj: true}},
		{"projector by type", model("x").text("general.type", "mmproj"), gguf.Header{IsMMProj: true}},
		{"encoder", model("nomic-bert"), gguf.Header{Embedding: true}},
		{"pooling mean", model("qwen3").number("qwen3.pooling_type", 1), gguf.Header{Pooling: "mean", Embedding: true}},
		{"pooling last", model("qwen3").number("qwen3.pooling_type", 3), gguf.Header{Pooling: "last", Embedding: true}},
		{"pooling rank", model("bert").number("bert.pooling_type", 4), gguf.Header{Pooling: "rank", Rerank: true}},
		{"pooling unknown", model("qwen3").number("qwen3.pooling_type", 77), gguf.Header{}},
		{"pooling of another architecture", model("llama").number("qwen3.pooling_type", 1), gguf.Header{}},
		{"part of a split", model("llama").raw("split.no", 2, []byte{1, 0}).raw("split.count", 2, []byte{3, 0}), gguf.Header{SplitNo: 1, SplitCount: 3}},
		{"guessed file type", model("llama").number("general.file_type", 1024+7), gguf.Header{Quantization: "Q8_0"}},
		{"unknown file type", model("llama").number("general.file_type", 999), gguf.Header{}},
		{"keys in any order", new(file).number("llama.context_length", 7).text("general.architecture", "llama"), gguf.Header{ContextLength: 7}},
		{"negative number", model("llama").raw("llama.context_length", i32, le32(nil, 1<<32-5)), gguf.Header{}},
		{"huge number", model("llama").raw("llama.context_length", u64, le64(nil, 1<<40)), gguf.Header{}},
		{"number written as text", model("llama").text("llama.context_length", "7"), gguf.Header{}},
		{"name that is no UTF-8", model("llama").text("general.name", "a\xff\xfeb"), gguf.Header{Name: "a\uFFFDb"}},
		{"majority of the tensors",
			model("llama").tensor("a", 0, 0, 8).tensor("b", 14, 32, 256).tensor("c", 12, 256, 200),
			gguf.Header{Quantization: "Q6_K", Parameters: 464},
		},
		{"unknown tensor type", model("llama").tensor("a", 99, 1<<60, 8), gguf.Header{Parameters: 8}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.file.data = 512
			b := tt.file.bytes()
			got, err := gguf.ReadFrom(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			got.Architecture, got.FileSize = "", 0
			if *got != tt.want {
				t.Errorf("got  %+v\nwant %+v", *got, tt.want)
			}
		})
	}
}

func TestVersion2IsReadAsVersion3(t *testing.T) {
	b := llama(40, 20).bytes()
	three, err := gguf.ReadFrom(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	b[4] = 2
	two, err := gguf.ReadFrom(bytes.NewReader(b), int64(len(b)))
	if err != nil || *two != *three {
		t.Errorf("got %+v, %v", two, err)
	}
}

// counting counts the ranges that are asked for, as requests to a catalogue would be.
type counting struct {
	io.ReaderAt
	reads int
	bytes int
}

func (c *counting) ReadAt(b []byte, at int64) (int, error) {
	c.reads++
	c.bytes += len(b)
	return c.ReaderAt.ReadAt(b, at)
}

func TestPeekCostsOneSmallRead(t *testing.T) {
	b := llama(128_000, 280_000).bytes()
	r := &counting{ReaderAt: bytes.NewReader(b)}
	h, err := gguf.PeekFrom(r, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if h.VocabSize != 128_000 || h.ContextLength != 8192 {
		t.Errorf("%+v", h)
	}
	if r.reads != 1 || r.bytes > 16<<10 {
		t.Errorf("%d reads of %d bytes", r.reads, r.bytes)
	}
}

func TestReadCostsFewRequests(t *testing.T) {
	b := llama(128_000, 280_000).bytes()
	r := &counting{ReaderAt: bytes.NewReader(b)}
	if _, err := gguf.ReadFrom(r, int64(len(b))); err != nil {
		t.Fatal(err)
	}
	if r.reads > 16 || r.bytes > len(b)+2<<20 {
		t.Errorf("%d reads of %d bytes for a header of %d", r.reads, r.bytes, len(b))
	}
}

func TestPeekEndsWhereItsBudgetEnds(t *testing.T) {
	f := new(file).text("general.architecture", "llama").number("llama.context_length", 7)
	for i := range 9 {
		f.text(strings.Repeat("x", i+1), strings.Repeat("license ", 10_000))
	}
	b := f.bytes()
	r := &counting{ReaderAt: bytes.NewReader(b)}
	h, err := gguf.PeekFrom(r, int64(len(b)))
	if err != nil || h.ContextLength != 7 || r.bytes > 256<<10 {
		t.Errorf("%+v, %v after %d bytes", h, err, r.bytes)
	}
}

func TestErrorOfTheReaderIsKept(t *testing.T) {
	closed, err := os.Open(tinyGuide)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if _, err := gguf.ReadFrom(closed, 1000); !strings.Contains(err.Error(), "already closed") {
		t.Error(err)
	}
}

func BenchmarkPeek(b *testing.B) { benchmark(b, gguf.Peek) }
func BenchmarkRead(b *testing.B) { benchmark(b, gguf.Read) }

func benchmark(b *testing.B, read func(string) (*gguf.Header, error)) {
	path := write(b, llama(128_000, 280_000).bytes())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := read(path); err != nil {
			b.Fatal(err)
		}
	}
}

// TestIncompleteSaysHowMuch: a copy that is not over says what it has and what it is to have.
func TestIncompleteSaysHowMuch(t *testing.T) {
	b := llama(30, 10).bytes()
	for _, missing := range []int64{1, 4096} {
		size := int64(len(b)) - missing
		_, err := gguf.ReadFrom(bytes.NewReader(b[:size]), size)
		var incomplete *gguf.IncompleteError
		if !errors.As(err, &incomplete) || incomplete.Size != size || incomplete.Want != int64(len(b)) {
			t.Errorf("%d bytes of %d: %+v, %v", size, len(b), incomplete, err)
		}
	}
}
