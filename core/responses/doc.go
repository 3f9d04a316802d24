// Package responses is the memory of POST /v1/responses: it reads what a request
// says about what is to be remembered, puts the items that went before in front of
// its input, leaves out the oldest where all of them are too long for a model, and
// puts into the engine's answer what is ours: its id, and what it goes on from.
//
// Engines remember nothing: they are given the whole input. An answer is handed on
// as it comes, in a stream too; only the events that hold the whole response are
// changed, and the last of them waits until the response is stored.
package responses
