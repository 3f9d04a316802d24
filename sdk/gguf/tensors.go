package gguf

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// tensorList reads the list of tensors, and makes sure that the file holds the last of them.
func (w *walker) tensorList() error {
	align := int64(32)
	if v, ok := w.values["general.alignment"]; ok {
		align = int64(v.number)
	}
	if align <= 0 || bits.OnesCount64(uint64(align)) != 1 {
		return fmt.Errorf("general.alignment: %d is not a power of two", align)
	}
	var end uint64
	var last string
	for range w.tensors {
		name, tensorEnd, err := w.tensor()
		if err != nil {
			return err
		}
		if tensorEnd > end {
			end, last = tensorEnd, name
		}
	}
	start := uint64((w.pos + align - 1) &^ (align - 1))
	if end > 0 && (start > uint64(w.size) || end > uint64(w.size)-start) {
		return &IncompleteError{Size: w.size, Want: int64(min(add(start, end), math.MaxInt64)), tensor: last, length: end, start: start}
	}
	return nil
}

// IncompleteError is the error of a file that ends before its last tensor does: a copy that broke off, or goes on.
type IncompleteError struct {
	Size int64 // bytes of the file
	Want int64 // bytes that it must have at least

	tensor        string // the last one
	length, start uint64 // of the data of all
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("tensor %.64q: its data, %d bytes after offset %d, passes the end of the file (%d bytes): the file is incomplete",
		e.tensor, e.length, e.start, e.Size)
}

// tensor reads one entry of the list; end is where its data ends, counted from the first tensor's.
func (w *walker) tensor() (name string, end uint64, err error) {
	at := w.pos
	if name, err = w.text(maxName); err != nil {
		return "", 0, fmt.Errorf("tensor: %w", err)
	}
	elements, kind, offset, err := w.shape()
	if err != nil {
		return "", 0, fmt.Errorf("tensor %.64q at offset %d: %w", name, at, err)
	}
	w.parameters = add(w.parameters, elements)
	if uint64(kind) >= uint64(len(tensorTypes)) || tensorTypes[kind].block == 0 {
		return name, 0, nil // a type of a later llama.cpp: its size is not known
	}
	w.perType[kind] = add(w.perType[kind], elements)
	t := tensorTypes[kind]
	return name, add(offset, mul((elements+t.block-1)/t.block, t.bytes)), nil
}

func (w *walker) shape() (elements uint64, kind uint32, offset uint64, err error) {
	n, err := w.uint32()
	if err != nil {
		return 0, 0, 0, err
	}
	if n > 4 { // GGML_MAX_DIMS
		return 0, 0, 0, fmt.Errorf("%d dimensions, the most are 4", n)
	}
	elements = 1
	for range n {
		length, err := w.uint64()
		if err != nil {
			return 0, 0, 0, err
		}
		elements = mul(elements, length)
	}
	if elements > math.MaxInt64 {
		return 0, 0, 0, errors.New("its dimensions multiply to more than 2^63")
	}
	if kind, err = w.uint32(); err != nil {
		return 0, 0, 0, err
	}
	offset, err = w.uint64()
	return elements, kind, offset, err
}

// add and mul stop at the largest number.
func add(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}

func mul(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	if high != 0 {
		return math.MaxUint64
	}
	return low
}
