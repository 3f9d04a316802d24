package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/sdk/openai"
)

// body is a request by its top level fields, in their order; the values stay as
// they are written.
type body []field

type field struct{ name, value string }

// maxFields bounds a request's top level: its fields are looked for one by one.
const maxFields = 1000

// readBody reads a request's JSON.
func readBody(r *http.Request) (body, error) {
	var text bytes.Buffer
	if r.ContentLength > 0 && r.ContentLength <= maxBody {
		text.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err := io.Copy(&text, r.Body); err != nil {
		return nil, err
	}
	if !valid(text.Bytes()) {
		return nil, openai.Errorf("", "invalid_json", "The body is not valid JSON")
	}
	root := gjson.ParseBytes(text.Bytes())
	if !root.IsObject() {
		return nil, openai.Errorf("", "invalid_json", "The body must be a JSON object")
	}
	var b body
	root.ForEach(func(key, value gjson.Result) bool {
		b = append(b, field{key.String(), value.Raw})
		return len(b) <= maxFields
	})
	if len(b) > maxFields {
		return nil, openai.Errorf("", "invalid_json", "The body has more than %d fields", maxFields)
	}
	return b, nil
}

// valid says whether a text is JSON. gjson is three times as fast as the standard
// library, but has no bound on depth.
func valid(text []byte) bool {
	const deep = 10_000 // also the standard library's bound
	if bytes.Count(text, []byte("[")) < deep/2 && bytes.Count(text, []byte("{")) < deep/2 {
		return gjson.ValidBytes(text)
	}
	return json.Valid(text)
}

// get is a field's value; empty where it is not there.
func (b body) get(name string) gjson.Result {
	for i := len(b) - 1; i >= 0; i-- { // of twins the last counts, as nearly everywhere
		if b[i].name == name {
			return gjson.Parse(b[i].value)
		}
	}
	return gjson.Result{}
}

// has says whether a field is there and is not null.
func (b body) has(name string) bool {
	v := b.get(name)
	return v.Exists() && v.Type != gjson.Null
}

// with is the body with one field set, and no twin of it.
func (b body) with(name string, value any) body {
	b = b.without(name)
	return append(b, field{name, string(encode(value))})
}

func (b body) without(name string) body {
	kept := b[:0]
	for _, f := range b {
		if f.name != name {
			kept = append(kept, f)
		}
	}
	return kept
}

// bytes is the body as it is sent.
func (b body) bytes() []byte {
	size := 2
	for _, f := range b {
		size += len(f.name) + len(f.value) + 4
	}
	out := append(make([]byte, 0, size), '{')
	for i, f := range b {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, encode(f.name)...), ':'), f.value...)
	}
	return append(out, '}')
}
