package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/sdk/openai"
	"github.com/enginebay/enginebay/sdk/web"
)

const (
	maxError = 64 << 10 // bytes that are read of an error
	maxSaid  = 600      // bytes of it that a client sees
)

// said makes a fault of the answer of a service that refused. Whose fault it was
// decides upon the status: a key that the service does not take is not the client's.
func (u *upstream) said(status int, header http.Header, body []byte) *openai.Error {
	message, code, param := u.words(body)
	f := &openai.Error{Status: status, RequestID: requestID(header), Message: message, Code: code, Param: param}
	f.RetryAfter, _ = web.RetryAfter(header)
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		return u.unauthorized(f, status)
	case status == http.StatusNotFound:
		return u.missing(f, body)
	case status < 400:
		f.Status, f.Code = http.StatusBadGateway, "upstream_redirect"
		f.Message = fmt.Sprintf("%s redirects to another address, which is not followed with a key; set base_url in engines/%s.json to where it leads", u.row.name, u.account.id)
	case status == http.StatusRequestTimeout:
		f.Status, f.Code = http.StatusGatewayTimeout, "upstream_timeout"
	case status == 529:
		f.Status = http.StatusServiceUnavailable
	case status > 504:
		f.Status = http.StatusBadGateway
	}
	if f.Message == "" {
		f.Message = fmt.Sprintf("%s answers with status %d", u.row.name, status)
	}
	return f
}

// unauthorized says which secret of which deployment is to be mended. What a
// service says of a key is left out, for it repeats parts of it.
func (u *upstream) unauthorized(f *openai.Error, status int) *openai.Error {
	said := ""
	if status == http.StatusForbidden && f.Message != "" {
		said = ": " + f.Message
	}
	where := fmt.Sprintf("look at the secret api_key in engines/%s.json", u.account.id)
	switch {
	case u.entra():
		where = fmt.Sprintf("its client wants the role Cognitive Services OpenAI User there; look at tenant, client_id and the secret client_secret in engines/%s.json", u.account.id)
	case u.account.secrets["api_key"] == "" && u.row.variable != "":
		where = fmt.Sprintf("look at %s of the server's environment, or name another key as the secret api_key in engines/%s.json", u.row.variable, u.account.id)
	}
	f.Status, f.Code, f.Param = http.StatusBadGateway, "upstream_unauthorized", ""
	f.Message = fmt.Sprintf("%s does not let the engine '%s' in (%d%s); %s", u.row.name, u.account.id, status, said, where)
	return f
}

// missing tells a model that the service does not have from an address that it
// does not have.
func (u *upstream) missing(f *openai.Error, body []byte) *openai.Error {
	if f.Message == "" || f.Code == "unknown_url" || !gjson.ValidBytes(body) || strings.EqualFold(f.Message, "not found") || f.Message == "Resource not found" {
		f.Status, f.Code = http.StatusBadGateway, "upstream_not_found"
		f.Message = fmt.Sprintf("%s has nothing at this address (404); check base_url, and api_version where there is one, in engines/%s.json", u.row.name, u.account.id)
		return f
	}
	f.Code, f.Param = "model_not_found", "model"
	f.Message = fmt.Sprintf("%s does not have the model '%s' for this key; check model in the settings of '%s'. It says: %s", u.row.name, u.name, u.id, f.Message)
	return f
}

// words finds what a service says in an error of whatever shape: OpenAI's, a text
// under "error", FastAPI's "detail", a list, plain text, or a proxy's web page.
func (u *upstream) words(body []byte) (message, code, param string) {
	if !gjson.ValidBytes(body) {
		plain := strings.TrimSpace(string(body))
		if strings.HasPrefix(plain, "<") {
			return u.row.name + " answers with a web page, perhaps of a login or a proxy", "", ""
		}
		return u.tidy(plain), "", ""
	}
	said := gjson.ParseBytes(body)
	if said.IsArray() {
		said = said.Get("0")
	}
	for _, inner := range []string{"error", "errors.0"} {
		if found := said.Get(inner); found.Exists() && found.Type != gjson.Null {
			said = found
			break
		}
	}
	return u.tidy(sentence(said)), word(said.Get("code"), said.Get("status"), said.Get("error_type")), word(said.Get("param"))
}

// sentence is the text of an error.
func sentence(said gjson.Result) string {
	if said.Type == gjson.String {
		return said.Str
	}
	for _, name := range []string{"message", "detail", "msg", "error_description", "title"} {
		switch found := said.Get(name); {
		case found.Type == gjson.String && found.Str != "":
			return found.Str
		case found.IsArray():
			return details(found)
		case found.IsObject():
			return sentence(found)
		}
	}
	return ""
}

// details are the lines of FastAPI: where, and what is wrong there.
func details(list gjson.Result) string {
	var all []string
	for _, item := range list.Array() {
		var where []string
		for _, step := range item.Get("loc").Array() {
			if name := step.String(); name != "body" {
				where = append(where, name)
			}
		}
		if text := sentence(item); text != "" {
			all = append(all, strings.TrimPrefix(strings.Join(where, ".")+": "+text, ": "))
		}
	}
	return strings.Join(all, "; ")
}

// word is a code or a name, where it is one.
func word(values ...gjson.Result) string {
	for _, v := range values {
		if v.Type == gjson.String && words.MatchString(v.Str) {
			return v.Str
		}
	}
	return ""
}

var words = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.\[\]-]{0,63}$`)

// tidy makes a stranger's text fit for an answer and a log: one line, not long, and
// without keys.
func (u *upstream) tidy(text string) string {
	text = u.account.scrub(strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa1 || r == 0x2028 || r == 0x2029 }), " ")
	if len(text) > maxSaid {
		end := maxSaid
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	return text
}

// requestID is what the service calls the request, for its support.
func requestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "Request-Id", "Apim-Request-Id", "X-Ms-Request-Id", "Nvcf-Reqid", "X-Debug-Trace-Id", "X-Amzn-Requestid", "Cf-Ray"} {
		if id := h.Get(name); ids.MatchString(id) {
			return id
		}
	}
	return ""
}

var ids = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

// encode writes JSON with its texts readable.
func encode(v any) []byte {
	text, _ := json.Marshal(v) // of what came from JSON: it cannot fail
	return text
}
