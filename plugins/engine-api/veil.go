package main

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A veil hides secrets in what a service answers: a gateway that repeats its
// request, or an error in the midst of a stream, would else hand the operator's key
// to whoever may chat. Each becomes as many stars, so that the lengths stay.
type veil struct {
	forms  [][]byte
	within [256]bool // bytes that a form has
}

// veiled is how long a secret is at least: shorter ones are those of servers that
// look at none, as "lm-studio", and may stand in a text.
const veiled = 16

func newVeil(secrets []string) *veil {
	v := &veil{}
	for _, secret := range secrets {
		if len(secret) < veiled {
			continue
		}
		for _, form := range forms(secret) {
			v.forms = append(v.forms, []byte(form))
			for _, b := range []byte(form) {
				v.within[b] = true
			}
		}
	}
	return v
}

// forms are how a secret may be written: as it is, escaped for JSON or an address, and
// in base64, alone or behind something else, as in "Bearer KEY".
func forms(secret string) []string {
	if len(secret) < 8 {
		return []string{secret}
	}
	inside := func(quoted string) string { return quoted[1 : len(quoted)-1] }
	all := []string{secret, inside(plain(secret)), inside(string(encode(secret))), url.QueryEscape(secret), url.PathEscape(secret)}
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
func (v *veil) over(text []byte) []byte {
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
func (v *veil) begun(text []byte) int {
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

// overHeader hides secrets in what is passed on of a service's head.
func (v *veil) overHeader(h http.Header) {
	for _, values := range h {
		for i := range values {
			values[i] = string(v.over([]byte(values[i])))
		}
	}
}
