package schemas

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The bounds of what is read. Validation becomes slow and large with bad input
// (jsonschema v5.3.1: depth 1,000 with one bad leaf took 2.9 s and 6 GB), so
// they are checked before it.
const (
	maxFile     = 1 << 20 // bytes of a file
	maxSchema   = 256 << 10
	maxDepth    = 64     // objects and arrays within one another
	maxMembers  = 10_000 // entries of one array or object
	maxKey      = 256    // bytes of a name
	maxNumber   = 64     // characters of a number
	maxExponent = 308    // what a 64-bit float can hold
)

// bounds returns the first thing in value that is too large, or nil. The
// pointer is put together on the way back, because there may be many values
// with long ones.
func bounds(value any, depth int) *Problem {
	if depth > maxDepth {
		return &Problem{Expected: fmt.Sprintf("at most %d levels", maxDepth), Got: "one more"}
	}
	switch v := value.(type) {
	case json.Number:
		return numberBounds(v.String())
	case []any:
		if p := memberBounds(len(v), "entries"); p != nil {
			return p
		}
		for i, item := range v {
			if p := bounds(item, depth+1); p != nil {
				return p.below(strconv.Itoa(i))
			}
		}
	case map[string]any:
		if p := memberBounds(len(v), "keys"); p != nil {
			return p
		}
		for name, member := range v {
			if len(name) > maxKey {
				return &Problem{Expected: fmt.Sprintf("names of at most %d bytes", maxKey), Got: shorten(quote(name))}
			}
			if p := bounds(member, depth+1); p != nil {
				return p.below(name)
			}
		}
	}
	return nil
}

// below puts name in front of the pointer of p.
func (p *Problem) below(name string) *Problem {
	p.Pointer = Pointer(name) + p.Pointer
	return p
}

func memberBounds(n int, what string) *Problem {
	if n <= maxMembers {
		return nil
	}
	return &Problem{Expected: fmt.Sprintf("at most %d %s", maxMembers, what), Got: strconv.Itoa(n)}
}

// numberBounds refuses numbers that no float can hold. jsonschema turns each
// number into a fraction: 1e2000000 is a nil pointer there.
func numberBounds(number string) *Problem {
	_, exponent, found := strings.Cut(strings.ToLower(number), "e")
	power, err := strconv.Atoi(exponent)
	_, overflow := strconv.ParseFloat(number, 64)
	if len(number) <= maxNumber && overflow == nil && (!found || err == nil && max(power, -power) <= maxExponent) {
		return nil
	}
	return &Problem{
		Expected: fmt.Sprintf("a number of at most %d characters within ±1e%d", maxNumber, maxExponent),
		Got:      shorten(number),
	}
}
