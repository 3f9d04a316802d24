// Package conversation keeps what lasts of conversations: assistants, threads with
// their messages and runs, files, stored responses and conversations, as OpenAI's
// Assistants (v2), Files, Responses and Conversations APIs have them, and as the
// older API of the seeds had them. All of it lies in one database, see [Store].
//
// The types are the objects of the API: their JSON is what clients get. What they
// take is wider: see the Read functions.
package conversation
