package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/enginebay/enginebay/core/conversation"
)

// fileRoutes are those of uploaded files.
func (s *Server) fileRoutes() []route {
	return []route{
		{"POST", filesPath, keyed, s.postFile},
		{"GET", filesPath, keyed, s.listFiles},
		{"GET", filesPath + "/:file", keyed, s.showFile},
		{"DELETE", filesPath + "/:file", keyed, s.deleteFile},
		{"GET", filesPath + "/:file/content", keyed, s.fileContent},
	}
}

// listFiles answers GET /v1/files. OpenAI's clients may want 10,000 at once; they get
// a hundred, and ask on.
func (s *Server) listFiles(c *fiber.Ctx) error {
	if n, err := strconv.Atoi(c.Query("limit", "100")); err == nil && n >= 100 && n <= 10_000 {
		c.Context().QueryArgs().Set("limit", "100")
	}
	purpose := strings.Clone(c.Query("purpose"))
	if check := fileFields["purpose"]; purpose != "" {
		if err := check(purpose); err != nil {
			return err
		}
	}
	return sendPage(c, func(ctx context.Context, p conversation.Page) (conversation.List[*conversation.File], error) {
		return s.config.Conversations.Files(ctx, s.owner(c), purpose, p)
	})
}

// showFile answers GET /v1/files/{file}.
func (s *Server) showFile(c *fiber.Ctx) error {
	id, err := pathID(c, "file")
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	f, err := s.config.Conversations.File(ctx, s.owner(c), id)
	return orJSON(c, f, err)
}

// deleteFile answers DELETE /v1/files/{file}.
func (s *Server) deleteFile(c *fiber.Ctx) error {
	id, err := pathID(c, "file")
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	if err := s.config.Conversations.DeleteFile(ctx, s.owner(c), id); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"id": id, "object": "file", "deleted": true}) // OpenAI's has no ".deleted" here
}

// fileContent answers GET /v1/files/{file}/content. Whatever is in a file, no browser
// takes it for a page of this server's.
func (s *Server) fileContent(c *fiber.Ctx) error {
	id, err := pathID(c, "file")
	if err != nil {
		return err
	}
	f, content, err := s.config.Conversations.FileContent(context.Background(), s.owner(c), id) // it may take hours to send
	if err != nil {
		return err
	}
	size, err := seek(c, f, content)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEOctetStream)
	c.Set(fiber.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": f.Filename}))
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	s.deliver(c, sized{content, size}, size)
	return nil
}

// seek moves content to the part that a request asks for, and returns how long that
// is. Who asks for several parts gets the whole, as HTTP allows.
func seek(c *fiber.Ctx, f *conversation.File, content io.Seeker) (size int64, err error) {
	tag := strconv.Quote(f.ID) // a file never changes
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	asked := c.Request().Header.Peek(fiber.HeaderRange)
	if !bytes.HasPrefix(asked, []byte("bytes=")) || bytes.IndexByte(asked, ',') >= 0 || c.Get(fiber.HeaderIfRange, tag) != tag {
		return f.Bytes, nil
	}
	from, to, err := fasthttp.ParseByteRange(asked, int(f.Bytes))
	if err != nil || from > to {
		c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes */%d", f.Bytes))
		return 0, fault(http.StatusRequestedRangeNotSatisfiable, fmt.Sprintf("The file has %d bytes, and not this part", f.Bytes), "", "invalid_range")
	}
	c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", from, to, f.Bytes))
	c.Status(http.StatusPartialContent)
	_, err = content.Seek(int64(from), io.SeekStart)
	return int64(to-from) + 1, err
}

// sized is a content of which a known number of bytes is wanted.
type sized struct {
	io.Reader
	size int64
}

// WriteTo implements io.WriterTo. What has been deleted on the way is an error.
func (s sized) WriteTo(to io.Writer) (int64, error) { return io.CopyN(to, s.Reader, s.size) }
