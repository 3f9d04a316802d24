package api

import (
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/conversation"
)

const (
	maxFile     = 512 << 20 // as at OpenAI
	maxFileName = 255       // bytes
)

// purposes are what a file may be for.
var purposes = []string{"assistants", "vision", "user_data", "batch", "fine-tune", "evals"}

// postFile answers POST /v1/files: a form with a file, which goes to the store as it comes.
func (s *Server) postFile(c *fiber.Ctx) error {
	if !isForm(&c.Request().Header) {
		return fault(http.StatusUnsupportedMediaType, "A file is uploaded as multipart/form-data, with the fields 'purpose' and 'file'", "", "unsupported_content_type")
	}
	owner := s.owner(c)
	return s.upload(c, s.maxFile, "the fields 'purpose' and 'file'", func(ctx context.Context, form *uploadForm, _ *observation) (fiber.Handler, error) {
		f := &fileForm{uploadForm: form, most: s.maxFile, fields: map[string]string{}}
		if err := f.begin(); err != nil {
			return nil, err
		}
		if err := s.config.Conversations.CreateFile(ctx, owner, &f.file, f); err != nil {
			return nil, err
		}
		return func(c *fiber.Ctx) error { return c.JSON(f.file) }, nil
	})
}

// fileForm is a form with one file, and fields before and behind it: OpenAI's clients
// send them in the order in which their caller wrote them.
type fileForm struct {
	*uploadForm
	file   conversation.File
	part   *multipart.Part
	fields map[string]string
	most   int64 // bytes that the file may have
	came   int64
	over   error // what Read returns from now on
}

// begin reads to the content of the file.
func (f *fileForm) begin() error {
	for f.part == nil {
		if err := f.field(); err == io.EOF {
			return fault(http.StatusBadRequest, "There is no file in the form: 'file' is a required field", "file", "missing_required_parameter")
		} else if err != nil {
			return err
		}
	}
	return nil
}

// field reads the next part of the form: a field, or the head of the file.
func (f *fileForm) field() error {
	part, err := f.next()
	if err != nil {
		return err
	}
	if isFile(part) {
		return f.open(part)
	}
	name := part.FormName()
	check, ok := fileFields[name]
	if !ok {
		return badForm("A file's form has the fields 'file', 'purpose', 'expires_after[anchor]' and 'expires_after[seconds]', and no others", name)
	}
	if _, twice := f.fields[name]; twice {
		return fault(http.StatusBadRequest, fmt.Sprintf("The field '%s' stands twice in the form", name), name, "duplicate_field")
	}
	if f.fields[name], err = f.value(part); err != nil {
		return err
	}
	return check(f.fields[name])
}

// fileFields are the fields of a form, and what is wrong with a value.
var fileFields = map[string]func(value string) error{
	"purpose": func(value string) error {
		if !slices.Contains(purposes, value) {
			return fault(http.StatusBadRequest, fmt.Sprintf("%.60q is no purpose of a file; one of %s is", value, strings.Join(purposes, ", ")), "purpose", "invalid_value")
		}
		return nil
	},
	anchorField: func(value string) error {
		if value != "created_at" {
			return fault(http.StatusBadRequest, "A file's time begins when it is made: expires_after[anchor] is 'created_at'", anchorField, "invalid_value")
		}
		return nil
	},
	secondsField: func(value string) error {
		if n, err := strconv.Atoi(value); err != nil || n < 3600 || n > 2_592_000 { // OpenAI's bounds
			return fault(http.StatusBadRequest, "expires_after[seconds] is from 3600, an hour, to 2592000, 30 days", secondsField, "invalid_value")
		}
		return nil
	},
}

const anchorField, secondsField = "expires_after[anchor]", "expires_after[seconds]"

// open takes the head of the file.
func (f *fileForm) open(part *multipart.Part) error {
	if f.part != nil {
		return badForm("There are two files in the form; each is uploaded with a form of its own", part.FormName())
	}
	if part.FormName() != "file" {
		return badForm("The form's file is in another field than 'file'", part.FormName())
	}
	name, err := fileName(part)
	if err != nil {
		return err
	}
	bad := name == "." || name == ".." || len(name) > maxFileName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl)
	if bad {
		return badForm("The filename must be UTF-8 without control characters, and have at most 255 bytes", "file")
	}
	f.part, f.file.Filename = part, name
	return nil
}

// Read reads the content of the file, and at its end the fields behind it: only a
// form that is right to its end makes a file.
func (f *fileForm) Read(p []byte) (n int, err error) {
	if f.over != nil {
		return 0, f.over
	}
	n, f.over = (&formFile{f.part, f.uploadForm}).Read(p)
	if f.came += int64(n); f.came > f.most {
		f.over = fileTooLarge(f.most)
	}
	if f.over == io.EOF {
		f.over = f.end()
	}
	if f.over != io.EOF {
		f.err = f.over
	}
	return n, f.over
}

// end reads what stands behind the content. Without an error it is [io.EOF].
func (f *fileForm) end() error {
	for {
		if err := f.field(); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	f.file.Object, f.file.Status, f.file.Purpose = "file", "processed", f.fields["purpose"]
	if f.file.Purpose == "" {
		return fault(http.StatusBadRequest, "'purpose' is a required field", "purpose", "missing_required_parameter")
	}
	seconds, expires := f.fields[secondsField]
	if _, anchored := f.fields[anchorField]; anchored != expires {
		return fault(http.StatusBadRequest, "expires_after has an anchor and seconds, and not only one of them", "expires_after", "invalid_value")
	}
	if expires {
		n, _ := strconv.ParseInt(seconds, 10, 64) // it was looked at
		at := time.Now().Unix() + n
		f.file.ExpiresAt = &at
	}
	return io.EOF
}
