package schemas

import (
	"slices"
	"strconv"
	"strings"
)

// knownKey is what a problem expects where a key is not known.
const knownKey = "a known key"

// Hints returns the keys of value that the schema does not know but that look
// like one it does: another case, other separators, a few letters. A key is not
// taken for a slip where the one it resembles is given too.
func (s *Schema) Hints(value map[string]any) Problems { return s.root.hints("", value) }

func (s subschema) hints(pointer string, value any) Problems {
	var all Problems
	switch v := value.(type) {
	case []any:
		items, ok := s.items()
		for i := 0; ok && i < len(v); i++ {
			all = append(all, items.hints(pointer+Pointer(strconv.Itoa(i)), v[i])...)
		}
	case map[string]any:
		for name, member := range v {
			below := pointer + Pointer(name)
			if s.knows(name) {
				sub, _ := s.property(name)
				all = append(all, sub.hints(below, member)...)
			} else if near := nearest(name, absent(s.names(), name, v)); near != "" {
				all = append(all, unknown(below, name, near))
			}
		}
	}
	return all.first()
}

// absent returns the known names that name can be a slip of: those that are not
// given themselves, and those that differ only in case and separators.
func absent(known []string, name string, given map[string]any) []string {
	return slices.DeleteFunc(slices.Clone(known), func(candidate string) bool {
		_, ok := given[candidate]
		return ok && plain(candidate) != plain(name)
	})
}

// unknown is the problem of a key that the schema does not know.
func unknown(pointer, name, near string) Problem {
	return Problem{Pointer: pointer, Expected: knownKey, Got: shorten(quote(name)), Suggestion: near}
}

// nearest returns the candidate that name resembles most, or "" where it
// resembles none. "ctx_length" may stand for "ctx_len": a third of the letters
// may differ, and three at most.
func nearest(name string, candidates []string) string {
	best, found := min(3, max(len(name)/3, 1))+1, ""
	if len(name) < 3 || len(name) > maxKey {
		return ""
	}
	bare := plain(name)
	for _, candidate := range candidates {
		other := plain(candidate)
		if gap := len(bare) - len(other); max(gap, -gap) >= best {
			continue // at least so many letters differ
		}
		if d := distance(bare, other); d < best {
			best, found = d, candidate
		}
	}
	return found
}

var separators = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")

// plain returns name without what people spell in different ways.
func plain(name string) string { return separators.Replace(strings.ToLower(name)) }

// distance is the number of bytes to insert, delete, replace or swap with the
// next one on the way from a to b (optimal string alignment).
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
