package main

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/enginebay/enginebay/sdk/openai"
)

// form sends a multipart body on as it comes, with the model's name in it changed:
// recordings are large, and are not held.
func (u *upstream) form(address string, w http.ResponseWriter, r *http.Request) error {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return openai.Errorf("", "invalid_form", "The body must be multipart/form-data with a field 'model' and a 'file'")
	}
	read, write := io.Pipe()
	defer read.Close()
	out := multipart.NewWriter(write)
	copied := make(chan error, 1)
	go func() {
		err := u.copyForm(out, multipart.NewReader(r.Body, params["boundary"]))
		write.CloseWithError(err)
		copied <- err
	}()
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, address, read)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", out.FormDataContentType())
	u.pass(req, r)
	resp, err := u.do(req)
	read.Close() // what the service has not read, it does not want
	if wrong := <-copied; err != nil && wrong != nil && wrong != io.ErrClosedPipe {
		return malformed(wrong)
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return u.relay(w, resp, w)
}

// malformed is a body that could not be read to its end.
func malformed(err error) error {
	if _, large := err.(*http.MaxBytesError); large {
		return err
	}
	return openai.Errorf("", "invalid_form", "The body is no whole multipart/form-data")
}

// copyForm copies the parts of a form.
func (u *upstream) copyForm(out *multipart.Writer, in *multipart.Reader) error {
	named := false
	for {
		part, err := in.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		name := part.FormName()
		if now, ok := u.RenameParameters[name]; ok {
			part.Header.Set("Content-Disposition", mime.FormatMediaType("form-data", map[string]string{"name": now}))
		}
		if name == "model" {
			if !named {
				err = out.WriteField("model", u.name)
			}
			named = true
		} else {
			err = copyPart(out, part)
		}
		if err != nil {
			return err
		}
	}
	if !named {
		if err := out.WriteField("model", u.name); err != nil {
			return err
		}
	}
	return out.Close()
}

func copyPart(out *multipart.Writer, part *multipart.Part) error {
	to, err := out.CreatePart(part.Header)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, part)
	return err
}
