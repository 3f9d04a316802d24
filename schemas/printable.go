package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode"
)

// Printable says whether all texts of a value, as JSON has it, can be shown to a person: a
// terminal obeys control characters, and line breaks and marks of direction make a text
// look like another one.
func Printable(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tokens := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := tokens.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if s, ok := token.(string); ok {
			for _, r := range s {
				if misleads(r) {
					return fmt.Errorf("the text %.100q has a control character in it (U+%04X)", s, r)
				}
			}
		}
	}
}

func misleads(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == 0x2028 || r == 0x2029
}
