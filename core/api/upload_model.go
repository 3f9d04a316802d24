package api

import (
	"context"
	"io"
	"mime/multipart"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
)

// postModel answers POST /v1/models: a model in JSON, or a form with its files.
func (s *Server) postModel(c *fiber.Ctx) error {
	if isForm(&c.Request().Header) {
		return s.upload(c, 0, "the field 'id' and after it the model's files", s.receiveModel)
	}
	return s.createModel(c)
}

// receiveModel reads a form with a model: its fields, then its files.
func (s *Server) receiveModel(ctx context.Context, form *uploadForm, o *observation) (fiber.Handler, error) {
	f := &modelForm{uploadForm: form}
	id, err := f.fields()
	if err != nil {
		return nil, err
	}
	m, err := s.runtime.Upload(ctx, core.UploadRequest{ID: id, Size: form.body.size}, f.file)
	return func(c *fiber.Ctx) error {
		o.model = m.ID
		return s.sendCreated(c, m, nil)
	}, err
}

// modelForm has first its fields, then its files.
type modelForm struct {
	*uploadForm
	part *multipart.Part // the file that is next
}

// fields reads what stands before the first file.
func (f *modelForm) fields() (id string, err error) {
	for {
		part, err := f.next()
		switch {
		case err == io.EOF:
			return "", badForm("There is no file in the form", "file")
		case err != nil:
			return "", err
		case isFile(part):
			f.part = part
			return id, nil
		case part.FormName() != "id":
			return "", badForm("A form has the field 'id' and files, and nothing else; PATCH /v1/models/{id} changes the model afterwards", part.FormName())
		case id != "":
			return "", fault(http.StatusBadRequest, "The field 'id' stands twice in the form", "id", "duplicate_field")
		}
		if id, err = f.value(part); err != nil {
			return "", err
		}
	}
}

// file returns the next file, with the last part of the name that it has at the
// client; io.EOF after the last one.
func (f *modelForm) file() (name string, r io.Reader, err error) {
	if name, r, err = f.nextFile(); err != nil && err != io.EOF {
		f.err = err
	}
	return name, r, err
}

func (f *modelForm) nextFile() (name string, r io.Reader, err error) {
	part := f.part
	if f.part = nil; part == nil {
		if part, err = f.next(); err != nil {
			return "", nil, err
		}
	}
	if !isFile(part) {
		return "", nil, badForm("The fields of the form must stand before its files", part.FormName())
	}
	if name, err = fileName(part); err != nil {
		return "", nil, err
	}
	return name, &formFile{part, f.uploadForm}, nil
}
