// Package openai speaks OpenAI's form of HTTP for an endpoint whose Handler is in the
// plugin itself: it reads a request by its fields, answers with an error, and writes
// and reads streams of server-sent events. It knows nothing of the fields of chats and
// answers: these are the engine's own.
//
// A handler reads the body with [ReadBody], answers as a whole by encoding/json, or as
// a [Stream], and says what is wrong by an [Error]:
//
//	func (e *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
//		body, err := openai.ReadBody(r)
//		if err != nil {
//			openai.From(err).Write(w)
//			return
//		}
//		…
//	}
//
// Who may ask, and how large a request may be, the core has seen to: the handler's
// socket is for the core alone.
package openai
