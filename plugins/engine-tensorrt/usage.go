package main

import "unicode/utf8"

// turn is what a Triton has told of one answer beside its text.
type turn struct {
	limit       int
	asked, said int // tokens
	counted     bool
	finished    string // its own finish_reason; most models have none
	answers     int
}

// read takes the numbers of an answer of the stream: each says how many tokens it has.
func (t *turn) read(o outputs) {
	t.answers++
	if n, ok := o.number("num_input_tokens"); ok && n > 0 {
		t.asked = n
	}
	if n, ok := o.number("num_output_tokens"); ok {
		t.counted = true
		t.said += n
	}
	if r := o.text("finish_reason"); r != "" && r != "None" {
		t.finished = r
	}
}

// reason is OpenAI's finish_reason. Where Triton gives none, an answer with as many
// tokens as it might have was cut off.
func (t *turn) reason(s *speech) string {
	switch {
	case s.stopped:
		return "stop"
	case t.finished == "length", t.finished == "stop":
		return t.finished
	case t.tokens(s) >= t.limit:
		return "length"
	}
	return "stop"
}

// tokens of the answer, as it was counted, or else as many as there were pieces: a
// stream has one for each token.
func (t *turn) tokens(s *speech) int {
	if t.counted {
		return t.said
	}
	if t.answers == 1 {
		return guess(s.whole)
	}
	return s.pieces
}

// guess is how many tokens a text has, about: one for four letters.
func guess(text string) int { return (utf8.RuneCountInString(text) + 3) / 4 }

// usage are the tokens of a request.
type usage struct {
	asked, said int
	estimated   bool
}

func (u *usage) add(t turn, s *speech, prompt string) {
	if t.asked == 0 {
		u.estimated = true
		t.asked = max(1, guess(prompt))
	}
	u.estimated = u.estimated || !t.counted
	u.asked += t.asked
	u.said += t.tokens(s)
}

// total is OpenAI's usage; "estimated" says that Triton did not count.
func (u usage) total() map[string]any {
	all := map[string]any{"prompt_tokens": u.asked, "completion_tokens": u.said, "total_tokens": u.asked + u.said}
	if u.estimated {
		all["estimated"] = true
	}
	return all
}
