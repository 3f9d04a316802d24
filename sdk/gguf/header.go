// Package gguf reads the header of a GGUF file within bounds: what a model is, how it talks, what it needs.
//
// Read gives the whole header, Peek the part that lies before the vocabulary, which is enough to list a model and
// costs one small read. Both take a path; ReadFrom and PeekFrom take any io.ReaderAt, so that a catalogue can be read by
// range requests. Whatever the file says, a call reads at most 32 MiB of it (Peek 256 KiB), allocates less than
// 64 MiB, and ends in a Header or an error that names the key and the byte offset. All functions may be called
// concurrently.
//
// The format is https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
//
// Why nothing here calls github.com/gpustack/gguf-parser-go: measured on v0.28.1, an 8-million-fold nested array
// overflows its stack and a sparse file makes it allocate 256 GiB, both of which end the process and cannot be
// recovered from; it opens files by path only, FIFOs too; and a header with 128k tokens and 280k merges takes it 300 to
// 570 ms. After a walk that rules all this out, the fields are at hand. The tables in types.go were compared with its.
package gguf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Header is what a GGUF file says about its model. A field that the file does not give, or gives a value that makes no
// sense (negative, 2^31 and more), is zero.
type Header struct {
	Architecture    string // general.architecture: "llama", "qwen3", "clip"
	Name            string // general.name
	ContextLength   int    // tokens that the model was trained for
	BlockCount      int    // layers
	EmbeddingLength int
	FeedForward     int    // numbers in the middle of a feed-forward part, of all experts together that work on a token
	HeadCount       int    // of the layer with the most
	HeadCountKV     int    // of the layer with the most; HeadCount where the file gives none
	KeyLength       int    // numbers per head; EmbeddingLength/HeadCount where the file gives none
	ValueLength     int    // as KeyLength
	KVHeads         int64  // HeadCountKV summed over the layers that cache the whole context
	SlidingKVHeads  int64  // the same over the layers that cache only SlidingWindow tokens
	SlidingWindow   int    // tokens that a sliding layer looks back
	VocabSize       int    // tokens
	Parameters      uint64 // numbers in all tensors of this file; zero after Peek
	Quantization    string // "Q4_K_M", from general.file_type, else the type of most parameters; Quantization reads names
	ChatTemplate    string // Jinja; seldom there after Peek, since it mostly follows the vocabulary
	EOSToken        string // text of the token that ends an answer; empty after Peek
	SplitNo         int    // this part, counted from zero as the file does
	SplitCount      int    // parts of the model; zero for a model in one file
	FileSize        int64  // bytes of this file alone
	Pooling         string // "none", "mean", "cls", "last", "rank"; empty where the file says nothing

	IsMMProj  bool // a vision or audio projector that goes with a model, not a model
	Embedding bool // answers /v1/embeddings, does not chat
	Rerank    bool // answers /v1/rerank, does not chat; Embedding is then false
}

// Read reads the whole header of the file at path, and checks that the file is long enough for the tensors that it
// lists. It does not block on a FIFO or a device: only regular files are read.
func Read(path string) (*Header, error) { return readPath(path, ReadFrom) }

// Peek reads what lies before the vocabulary, within the first 256 KiB: for most models all but Parameters, EOSToken and
// ChatTemplate. It costs one open and, for most models, one read of 16 KiB.
func Peek(path string) (*Header, error) { return readPath(path, PeekFrom) }

// ReadFrom is Read over r, which holds size bytes. It asks r for ranges that go forward and grow from 16 KiB to 1 MiB, and
// for one range more to find EOSToken.
func ReadFrom(r io.ReaderAt, size int64) (*Header, error) {
	w := newWalker(r, size, readBudget)
	if err := w.file(); err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	h := w.header()
	eos, err := w.eosToken()
	if err != nil {
		return nil, fmt.Errorf("gguf: %s: %w", keyTokens, err)
	}
	h.EOSToken = strings.ToValidUTF8(eos, "\uFFFD")
	return h, nil
}

// PeekFrom is Peek over r, which holds size bytes. It asks r for one range of 16 KiB, seldom for more.
func PeekFrom(r io.ReaderAt, size int64) (*Header, error) {
	w := newWalker(r, size, peekBudget)
	w.peek = true
	err := w.metadata()
	if err != nil && !errors.Is(err, errVocabulary) && !errors.Is(err, errBudget) {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	return w.header(), nil
}

func readPath(path string, read func(io.ReaderAt, int64) (*Header, error)) (*Header, error) {
	// Without O_NONBLOCK the open of a FIFO waits for a writer. It changes nothing for a regular file.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("gguf: %s is not a regular file (%s)", path, info.Mode().Type())
	}
	return read(f, info.Size())
}
