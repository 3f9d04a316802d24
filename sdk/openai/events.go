package openai

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
)

// maxEvent bounds one event of a stream, in bytes.
const maxEvent = 16 << 20

// ReadEvents reads a stream of server-sent events from a server behind the plugin, and
// hands out the data of each until the stream ends or says [DONE]. The data is valid
// until the next. An error of take ends it, and is returned; one that is too large, more
// than 16 MiB, is an [*Error]. A stream that breaks off is the error of the reader.
func ReadEvents(stream io.Reader, take func(data []byte) error) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxEvent)
	var data []byte
	for lines.Scan() {
		if more, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:")); ok {
			data = append(append(data, bytes.TrimPrefix(more, []byte(" "))...), '\n')
		}
		if len(data) > maxEvent {
			return errLarge()
		}
		if len(lines.Bytes()) > 0 {
			continue
		}
		event := bytes.TrimSpace(data)
		data = data[:0]
		if string(event) == "[DONE]" {
			return nil
		}
		if len(event) == 0 {
			continue
		}
		if err := take(event); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return errLarge()
	}
	return lines.Err()
}

func errLarge() error {
	return &Error{Status: http.StatusBadGateway, Code: "upstream_broken", Message: "An event of the answer is larger than 16 MiB"}
}
