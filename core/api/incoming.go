package api

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

const (
	stallTimeout = time.Minute // without a byte of an upload: it is given up
	maxParts     = 1000        // of a form
	formOverhead = 64 << 10    // of a form with one file, beside its content
)

// incoming is a body that is read while it arrives.
type incoming struct {
	socket net.Conn
	body   io.Reader
	size   int64             // 0 where it is not known before
	whole  *io.LimitedReader // nil where the size is not known before
	stall  time.Duration
	err    error // why nothing more comes
}

// newIncoming reads a body of a length, or one in chunks (-1), from conn.
func newIncoming(conn io.Reader, socket net.Conn, length int64, stall time.Duration) *incoming {
	in := &incoming{socket: socket, stall: stall}
	if length < 0 {
		in.body = httputil.NewChunkedReader(conn)
		return in
	}
	in.size, in.whole = length, &io.LimitedReader{R: conn, N: length}
	in.body = in.whole
	return in
}

// Read implements io.Reader.
func (in *incoming) Read(p []byte) (int, error) {
	if in.err != nil {
		return 0, in.err
	}
	_ = in.socket.SetReadDeadline(time.Now().Add(in.stall))
	n, err := in.body.Read(p)
	if err == io.EOF && in.whole != nil && in.whole.N > 0 {
		err = io.ErrUnexpectedEOF
	}
	in.err = err
	return n, err
}

// fault says why the body did not come whole, in words for the client; nil where
// it did, or still does.
func (in *incoming) fault() error {
	switch {
	case in.err == nil || in.err == io.EOF:
		return nil
	case errors.Is(in.err, os.ErrDeadlineExceeded):
		return fault(http.StatusRequestTimeout, "Nothing came of the upload for too long, and it was given up; send it again", "", "request_timeout")
	case in.err != io.ErrUnexpectedEOF && !isNet(in.err):
		return badForm("The chunks of the body cannot be read", "")
	}
	return sdk.Errorf(sdk.CodeCanceled, "The client left before the upload had come")
}

// isNet says whether an error is one of the connection, and not of what came by it.
func isNet(err error) bool {
	var n net.Error
	return errors.As(err, &n)
}

// rest takes what stands behind the last part: a socket that is closed with
// something unread in it takes the answer back from the client.
func (in *incoming) rest() { _, _ = io.CopyN(io.Discard, in, strangersBody) }

// uploadForm is a multipart body that is read while it arrives.
type uploadForm struct {
	body  *incoming
	parts *multipart.Reader
	count int
	err   error // what is wrong with it
}

func newUploadForm(in *incoming, boundary string) *uploadForm {
	return &uploadForm{body: in, parts: multipart.NewReader(bufio.NewReaderSize(in, 256<<10), boundary)}
}

// value reads a field.
func (f *uploadForm) value(part *multipart.Part) (string, error) {
	value, err := io.ReadAll(io.LimitReader(part, maxFormValue+1))
	switch {
	case err != nil:
		return "", f.broken()
	case len(value) > maxFormValue:
		return "", badForm("A field of the form is too long", part.FormName())
	}
	return string(value), nil
}

// isFile says whether a part is a file, and not a field.
func isFile(part *multipart.Part) bool {
	return part.FileName() != "" || part.FormName() == "file"
}

// fileName is the last part of the name that a file has at the client.
func fileName(part *multipart.Part) (string, error) {
	name := part.FileName()
	if name = name[strings.LastIndexAny(name, `/\`)+1:]; name == "" {
		return "", badForm("A file of the form has no filename", part.FormName())
	}
	return name, nil
}

func (f *uploadForm) next() (*multipart.Part, error) {
	if f.count++; f.count > maxParts {
		return nil, badForm("The form has too many parts", "")
	}
	part, err := f.parts.NextRawPart()
	if err != nil && err != io.EOF {
		return nil, f.broken()
	}
	return part, err
}

// broken is why a form cannot be read on.
func (f *uploadForm) broken() error {
	return cmp.Or(f.body.fault(), badForm("The body is not multipart/form-data, or ends too early", ""))
}

// formFile is one file of a form.
type formFile struct {
	part *multipart.Part
	form *uploadForm
}

// Read implements io.Reader.
func (f *formFile) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if err != nil && err != io.EOF {
		err = f.form.broken()
		f.form.err = err
	}
	return n, err
}

func badForm(message, param string) error {
	return fault(http.StatusBadRequest, message, param, "invalid_form")
}

// fileTooLarge refuses a form whose file may have most bytes.
func fileTooLarge(most int64) error {
	return fault(http.StatusRequestEntityTooLarge, fmt.Sprintf("The file is too large; %d MB is the limit", most>>20), "file", "file_too_large")
}
