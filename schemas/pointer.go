package schemas

import (
	"strconv"
	"strings"
)

// Pointer returns the JSON pointer (RFC 6901) of a value from the names and
// indices on the way to it. Without any it is "", the whole document.
func Pointer(path ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, name := range path {
		b.WriteByte('/')
		b.WriteString(escape.Replace(name))
	}
	return b.String()
}

// SplitPointer returns the names and indices of a JSON pointer.
func SplitPointer(pointer string) []string {
	if pointer == "" {
		return nil
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	path := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, name := range path {
		path[i] = unescape.Replace(name)
	}
	return path
}

// lookup returns the value that pointer names below value.
func lookup(value any, pointer string) (any, bool) {
	for _, name := range SplitPointer(pointer) {
		switch v := value.(type) {
		case map[string]any:
			member, ok := v[name]
			if !ok {
				return nil, false
			}
			value = member
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, true
}
