package schemas

import "unicode/utf8"

// A cursor turns offsets into places. It goes through the text once, so that
// offsets must rise; a file of one long line would cost too much otherwise.
type cursor struct {
	text   []byte
	offset int
	place  place
}

func (c *cursor) to(offset int) place {
	for offset = min(offset, len(c.text)); c.offset < offset; c.offset++ {
		switch b := c.text[c.offset]; {
		case b == '\n':
			c.place = place{c.place.line + 1, 1}
		case utf8.RuneStart(b):
			c.place.column++
		}
	}
	return c.place
}

// problem returns a problem at an offset of the text.
func (f jsonFile) problem(offset int, expected, got string) Problem {
	c := cursor{text: f.text, place: place{1, 1}}
	at := c.to(offset)
	return Problem{File: f.name, Line: at.line, Column: at.column, Expected: expected, Got: got}
}
