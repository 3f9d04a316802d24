package api

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// maxRequestID is how long a client's own id may be, in bytes.
const maxRequestID = 128

// requestID is what the client calls its request, where that is a plain word,
// else a new name. It tells requests apart; nothing is kept secret by it.
func requestID(c *fiber.Ctx) string {
	if own := c.Get(fiber.HeaderXRequestID); plainWord(own) {
		return strings.Clone(own)
	}
	b := append(make([]byte, 0, 24), "req_"...)
	return string(strconv.AppendUint(b, rand.Uint64()|1<<63, 16)) // always 16 digits
}

// plainWord says whether a client's word can stand in a log and in a header.
func plainWord(s string) bool {
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '-', b == '_', b == '.', b == ':':
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxRequestID
}
