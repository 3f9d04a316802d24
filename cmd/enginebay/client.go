package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// client calls the server's API.
type client struct {
	base, key string
	start     string // the command that starts the server
}

// apiKey is the environment variable that the commands take their key from. The key
// of the server's own machine is no exception: the server holds no key to read.
const apiKey = "ENGINEBAY_API_KEY"

func (c *config) client() client {
	return client{"http://" + c.Addr, os.Getenv(apiKey), c.inHome("enginebay serve")}
}

// call sends a request and returns the body of a good answer.
func (c client) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, c.unreachable(err)
	}
	return data, nil
}

// send sends a request and returns a good answer. An error answer becomes an error
// with the server's own sentence.
func (c client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return c.do(req)
}

// do sends a request with the key.
func (c client) do(req *http.Request) (*http.Response, error) {
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	var answer struct {
		Error struct {
			Message string
			Code    any // a text or null
		}
	}
	if json.NewDecoder(resp.Body).Decode(&answer) != nil || answer.Error.Message == "" {
		return nil, fmt.Errorf("the server at %s answered %s", c.base, resp.Status)
	}
	return nil, c.refused(resp.StatusCode, text(answer.Error.Code), answer.Error.Message)
}

// A refusal is an error that the server answered with.
type refusal struct {
	status  int
	code    string // the API's, such as model_not_found; may be empty
	message string
}

func (r *refusal) Error() string { return r.message }

// hasStatus says whether err is an answer of the server with one of these statuses.
func hasStatus(err error, statuses ...int) bool {
	var r *refusal
	return errors.As(err, &r) && slices.Contains(statuses, r.status)
}

// hasCode says whether err is an answer of the server with this code.
func hasCode(err error, code string) bool {
	var r *refusal
	return errors.As(err, &r) && r.code == code
}

// maxEvent bounds one event of a stream, in bytes.
const maxEvent = 1 << 20

// stream sends a request and hands on the data of each event of its answer. A
// stream that ends without [DONE] was broken off.
func (c client) stream(ctx context.Context, path string, body any, each func(data []byte) error) error {
	resp, err := c.send(ctx, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok { // a comment, or what is between events
			continue
		}
		if string(data) == "[DONE]" {
			return nil
		}
		if err := each(data); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
		return c.unreachable(err)
	}
	return errors.New("the server broke the answer off; whether it runs: enginebay serve status")
}

// asCommands puts commands in the place of the API's paths that a sentence names.
func asCommands(sentence string) string {
	sentence = downloadPath.ReplaceAllString(sentence, "enginebay pull $1")
	return listPaths.Replace(sentence)
}

var (
	downloadPath = regexp.MustCompile(`POST /v1/models/(\S+)/download`)
	listPaths    = strings.NewReplacer("GET /v1/models lists", "enginebay list shows", "GET /v1/engines lists", "enginebay engine list shows",
		"GET /v1/plans lists", "enginebay pull --list shows", "(?purge=true)", "(enginebay rm --purge)")
)

// refused is the error of an answer: the server's own sentence, and where the key
// comes from if it is about that.
func (c client) refused(status int, code, message string) error {
	switch {
	case status != http.StatusUnauthorized:
		message = asCommands(message)
	case c.key == "":
		message = fmt.Sprintf("the server at %s wants an API key: set %s to one; enginebay key create NAME makes one", c.base, apiKey)
	default:
		message = fmt.Sprintf("%s (the key was taken from %s)", message, apiKey)
	}
	return &refusal{status, code, message}
}

func (c client) unreachable(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("no server answers at %s; start one with: %s", c.base, c.start)
	}
	var request *url.Error
	if errors.As(err, &request) {
		return fmt.Errorf("cannot reach the server at %s: %w", c.base, request.Err)
	}
	return err
}

// get reads an answer into v.
func (c client) get(ctx context.Context, path string, v any) error {
	data, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// post sends a request and reads the answer into v.
func (c client) post(ctx context.Context, path string, body, v any) error {
	data, err := c.call(ctx, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// fetch reads an answer into v for a command, or prints it as it came where
// asJSON is set: then nothing is left to print.
func (c *config) fetch(cmd *cobra.Command, path string, asJSON bool, v any) (printed bool, err error) {
	data, err := c.client().call(cmd.Context(), http.MethodGet, path, nil)
	if err != nil {
		return false, err
	}
	if asJSON {
		return true, printRaw(cmd.OutOrStdout(), data)
	}
	return false, json.Unmarshal(data, v)
}

// modelPath is the address of a model; the slashes of an id stay as they are.
func modelPath(id string) string {
	parts := strings.Split(id, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/v1/models/" + strings.Join(parts, "/")
}

// model is what the commands use of a model in the API.
type model struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Format      string         `json:"format"`
	Engine      string         `json:"engine"`
	OwnedBy     string         `json:"owned_by"`
	Version     string         `json:"version"`
	Created     int64          `json:"created"`
	State       string         `json:"state"`
	Transition  string         `json:"transition"`
	Progress    *float64       `json:"progress"`
	Error       string         `json:"error"`
	Warnings    []string       `json:"warnings"`
	ReadOnly    bool           `json:"read_only"`
	Settings    map[string]any `json:"settings"`
	Metadata    map[string]any `json:"metadata"`
	GGUF        map[string]any `json:"gguf"`
	Sources     []struct {
		Filename, URL string
		Size          int64
	} `json:"sources"`
	Download  *download `json:"download"`
	Effective struct {
		Settings   map[string]origin `json:"settings"` // nil where Error says why they cannot be told
		Parameters map[string]origin `json:"parameters"`
		Error      string            `json:"error"`
	} `json:"effective"`
	Offer *struct { // of a model that an engine's service has, and that has no file here
		Engine  string `json:"engine"`
		Fetched int64  `json:"fetched"`
		Stale   bool   `json:"stale"`
		Error   string `json:"error"`
	} `json:"offer"`
	Running *struct {
		Engine     string         `json:"engine"`
		Since      int64          `json:"since"`
		Expires    *int64         `json:"expires"`
		Pinned     bool           `json:"pinned"`
		Memory     float64        `json:"memory"`
		Requests   int            `json:"requests"`
		Waiting    int            `json:"waiting"`
		Operations []string       `json:"operations"`
		Settings   map[string]any `json:"settings"`
		Changed    bool           `json:"changed"`
		Ignored    []string       `json:"ignored"`
	} `json:"running"`
	Routing string `json:"routing"`
	Timeout string `json:"timeout"`
	Route   *struct {
		Requests int      `json:"requests"`
		Targets  []target `json:"targets"`
	} `json:"route"` // of a routed model
}

// target is one of a routed model's.
type target struct {
	ID         string  `json:"id"`
	Engine     string  `json:"engine"`
	Weight     float64 `json:"weight"`
	State      string  `json:"state"`
	Transition string  `json:"transition"`
	Requests   int     `json:"requests"`
	Memory     float64 `json:"memory"`
	Health     string  `json:"health"`
	Until      *int64  `json:"until"`
	Error      string  `json:"error"`
}

// origin is a value, and the layer that it comes from.
type origin struct {
	Value  any    `json:"value"`
	Origin string `json:"origin"`
}

type modelList struct {
	Data []model `json:"data"`
}
