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

// A Redactor hides secrets in what a service answers: a gateway that repeats its
// request, or an error in the midst of a stream, would else hand the operator's key
// to whoever may chat. Each becomes as many stars, so that the lengths stay.
type Redactor struct {
	forms  [][]byte
	within [256]bool         // bytes that a form has
	words  *strings.Replacer // for texts, where short ones count too
}

// hidden is how long a secret is at least: shorter ones are those of servers that
// look at none, as "lm-studio", and may stand in a text.
const hidden = 16

// NewRedactor hides secrets in answers, but for those that are shorter than 16 characters.
func NewRedactor(secrets ...string) *Redactor {
	r := &Redactor{words: words(secrets)}
	for _, secret := range secrets {
		if len(secret) < hidden {
			continue
		}
		for _, form := range forms(secret) {
			r.forms = append(r.forms, []byte(form))
			for _, b := range []byte(form) {
				r.within[b] = true
			}
		}
	}
	return r
}

// words puts a sign in the place of secrets, however they are written.
func words(secrets []string) *strings.Replacer {
	var all []string
	for _, secret := range secrets {
		if len(secret) >= 4 {
			all = append(all, forms(secret)...)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	var pairs []string
	for _, form := range all {
		pairs = append(pairs, form, "…")
	}
	return strings.NewReplacer(pairs...)
}

// forms are how a secret may be written: as it is, escaped for JSON or an address, and
// in base64, alone or behind something else, as in "Bearer KEY".
func forms(secret string) []string {
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
func (r *Redactor) over(text []byte) []byte {
	changed := false
	for _, form := range r.forms {
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
func (r *Redactor) begun(text []byte) int {
	if len(text) == 0 || !r.within[text[len(text)-1]] {
		return 0
	}
	longest := 0
	for _, form := range r.forms {
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

// Text is a text for errors and logs, such as a service's own words, with a sign in the
// place of each secret of four characters or more.
func (r *Redactor) Text(text string) string { return r.words.Replace(text) }

// Handler is h with no secret in its answers.
func (r *Redactor) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		redacted := &RedactedWriter{ResponseWriter: w, Redactor: func() *Redactor { return r }}
		h.ServeHTTP(redacted, req)
		redacted.Finish()
	})
}

// A RedactedWriter is an answer that lets no secret through, in its head or its body.
// Finish is called at its end.
type RedactedWriter struct {
	http.ResponseWriter
	Redactor func() *Redactor // called once, when the head goes

	redactor *Redactor
	held     []byte // that may be the beginning of a secret
}

// WriteHeader implements http.ResponseWriter.
func (w *RedactedWriter) WriteHeader(status int) {
	w.redactor = w.Redactor()
	for _, values := range w.Header() {
		for i := range values {
			values[i] = string(w.redactor.over([]byte(values[i])))
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *RedactedWriter) Write(p []byte) (int, error) {
	if w.redactor == nil {
		w.WriteHeader(http.StatusOK)
	}
	text := p
	if len(w.held) > 0 {
		text = append(w.held, p...)
	}
	text = w.redactor.over(text)
	end := len(text) - w.redactor.begun(text)
	_, err := w.ResponseWriter.Write(text[:end])
	w.held = bytes.Clone(text[end:])
	return len(p), err
}

// Finish sends what was held back.
func (w *RedactedWriter) Finish() {
	if len(w.held) > 0 {
		_, _ = w.ResponseWriter.Write(w.held) // where the client has left, nobody misses it
	}
	w.held = nil
}

// Unwrap is for http.ResponseController.
func (w *RedactedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
