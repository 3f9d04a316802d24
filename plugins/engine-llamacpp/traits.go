package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/enginebay/enginebay/sdk"
)

// traits are what a model can do once it is loaded, as llama-server tells it.
type traits struct {
	model      string
	tools      bool // the chat template has a place for them
	media      bool // images or sound are read
	dimensions int  // numbers of an embedding; 0 where unknown
}

// ask gets the traits of the model that a llama-server runs.
func ask(ctx context.Context, transport *http.Transport) (traits, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/props", nil)
	if err != nil {
		return traits{}, err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return traits{}, fmt.Errorf("ask llama-server what it can do: %w", err)
	}
	defer resp.Body.Close()
	var props struct {
		Modalities map[string]bool
		Caps       *struct {
			Tools bool `json:"supports_tools"`
			Calls bool `json:"supports_tool_calls"`
		} `json:"chat_template_caps"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&props); err != nil {
		return traits{}, fmt.Errorf("read what llama-server can do: %w", err)
	}
	t := traits{tools: props.Caps == nil || props.Caps.Tools || props.Caps.Calls} // older builds do not tell
	for _, can := range props.Modalities {
		t.media = t.media || can
	}
	return t, nil
}

// detours are the streams of operations that do not come straight from
// llama-server, because they need a change on the way in or out.
func (t traits) detours(ops []sdk.Operation) []string {
	var all []string
	for _, op := range ops {
		switch {
		case op == sdk.OpResponses, op == sdk.OpCompletion, t.media && (op == sdk.OpChat || op == sdk.OpMessages):
			all = append(all, string(op))
		case op == sdk.OpChat, op == sdk.OpMessages:
			for _, field := range t.detouring(op) {
				all = append(all, string(op)+" "+field)
			}
		}
	}
	return all
}

// detouring are the fields of a chat that need a change.
func (t traits) detouring(op sdk.Operation) []string {
	fields := []string{"tool_choice"}
	if !t.tools {
		fields = append(fields, "tools")
	}
	if op == sdk.OpChat {
		fields = append(append(fields, "logprobs", "n"), forgotten...)
	}
	return fields
}
