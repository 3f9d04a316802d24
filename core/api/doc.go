// Package api is the HTTP face of Engine Bay: the OpenAI API over what the core
// has loaded, and the calls that manage models.
//
// A request's body is read once and looked at only for what is decided upon
// (model, stream, defaults that are missing). Answers pass through as bytes: no
// token is decoded or encoded here. Errors are always in OpenAI's form.
package api
