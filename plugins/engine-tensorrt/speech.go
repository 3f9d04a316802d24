package main

import (
	"strings"
	"unicode/utf8"
)

// speech puts the pieces of an answer together, and cuts off what a client did not ask
// for: the prompt where a model repeats it, and everything from a stop word on. What
// may yet become a stop word, or a letter, is held back.
type speech struct {
	prompt      string // repeated before the answer; empty: it is not
	accumulated bool   // each piece has all of the text so far
	stops       []string

	whole   string // of the pieces
	built   strings.Builder
	sent    int  // bytes of the text that were given out
	stopped bool // by a stop word
	pieces  int  // that had text in them
}

// add takes a piece, and returns what can be given out.
func (s *speech) add(piece string) string {
	if piece != "" {
		s.pieces++
	}
	if s.accumulated {
		s.whole = piece
	} else {
		s.built.WriteString(piece)
		s.whole = s.built.String() // no copy: a long answer has many pieces
	}
	return s.next(false)
}

// rest returns what was held back, at the end.
func (s *speech) rest() string { return s.next(true) }

func (s *speech) next(last bool) string {
	text, wait := s.text()
	if wait && !last || s.stopped {
		return ""
	}
	end := len(text)
	if at := s.stop(text); at >= 0 {
		s.stopped, end = true, at
	} else if !last {
		end -= max(s.begun(text), unfinished(text))
	}
	if end <= s.sent {
		return ""
	}
	piece := text[s.sent:end]
	s.sent = end
	return piece
}

// text is the answer without the prompt; wait: it may yet be one.
func (s *speech) text() (text string, wait bool) {
	if s.prompt == "" {
		return s.whole, false
	}
	if after, ok := strings.CutPrefix(s.whole, s.prompt); ok {
		return after, false
	}
	return s.whole, strings.HasPrefix(s.prompt, s.whole)
}

// stop finds the first stop word in what is new.
func (s *speech) stop(text string) int {
	first := -1
	for _, stop := range s.stops {
		from := max(0, min(s.sent, len(text))-len(stop))
		if at := strings.Index(text[from:], stop); at >= 0 && (first < 0 || from+at < first) {
			first = from + at
		}
	}
	return first
}

// begun is the length of the longest beginning of a stop word at the end of the text.
func (s *speech) begun(text string) int {
	longest := 0
	for _, stop := range s.stops {
		for n := min(len(stop)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, stop[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// unfinished is the length of a letter at the end that is not whole yet: bytes of
// UTF-8, or the sign that tokenizers put in their place.
func unfinished(text string) int {
	if cut, ok := strings.CutSuffix(text, "\uFFFD"); ok {
		return len(text) - len(cut)
	}
	for n := 1; n <= 3 && n <= len(text); n++ {
		if b := text[len(text)-n]; utf8.RuneStart(b) {
			if b >= utf8.RuneSelf && !utf8.FullRuneInString(text[len(text)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}
