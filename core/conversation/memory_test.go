package conversation_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/conversation"
)

// TestLongListsTakeNoMemory: a short list element, field or member is many times as large
// in memory as in a body, so what is too much is refused before it is taken apart.
func TestLongListsTakeNoMemory(t *testing.T) {
	const size = 8 << 20
	ones := "[" + strings.Repeat("1,", size/2) + "1]"
	var fields strings.Builder
	for i := range size / 16 {
		fmt.Fprintf(&fields, `"%08x":1,`, i)
	}
	thread := func(body string) error { _, _, err := conversation.ReadThread([]byte(body)); return err }
	message := func(body string) error { _, err := conversation.ReadMessage([]byte(body)); return err }
	export := func(body string) error { _, err := conversation.ReadExport([]byte(body)); return err }
	talk := func(body string) error { _, _, err := conversation.ReadConversation([]byte(body)); return err }
	const begun = `{"object":"thread.export","version":1,"thread":{"id":"t","created_at":1`
	for name, c := range map[string]struct {
		read func(string) error
		body string
	}{
		"messages":               {thread, `{"messages":` + ones + `}`},
		"fields":                 {thread, `{` + fields.String() + `"x":1}`},
		"content":                {message, `{"role":"user","content":` + ones + `}`},
		"metadata of a message":  {message, `{"role":"user","content":"x","metadata":{"a":` + ones + `}}`},
		"metadata":               {talk, `{"metadata":{"a":` + ones + `}}`},
		"items":                  {talk, `{"items":` + ones + `}`},
		"imported":               {export, begun + `},"messages":` + ones + `}`},
		"imported metadata":      {export, begun + `,"metadata":{"a":` + ones + `}}}`},
		"metadata that came too": {export, begun + `},"messages":[{"id":"m","created_at":1,"role":"user","content":"x","metadata":{"a":` + ones + `}}]}`},
		"imported assistants":    {export, begun + `},"assistants":[{"id":"a","created_at":1,"metadata":{"a":` + ones + `}}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := c.read(c.body)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Error("it was taken")
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 16*uint64(len(c.body)) {
				t.Errorf("%d MiB were taken for a body of %d", took>>20, len(c.body)>>20)
			}
		})
	}
}
