package api

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core"
)

// engineFault puts an engine's refusal into OpenAI's form.
func engineFault(lease *core.Lease, resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorAnswer))
	message := gjson.GetBytes(body, "error.message").String()
	if message == "" {
		message = gjson.GetBytes(body, "error").String()
	}
	if message == "" || strings.HasPrefix(message, "{") {
		message = fmt.Sprintf("The engine of the model '%s' answered with status %d", lease.Model(), resp.StatusCode)
	}
	code := gjson.GetBytes(body, "error.code")
	answer := fault(resp.StatusCode, fit(message), gjson.GetBytes(body, "error.param").String(), "")
	if code.Type == gjson.String {
		answer.Code = orNil(code.String())
	}
	return answer
}

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
