package gguf

import (
	"encoding/binary"
	"math"
)

// kind is the type of a metadata value.
type kind uint32

const (
	kindUint8 kind = iota
	kindInt8
	kindUint16
	kindInt16
	kindUint32
	kindInt32
	kindFloat32
	kindBool
	kindString
	kindArray
	kindUint64
	kindInt64
	kindFloat64
)

// kindSizes are the bytes of one value; for a string and an array the fewest, which are those of an empty one.
var kindSizes = [...]int{1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8}

// value is one metadata value, as much of it as a Header can need.
type value struct {
	text   string
	number int     // -1 unless it is an integer between 0 and 2^31-1, or a boolean
	list   []int32 // the numbers of an array that has at most one for each layer
}

// number reads an integer or a boolean from the bytes of a value of this kind; see value.number.
func (k kind) number(b []byte) int {
	var n uint64 // a negative number becomes a large one
	switch k {
	case kindUint8, kindBool:
		n = uint64(b[0])
	case kindInt8:
		n = uint64(int8(b[0]))
	case kindUint16:
		n = uint64(binary.LittleEndian.Uint16(b))
	case kindInt16:
		n = uint64(int16(binary.LittleEndian.Uint16(b)))
	case kindUint32:
		n = uint64(binary.LittleEndian.Uint32(b))
	case kindInt32:
		n = uint64(int32(binary.LittleEndian.Uint32(b)))
	case kindUint64, kindInt64:
		n = binary.LittleEndian.Uint64(b)
	default:
		return -1
	}
	if n > math.MaxInt32 {
		return -1
	}
	return int(n)
}
