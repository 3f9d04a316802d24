package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// maxEvent bounds one event of a stream, in bytes.
const maxEvent = 8 << 20

// events reads a stream of server-sent events and hands out the data of each, until
// it ends or says [DONE]. What is handed out is valid until the next.
func events(stream io.Reader, take func(data []byte) error) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxEvent)
	var data []byte
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) > 0 {
			if more, ok := bytes.CutPrefix(line, []byte("data:")); ok {
				data = append(append(data, bytes.TrimPrefix(more, []byte(" "))...), '\n')
			}
			if len(data) > maxEvent {
				return errLarge()
			}
			continue
		}
		event := bytes.TrimSpace(data)
		data = data[:0]
		switch {
		case len(event) == 0:
		case bytes.Equal(event, []byte("[DONE]")):
			return nil
		default:
			if err := take(event); err != nil {
				return err
			}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return errLarge()
	}
	return lines.Err()
}

func errLarge() error {
	return failed(http.StatusBadGateway, "upstream_broken", "An event of the answer is larger than %d MiB", maxEvent>>20)
}

// garbled says whether an error is that of an answer that could not be read.
func garbled(err error) bool {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	return errors.As(err, &kind) || errors.As(err, &syntax)
}

// nonsense is the fault of an answer that could not be read.
func (u *upstream) nonsense() *fault {
	return failed(http.StatusBadGateway, "upstream_broken", "%s answers with something else than was asked for; check base_url in engines/%s.json", u.row.name, u.account.id)
}
