package jan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
)

// first is the first of some fields that says anything.
func first(doc gjson.Result, names ...string) gjson.Result {
	for _, name := range names {
		if v := doc.Get(name); v.Exists() && v.Type != gjson.Null && v.Raw != `""` && v.Raw != "0" {
			return v
		}
	}
	return gjson.Result{}
}

// texts is the text of the first of some fields that has one. Ids were numbers in
// Jan's first versions.
func texts(doc gjson.Result, names ...string) string {
	v := first(doc, names...)
	if v.Type != gjson.String && v.Type != gjson.Number {
		return ""
	}
	return strings.ToValidUTF8(v.String(), "\ufffd")
}

// ids is the id that the first of some fields has, or one made of it where that is no
// plain one: the same each time.
func ids(doc gjson.Result, names ...string) string {
	if id := texts(doc, names...); id != "" {
		return plainID(id)
	}
	return ""
}

func plainID(id string) string {
	if conversation.IsPlainID(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "jan_" + hex.EncodeToString(sum[:12])
}

// optional is a text that may be missing.
func optional(doc gjson.Result, name string) *string {
	if text := texts(doc, name); text != "" {
		return &text
	}
	return nil
}

// fields returns a field that is an object with something in it, else nil.
func fields(doc gjson.Result, name string) map[string]any {
	v := doc.Get(name)
	var all map[string]any
	if !v.IsObject() || json.Unmarshal([]byte(v.Raw), &all) != nil || len(all) == 0 {
		return nil
	}
	return all
}

// seconds is the time of the first of some fields that has one, in Unix seconds; 0
// where none has. Jan wrote seconds, with a fraction too, milliseconds, and texts.
func seconds(doc gjson.Result, names ...string) int64 {
	v := first(doc, names...)
	if v.Type == gjson.String {
		if t, err := time.Parse(time.RFC3339, v.Str); err == nil {
			return t.Unix()
		}
	}
	n := v.Float() // of a text that is a number too
	if n > 1e11 {  // the year 5138 in seconds, 1973 in milliseconds
		n /= 1000
	}
	if math.IsNaN(n) || n < 0 || n > 1e11 {
		return 0
	}
	return int64(n)
}

// crockford are the digits of a ULID.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// ulidTime is when a ULID was made, in Unix seconds; 0 for any other id. Jan's
// messages have such ids, and from 0.6 on some have no other time.
func ulidTime(id string) int64 {
	if len(id) != 26 {
		return 0
	}
	var ms int64
	for i, digit := range strings.ToUpper(id) {
		n := strings.IndexRune(crockford, digit)
		if n < 0 {
			return 0
		}
		if i < 10 { // 48 bits of time, then 80 of chance
			ms = ms<<5 | int64(n)
		}
	}
	return ms / 1000
}

// stampTime is the time in an id such as jan_1702453298; 0 where there is none.
func stampTime(id string) int64 {
	_, stamp, _ := strings.Cut(id, "_")
	if len(stamp) != 10 && len(stamp) != 13 {
		return 0
	}
	return seconds(gjson.Parse(`{"t":"`+stamp+`"}`), "t")
}
