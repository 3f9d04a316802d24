package main

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// A refusal is an error in OpenAI's form.
type refusal struct {
	status int

	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func (r *refusal) Error() string { return r.Message }

// refuse makes the refusal of a request that is wrong; param and code may be empty.
func refuse(param, code, format string, args ...any) *refusal {
	r := &refusal{status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...), Type: "invalid_request_error"}
	if param != "" {
		r.Param = &param
	}
	if code != "" {
		r.Code = &code
	}
	return r
}

// unsupported is a field that OpenAI has and a Triton's model has not.
func unsupported(param string) *refusal {
	return refuse(param, "unsupported_parameter", "'%s' is not supported with this model", param)
}

func (r *refusal) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(map[string]*refusal{"error": r})
}
