package schemas

import "bytes"

// token returns the bounds of the first token of text at or after offset, past
// blanks and comments; start equals len(text) at the end of the text. It sees
// strings and comments as hujson does, so that a bracket is one for both.
func token(text []byte, offset int) (start, end int) {
	start = skipBlank(text, offset)
	if start == len(text) {
		return start, start
	}
	switch c := text[start]; {
	case c == '"':
		return start, closingQuote(text, start)
	case bytes.IndexByte([]byte("{}[]:,"), c) >= 0:
		return start, start + 1
	}
	end = start + 1
	for end < len(text) && bytes.IndexByte([]byte("{}[]:,\"/ \t\r\n"), text[end]) < 0 {
		end++
	}
	return start, end
}

// closingQuote returns the offset behind the string that begins at start, or
// len(text) where it is never closed.
func closingQuote(text []byte, start int) int {
	for i := start + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// skipBlank returns the offset of the first byte at or after offset that is
// neither blank nor part of a comment.
func skipBlank(text []byte, offset int) int {
	for offset < len(text) {
		rest := text[offset:]
		switch {
		case bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0:
			offset++
		case bytes.HasPrefix(rest, []byte("//")):
			offset += past(rest, 2, "\n")
		case bytes.HasPrefix(rest, []byte("/*")):
			offset += past(rest, 2, "*/")
		default:
			return offset
		}
	}
	return offset
}

// past returns the offset behind the first end in text at or after from, or
// len(text) where there is none.
func past(text []byte, from int, end string) int {
	i := bytes.Index(text[from:], []byte(end))
	if i < 0 {
		return len(text)
	}
	return from + i + len(end)
}

// tooDeep returns the offset of the first bracket that is nested too deeply,
// or -1. It goes before hujson, whose parser calls itself for every level.
func tooDeep(text []byte) int {
	depth := 0
	for start, end := token(text, 0); start < len(text); start, end = token(text, end) {
		switch text[start] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return start
			}
		case '}', ']':
			depth--
		}
	}
	return -1
}
