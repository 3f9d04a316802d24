package sdk

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// A Refusal is the answer of an endpoint's Handler to a request that it does not do, in
// OpenAI's form.
type Refusal struct {
	Status  int    // of HTTP; from 500 on it is no fault of the request
	Message string // for people, with the next step
	Param   string // the field that is wrong; may be empty
	Code    string // for programs: "unsupported_parameter"; may be empty
}

// Refuse makes the refusal of a request that is wrong: status 400. param and code may be
// empty.
func Refuse(param, code, format string, args ...any) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...), Param: param, Code: code}
}

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

// MarshalJSON writes what stands under "error".
func (r *Refusal) MarshalJSON() ([]byte, error) {
	kind := "invalid_request_error"
	if r.Status >= http.StatusInternalServerError {
		kind = "server_error"
	}
	return json.Marshal(struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}{r.Message, kind, orNull(r.Param), orNull(r.Code)})
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Write answers with the refusal.
func (r *Refusal) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.Status)
	_ = json.NewEncoder(w).Encode(map[string]*Refusal{"error": r}) // a client that left needs no answer
}
