package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	keyTokens = "tokenizer.ggml.tokens"
	markEvery = 1024 // tokens between two marks
)

// errVocabulary ends the walk of Peek.
var errVocabulary = errors.New("the vocabulary begins")

// walker goes once through the metadata and the tensor list, checks every count and length against the file and the
// bounds, and keeps what a Header needs.
type walker struct {
	cursor
	peek       bool
	values     map[string]value
	tensors    uint64
	tokens     uint64                   // length of the vocabulary
	marks      []int64                  // offsets of tokens 0, markEvery, 2*markEvery …
	parameters uint64                   // numbers in all tensors
	perType    [len(tensorTypes)]uint64 // and by tensor type
}

func newWalker(r io.ReaderAt, size, budget int64) *walker {
	return &walker{
		cursor: cursor{r: r, size: max(size, 0), budget: budget, window: firstWindow},
		values: map[string]value{},
	}
}

func (w *walker) file() error {
	if err := w.metadata(); err != nil {
		return err
	}
	return w.tensorList()
}

func (w *walker) metadata() error {
	if err := w.version(); err != nil {
		return err
	}
	keys, err := w.counts()
	if err != nil {
		return err
	}
	for range keys {
		if err := w.pair(); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) version() error {
	magic, err := w.take(4)
	if err != nil {
		return err
	}
	if !bytes.Equal(magic, []byte("GGUF")) {
		return fmt.Errorf("not a GGUF file: it begins with %q", magic)
	}
	b, err := w.take(4)
	if err != nil {
		return err
	}
	version := binary.LittleEndian.Uint32(b)
	switch {
	case version == 2 || version == 3:
		return nil
	case version == 1:
		return errors.New("version 1 (of August 2023) is not read: convert the model again")
	case version&0xffff == 0: // as llama.cpp tells it: the magic is the same, the version is not
		return errors.New("big-endian files are not read: convert the model for little-endian machines")
	}
	return fmt.Errorf("version %d is not known, only 2 and 3 are", version)
}

func (w *walker) counts() (keys uint64, err error) {
	if w.tensors, err = w.uint64(); err != nil {
		return 0, err
	}
	if keys, err = w.uint64(); err != nil {
		return 0, err
	}
	const leastTensor, leastKey = 24, 13 // bytes in the file
	if w.tensors > min(maxTensors, w.left()/leastTensor) {
		return 0, fmt.Errorf("%d tensors at offset 8: more than the file can hold or the limit of %d", w.tensors, maxTensors)
	}
	if keys > min(maxKeys, w.left()/leastKey) {
		return 0, fmt.Errorf("%d keys at offset 16: more than the file can hold or the limit of %d", keys, maxKeys)
	}
	return keys, nil
}

func (w *walker) pair() error {
	at := w.pos
	key, err := w.text(maxName)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if _, twice := w.values[key]; twice {
		return fmt.Errorf("%.64q at offset %d: the key is there twice", key, at)
	}
	v, err := w.value(key)
	if err != nil {
		return fmt.Errorf("%.64q: %w", key, err)
	}
	w.values[key] = v
	return nil
}

func (w *walker) value(key string) (v value, err error) {
	kind, err := w.kind()
	if err != nil {
		return v, err
	}
	switch kind {
	case kindString:
		v.text, err = w.text(maxText)
		v.number = -1
	case kindArray:
		v, err = w.array(key)
	default:
		v.number, err = w.number(kind)
	}
	return v, err
}

func (w *walker) kind() (kind, error) {
	at := w.pos
	k, err := w.uint32()
	if err == nil && k >= uint32(len(kindSizes)) {
		err = fmt.Errorf("value type %d at offset %d is not known", k, at)
	}
	return kind(k), err
}

func (w *walker) number(k kind) (int, error) {
	b, err := w.take(kindSizes[k])
	if err != nil {
		return 0, err
	}
	return k.number(b), nil
}

func (w *walker) array(key string) (value, error) {
	at := w.pos
	element, err := w.kind()
	if err != nil {
		return value{}, err
	}
	n, err := w.uint64()
	if err != nil {
		return value{}, err
	}
	size := uint64(kindSizes[element])
	switch {
	case element == kindArray: // llama.cpp does not read them either
		return value{}, fmt.Errorf("array of arrays at offset %d is not read", at)
	case n > w.left()/size:
		return value{}, fmt.Errorf("array of %d values at offset %d passes the end of the file", n, at)
	case key == keyTokens:
		w.tokens = n
	}
	v := value{number: -1}
	switch {
	case w.peek && strings.HasPrefix(key, "tokenizer."):
		err = errVocabulary
	case element == kindString && key == keyTokens:
		err = w.markTexts(n)
	case element == kindString:
		err = w.skipTexts(n)
	case n <= maxLayers:
		v.list, err = w.numbers(element, int(n))
	default:
		w.skip(n * size)
	}
	return v, err
}

func (w *walker) numbers(k kind, n int) ([]int32, error) {
	size := kindSizes[k]
	b, err := w.take(n * size)
	if err != nil {
		return nil, err
	}
	list := make([]int32, n)
	for i := range list {
		list[i] = int32(k.number(b[i*size:]))
	}
	return list, nil
}

// markTexts passes over the vocabulary and remembers where every 1024th token lies: which one is wanted is said later.
func (w *walker) markTexts(n uint64) error {
	for ; n > 0; n -= min(n, markEvery) {
		w.marks = append(w.marks, w.pos)
		if err := w.skipTexts(min(n, markEvery)); err != nil {
			return err
		}
	}
	return nil
}

// eosToken goes back into the vocabulary. It is the last step of a walk.
func (w *walker) eosToken() (string, error) {
	eos, ok := w.values["tokenizer.ggml.eos_token_id"]
	if !ok || eos.number < 0 || eos.number/markEvery >= len(w.marks) || uint64(eos.number) >= w.tokens {
		return "", nil
	}
	w.seek(w.marks[eos.number/markEvery])
	w.window = firstWindow
	if err := w.skipTexts(uint64(eos.number % markEvery)); err != nil {
		return "", err
	}
	return w.text(maxText)
}
