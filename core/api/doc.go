// Package api is the HTTP face of Engine Bay: the OpenAI API over what the core
// has loaded, and the calls that manage models.
//
// A request's body is read once. What is decided upon is taken out of it (model,
// stream, keep_alive, defaults that are missing), the fields that OpenAI describes
// are checked, and the rest is the engine's matter. Answers pass through as bytes:
// no token is decoded or encoded here. Errors are always in OpenAI's form, those of
// /v1/messages in one that Anthropic's clients read too.
package api
