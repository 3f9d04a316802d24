// Package jan reads and writes the conversations of Jan, as its data folder holds
// them (github.com/janhq/jan):
//
//	threads/ID/thread.json       a thread: title, assistants with model and parameters, times
//	threads/ID/messages.jsonl    its messages, one in a line, oldest first
//	threads/ID/files/            what was attached to them, up to 0.4
//	assistants/ID/assistant.json an assistant
//
// The shapes changed over the years, and all of them are read:
//
//	to 0.4  created and updated in milliseconds; parts of the types image and pdf, whose file stands in annotations
//	0.5     created_at and completed_at, in seconds or in milliseconds; image_url; metadata.title
//	0.6 on  updated in seconds with a fraction; created_at may be 0; assistants with id and name; the thread's own model;
//	        reasoning and tool_call parts
//
// A folder is what somebody else wrote: whatever in it cannot be read is left out
// and told, links that lead out of it are not followed, and files have bounds.
package jan
