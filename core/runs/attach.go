package runs

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/enginebay/enginebay/core/conversation"
)

const (
	maxText  = 1 << 20  // bytes of an attached text: many times the context of most models
	maxImage = 20 << 20 // bytes of an image
	maxShown = 48 << 20 // bytes of all files of a run, as is told: three quarters of its reach, and in base64 all of it
)

// parts is the content of a chat message that says what m does: a text, or a list of
// parts where it has images. The text files that it brings along stand before its own
// text. Whether a model reads images is for its engine to say.
//
// left is how many bytes of files may still be read, which is counted down; images that
// stand in the message itself take of it too, also more than there is. ignored has
// a sentence for each file that the model is not shown; one that has been deleted is
// among them. An error is one of the store.
func (r *Runner) parts(ctx context.Context, o conversation.Owner, m *conversation.Message, left *int64) (content any, ignored []string, err error) {
	s := &shown{store: r.c.Store, owner: o, left: left}
	for _, id := range m.Files() {
		if err := s.text(ctx, id); err != nil {
			return nil, nil, err
		}
	}
	for _, p := range m.Content {
		if err := s.part(ctx, m, p); err != nil {
			return nil, nil, err
		}
	}
	return s.content(), s.ignored, nil
}

// shown is what a model is shown of a message, as it is put together.
type shown struct {
	store   *conversation.Store
	owner   conversation.Owner
	parts   []map[string]any
	images  bool
	left    *int64
	ignored []string
}

// content is one text where there are only texts: every engine reads that.
func (s *shown) content() any {
	if s.images {
		return s.parts
	}
	texts := make([]string, len(s.parts))
	for i, p := range s.parts {
		texts[i], _ = p["text"].(string)
	}
	return strings.Join(texts, "\n")
}

func (s *shown) addText(text string) {
	s.parts = append(s.parts, map[string]any{"type": "text", "text": text})
}

func (s *shown) addImage(url, detail string) {
	image := map[string]any{"url": url}
	if detail != "" {
		image["detail"] = detail
	}
	s.images, s.parts = true, append(s.parts, map[string]any{"type": "image_url", "image_url": image})
}

// part adds one of the message's own content.
func (s *shown) part(ctx context.Context, m *conversation.Message, p conversation.Part) error {
	switch {
	case p.Text != nil:
		s.addText(p.Text.Value)
	case p.Refusal != nil:
		s.addText(*p.Refusal)
	case (p.ImageFile != nil || p.ImageURL != nil) && m.Role != "user": // no chat API takes it from others
		s.ignore("An image in the message '%s' is not shown to the model: only those of a user are, and its role is %s.", m.ID, m.Role)
	case p.ImageFile != nil:
		return s.image(ctx, *p.ImageFile)
	case p.ImageURL != nil && !fetchable(p.ImageURL.URL):
		s.ignore("An image in the message '%s' is not shown to the model: its address is neither a data: URI nor one of the web.", m.ID)
	case p.ImageURL != nil:
		*s.left -= int64(len(p.ImageURL.URL)) * 3 / 4 // they travel in base64
		s.addImage(p.ImageURL.URL, p.ImageURL.Detail)
	}
	return nil
}

// fetchable says whether an engine may be told the address of an image: the files of
// this machine are not for whoever writes a message.
func fetchable(address string) bool {
	scheme, _, _ := strings.Cut(address, ":")
	return slices.Contains([]string{"data", "https", "http"}, strings.ToLower(scheme))
}

// text adds a file that is a text.
func (s *shown) text(ctx context.Context, id string) error {
	name, data, err := s.read(ctx, id, maxText)
	if err != nil || data == nil {
		return err
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		s.ignore("The file '%s' (%s) is not shown to the model: it is no text in UTF-8.", name, id)
		return nil
	}
	s.addText(fmt.Sprintf("<file name=%q>\n%s\n</file>\n", name, bytes.TrimSuffix(data, []byte("\n"))))
	return nil
}

// image adds a file that is an image.
func (s *shown) image(ctx context.Context, f conversation.ImageFile) error {
	name, data, err := s.read(ctx, f.FileID, maxImage)
	if err != nil || data == nil {
		return err
	}
	kind := http.DetectContentType(data)
	if !slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}, kind) {
		s.ignore("The file '%s' (%s) is not shown to the model: it is no image in PNG, JPEG, GIF or WebP.", name, f.FileID)
		return nil
	}
	s.addImage("data:"+kind+";base64,"+base64.StdEncoding.EncodeToString(data), f.Detail)
	return nil
}

// read returns a file's content, or nil where ignored says why there is none.
func (s *shown) read(ctx context.Context, id string, most int64) (name string, data []byte, err error) {
	name, data, err = s.load(ctx, id, most)
	if missing := (*conversation.Missing)(nil); errors.As(err, &missing) {
		s.ignore("The file '%s' is not shown to the model: it is not there.", id)
		return "", nil, nil
	}
	return name, data, err
}

func (s *shown) load(ctx context.Context, id string, most int64) (name string, data []byte, err error) {
	f, content, err := s.store.FileContent(ctx, s.owner, id)
	switch {
	case err != nil:
		return "", nil, err
	case f.Bytes > most:
		s.ignore("The file '%s' (%s) is not shown to the model: it has %d KiB, and %d KiB is the limit.", f.Filename, id, f.Bytes>>10, most>>10)
		return "", nil, nil
	case f.Bytes > *s.left:
		s.ignore("The file '%s' (%s) is not shown to the model: it would be more than %d MiB with those of newer messages.", f.Filename, id, maxShown>>20)
		return "", nil, nil
	}
	*s.left -= f.Bytes
	data = make([]byte, f.Bytes)
	_, err = io.ReadFull(content, data)
	return f.Filename, data, err
}

func (s *shown) ignore(format string, args ...any) {
	s.ignored = append(s.ignored, fmt.Sprintf(format, args...))
}
