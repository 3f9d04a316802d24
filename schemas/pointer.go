package schemas

import (
	"strconv"
	"strings"
)

// A Replacer is built when it is first used, which takes longer than using it.
var (
	escape   = strings.NewReplacer("~", "~0", "/", "~1")
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// Pointer returns the JSON pointer (RFC 6901) of a value from the names and
// indices on the way to it. Without any it is "", the whole document.
func Pointer(path ...string) string {
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
	path := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	if strings.IndexByte(pointer, '~') < 0 { // nearly always
		return path
	}
	for i, name := range path {
		path[i] = unescape.Replace(name)
	}
	return path
}

// Lookup returns the value that pointer names below value.
func Lookup(value any, pointer string) (any, bool) {
	if pointer == "" {
		return value, true
	}
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if strings.Contains(name, "~") {
			name = unescape.Replace(name)
		}
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
