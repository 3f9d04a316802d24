package web

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A Veil hides secrets in what a service answers: a gateway that repeats its
// request, or an error in the midst of a stream, would else hand the operator's key
// to whoever may chat. Each becomes as many stars, so that the lengths stay.
type Veil struct {
	forms  [][]byte
	within [256]bool // bytes that a form has
}

// veiled is how long a secret is at least: shorter ones are those of servers that
// look at none, as "lm-studio", and may stand in a text.
const veiled = 16

// NewVeil hides secrets, but for those that are shorter than 16 characters.
func NewVeil(secrets ...string) *Veil {
	v := &Veil{}
	for _, secret := range secrets {
		if len(secret) < veiled {
			continue
		}
		for _, form := range Forms(secret) {
			v.forms = append(v.forms, []byte(form))
			for _, b := range []byte(form) {
				v.within[b] = true
			}
		}
	}
	return v
}

// Forms are how a secret may be written: as it is, escaped for JSON or an address, and
// in base64, alone or behind something else, as in "Bearer KEY".
func Forms(secret string) []string {
	if len(secret) < 8 {
		return []string{secret}
	}
	inside := func(quoted string) string { return quoted[1 : len(quoted)-1] }
	all := []string{secret, inside(quote(secret, false)), inside(quote(secret, true)), url.QueryEscape(secret), url.PathEscape(secret)}
	for before := range 3 {
		whole := (before + len(secret)) / 3 * 3 // what follows changes the letters of the rest
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := alphabet.EncodeToString([]byte(strings.Repeat("x", before) + secret)[:whole])
			all = append(all, text[min(len(text), (before*4+2)/3):])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// over is a text without secrets; that which has none is left as it is.
func (v *Veil) over(text []byte) []byte {
	changed := false
	for _, form := range v.forms {
		for from := 0; ; {
			at := bytes.Index(text[from:], form)
			if at < 0 {
				break
			}
			if !changed {
				text, changed = bytes.Clone(text), true
			}
			from += at
			for range form {
				text[from] = '*'
				from++
			}
		}
	}
	return text
}

// begun is how many bytes at the end of a text may be the beginning of a secret.
func (v *Veil) begun(text []byte) int {
	if len(text) == 0 || !v.within[text[len(text)-1]] {
		return 0
	}
	longest := 0
	for _, form := range v.forms {
		for n := min(len(form)-1, len(text)); n > longest; n-- {
			if bytes.HasSuffix(text, form[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// quote writes a text as JSON, with the escapes that web pages need or without.
func quote(text string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	_ = e.Encode(text) // a text is always written
	return strings.TrimSuffix(b.String(), "\n")
}

// A Cover is an answer that lets no secret through, in its head or its body. Finish is
// called at its end.
type Cover struct {
	http.ResponseWriter
	Veil func() *Veil // called once, when the head goes

	veil *Veil
	held []byte // that may be the beginning of a secret
}

// WriteHeader implements http.ResponseWriter.
func (c *Cover) WriteHeader(status int) {
	c.veil = c.Veil()
	for _, values := range c.Header() {
		for i := range values {
			values[i] = string(c.veil.over([]byte(values[i])))
		}
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (c *Cover) Write(p []byte) (int, error) {
	if c.veil == nil {
		c.WriteHeader(http.StatusOK)
	}
	text := p
	if len(c.held) > 0 {
		text = append(c.held, p...)
	}
	text = c.veil.over(text)
	end := len(text) - c.veil.begun(text)
	_, err := c.ResponseWriter.Write(text[:end])
	c.held = bytes.Clone(text[end:])
	return len(p), err
}

// Finish sends what was held back.
func (c *Cover) Finish() {
	if len(c.held) > 0 {
		_, _ = c.ResponseWriter.Write(c.held) // where the client has left, nobody misses it
	}
	c.held = nil
}

// Unwrap is for http.ResponseController.
func (c *Cover) Unwrap() http.ResponseWriter { return c.ResponseWriter }
