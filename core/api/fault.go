package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// engineFault puts an engine's refusal into OpenAI's form.
func engineFault(lease *core.Lease, resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorAnswer))
	answer := engineSaid(lease.Model(), resp.StatusCode, body)
	wait, _ := web.RetryAfter(resp.Header)
	answer.after = min(wait, maxRetryAfter)
	return answer
}

// maxRetryAfter bounds what an engine may tell a client to wait.
const maxRetryAfter = 24 * time.Hour

// upstreamID tells the client the id that a remote service gave its request.
func upstreamID(c *fiber.Ctx, resp *http.Response) {
	id := resp.Header.Get(upstreamHeader)
	if id != "" && len(id) <= 200 && !strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' }) {
		c.Set(upstreamHeader, id)
	}
}

const upstreamHeader = "X-Upstream-Request-Id"

func engineSaid(model string, status int, body []byte) *apiError {
	said := gjson.ParseBytes(body)
	if inner := said.Get("error"); inner.Exists() {
		said = inner
	}
	message := said.Get("message").String()
	if said.Type == gjson.String {
		message = said.Str
	}
	if message == "" {
		message = fmt.Sprintf("The engine of the model '%s' answered with status %d", model, status)
	}
	answer := fault(status, fit(message), said.Get("param").String(), "")
	if code := said.Get("code"); code.Type == gjson.String {
		answer.Code = orNil(code.String())
	}
	return answer
}

// engineFailed finds an error that an engine sent in a stream, and where it begins:
// llama-server's has a number for a code, and no param. A line of data is JSON, in
// which no line ends, so that no text of a model is taken for it. Events of
// responses are numbered, and stay as they are.
func engineFailed(op operation, model string, p []byte) (at int, e *apiError) {
	mark := errorEvent
	switch op.Operation {
	case sdk.OpResponses:
		return 0, nil
	case sdk.OpMessages:
		mark = messagesErrorEvent
	}
	if !bytes.HasPrefix(p, mark[2:]) {
		if at = bytes.Index(p, mark); at < 0 {
			return 0, nil
		}
		at += 2
	}
	_, data, _ := bytes.Cut(p[at:], []byte("data: "))
	return at, engineSaid(model, http.StatusInternalServerError, data)
}

var errorEvent, messagesErrorEvent = []byte("\n\ndata: {\"error\":"), []byte("\n\nevent: error\n")

// machinePath is an absolute path in a text; what stands before it and its last
// part are kept.
var machinePath = regexp.MustCompile(`(^|[\s'"(=:])(?:[A-Za-z]:)?[/\\](?:[^\s'"():/\\]+[/\\])+([^\s'"():/\\]+)`)

// fit makes an engine's text one that a client may see: without the names of C++
// exceptions, and without paths of this machine.
func fit(message string) string {
	message = exception.ReplaceAllString(message, "")
	return machinePath.ReplaceAllStringFunc(message, func(found string) string {
		if strings.Contains(found, "/v1/") { // a route
			return found
		}
		return machinePath.ReplaceAllString(found, "$1$2")
	})
}

// exception is what the JSON library of C++ programs puts before its texts.
var exception = regexp.MustCompile(`\[json\.exception\.[a-z_.0-9]+\] (parse error at [^:]+: )?`)
