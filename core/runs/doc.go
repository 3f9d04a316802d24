// Package runs answers threads: it is the life of a run, from its creation to the
// message that the model wrote.
//
// A [Runner] asks a model over a [Bridge], which is the way that any other request
// takes, and keeps what came in a [conversation.Store]. What happens is told as it
// happens in the events of OpenAI's Assistants API (v2), see [Events].
package runs
