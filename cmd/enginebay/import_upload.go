package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// upload sends a file, or those of a folder, and tells what became of them.
func (c *config) upload(cmd *cobra.Command, f importFlags, d display, path string) error {
	files, total, err := filesOf(path)
	if err != nil {
		return err
	}
	t := newTransfer(cmd, filepath.Base(path), total, f.json || f.quiet)
	answer, err := c.client().sendFiles(cmd, f.id, files, t)
	t.end()
	if err != nil {
		return fmt.Errorf("import %s: %w", path, err)
	}
	one := &pulling{id: answer.ID, others: len(answer.Others), imported: true, end: pullReady, began: t.began, download: t.download()}
	if answer.State == "to_download" { // an archive without weights
		one.end = pullListed
	}
	d.ended(one)
	return nil
}

// filesOf are a file, or the files of a folder that belong to a model, and how
// many bytes they have.
func filesOf(path string) (files []string, total int64, err error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, infoSize(info), err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, 0, err
	}
	for _, entry := range entries {
		file := filepath.Join(path, entry.Name())
		info, err := os.Stat(file) // what a link leads to
		switch {
		case strings.HasPrefix(entry.Name(), "."):
			continue
		case err != nil:
			return nil, 0, err
		case info.IsDir():
			return nil, 0, fmt.Errorf("%s is a folder in a folder: import each by itself", file)
		}
		files, total = append(files, file), total+info.Size()
	}
	if len(files) == 0 {
		return nil, 0, fmt.Errorf("%s is empty", path)
	}
	return files, total, nil
}

func infoSize(info os.FileInfo) int64 {
	if info == nil {
		return 0
	}
	return info.Size()
}

// sendFiles sends files as a form, as they are read. It tells how much will come, so
// that a server without room refuses at once.
func (c client) sendFiles(cmd *cobra.Command, id string, files []string, t *transfer) (begun, error) {
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	req, err := http.NewRequestWithContext(cmd.Context(), http.MethodPost, c.base+"/v1/models", r)
	if err != nil {
		return begun{}, err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.ContentLength = frameSize(form.Boundary(), id, files) + t.total
	written := make(chan error, 1)
	go func() {
		err := writeForm(form, id, files, t.send)
		_ = w.CloseWithError(err) // it returns nil always
		written <- err
	}()
	resp, err := c.do(req)
	_ = r.CloseWithError(errAnswered) // the server may answer before it has read all
	var unread *fs.PathError
	switch failed := <-written; {
	case err != nil && errors.As(failed, &unread):
		return begun{}, failed
	case err != nil:
		return begun{}, err
	}
	defer resp.Body.Close()
	var answer begun
	return answer, json.NewDecoder(resp.Body).Decode(&answer)
}

// errAnswered ends the writing of a form whose answer is there.
var errAnswered = errors.New("the server has answered")

// frameSize is how many bytes a form has beside the contents of its files.
func frameSize(boundary, id string, files []string) int64 {
	var frame bytes.Buffer
	form := multipart.NewWriter(&frame)
	_ = form.SetBoundary(boundary) // it is of another form
	_ = writeForm(form, id, files, func(io.Writer, string) error { return nil })
	return int64(frame.Len())
}

// writeForm writes fields, then files, whose contents fill writes.
func writeForm(form *multipart.Writer, id string, files []string, fill func(part io.Writer, file string) error) error {
	if id != "" {
		if err := form.WriteField("id", id); err != nil {
			return err
		}
	}
	for _, file := range files {
		part, err := form.CreateFormFile("file", filepath.Base(file))
		if err != nil {
			return err
		}
		if err := fill(part, file); err != nil {
			return err
		}
	}
	return form.Close()
}

// send writes a file.
func (t *transfer) send(to io.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(to, t.reader(f))
	return err
}
