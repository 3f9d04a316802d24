package sdk_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

func TestRefusal(t *testing.T) {
	for want, r := range map[string]*sdk.Refusal{
		`{"error":{"message":"no 'n'","type":"invalid_request_error","param":"n","code":"unsupported_parameter"}}`: sdk.Refuse("n", "unsupported_parameter", "no '%s'", "n"),
		`{"error":{"message":"it broke","type":"server_error","param":null,"code":null}}`:                          {Status: http.StatusBadGateway, Message: "it broke"},
	} {
		w := httptest.NewRecorder()
		r.Write(w)
		if got := w.Body.String(); got != want+"\n" || w.Code != r.Status || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %s", w.Code, got)
		}
	}
}
