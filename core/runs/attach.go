package runs

import (
	"context"
	"strings"

	"github.com/enginebay/enginebay/core/conversation"
)

// parts is the content of a message as a chat completion has it, and what of it is left
// out, in sentences.
//
// TODO(F): images and attached files.
func (r *Runner) parts(ctx context.Context, o conversation.Owner, m *conversation.Message) (content any, ignored []string, err error) {
	var text []string
	for _, part := range m.Content {
		if part.Text != nil {
			text = append(text, part.Text.Value)
		}
	}
	return strings.Join(text, "\n"), nil, nil
}
