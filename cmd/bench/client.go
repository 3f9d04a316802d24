package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// target is one of the three that take turns, for one model.
type target struct {
	network, addr string
	pid           int // of the process whose CPU counts; 0 for the engine itself
}

// newClient is a pool of connections to an address.
func newClient(network, addr string) *fasthttp.HostClient {
	return &fasthttp.HostClient{
		Addr:         "localhost",
		Dial:         func(string) (net.Conn, error) { return net.Dial(network, addr) },
		MaxConns:     1024,
		ReadTimeout:  time.Minute,
		WriteTimeout: time.Minute,
		// llama-server closes a connection after each stream, without saying so
		RetryIfErr: func(*fasthttp.Request, int, error) (bool, bool) { return true, true },
	}
}

func (t target) client() *fasthttp.HostClient { return newClient(t.network, t.addr) }

// chat is a request that engine-echo answers with its own words: "t0 t1 t2 …".
func chat(model string, tokens int, stream bool) []byte {
	var words strings.Builder
	for i := range tokens {
		fmt.Fprintf(&words, "t%d ", i)
	}
	return fmt.Appendf(nil, `{"model":%q,"stream":%t,"messages":[{"role":"user","content":%q}]}`, model, stream, strings.TrimSuffix(words.String(), " "))
}

func newRequest(path string, body []byte) *fasthttp.Request {
	req := fasthttp.AcquireRequest()
	req.SetRequestURI("http://localhost" + path)
	if body != nil {
		req.Header.SetMethod(fasthttp.MethodPost)
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(body)
	}
	return req
}

// ask sends one request and reads the answer whole.
func ask(c *fasthttp.HostClient, req *fasthttp.Request) (time.Duration, error) {
	resp := fasthttp.AcquireResponse()
	defer fasthttp.ReleaseResponse(resp)
	began := time.Now()
	if err := c.Do(req, resp); err != nil {
		return 0, err
	}
	took := time.Since(began)
	if resp.StatusCode() != 200 {
		return 0, fmt.Errorf("status %d: %.200s", resp.StatusCode(), resp.Body())
	}
	return took, nil
}

// seen is what came of one stream.
type seen struct {
	first time.Duration // to the first token
	took  time.Duration
	texts []string // of the tokens
}

// stream sends one request and reads the answer as it comes.
func stream(c *fasthttp.HostClient, path string, body []byte) (seen, error) {
	c.StreamResponseBody = true
	req, resp := newRequest(path, body), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	began := time.Now()
	var s seen
	if err := c.Do(req, resp); err != nil {
		return s, err
	}
	defer resp.CloseBodyStream()
	if resp.StatusCode() != 200 {
		text, _ := io.ReadAll(resp.BodyStream())
		return s, fmt.Errorf("status %d: %.200s", resp.StatusCode(), text)
	}
	lines := bufio.NewReader(resp.BodyStream())
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return s, fmt.Errorf("the stream broke off after %d tokens: %w", len(s.texts), err)
		}
		text, isToken := token(line)
		if isToken && s.first == 0 {
			s.first = time.Since(began)
		}
		if isToken {
			s.texts = append(s.texts, text)
		}
		if bytes.HasPrefix(line, []byte("data: [DONE]")) {
			s.took = time.Since(began)
			_, err = io.Copy(io.Discard, lines)
			return s, err
		}
	}
}

// token takes the text out of a chunk of a stream. Decoding the JSON would cost
// this program more than all that it measures.
func token(line []byte) (string, bool) {
	_, rest, ok := bytes.Cut(line, []byte(`"content":"`))
	if !ok {
		return "", false
	}
	text, _, ok := bytes.Cut(rest, []byte(`"`))
	return string(text), ok && len(text) > 0
}

// numbered says what is wrong with the tokens of an echo: one lost, or doubled.
func numbered(texts []string, n int) error {
	if len(texts) != n {
		return fmt.Errorf("%d tokens came of %d", len(texts), n)
	}
	for i, text := range texts {
		if strings.TrimSuffix(text, " ") != "t"+strconv.Itoa(i) {
			return fmt.Errorf("token %d is %q", i, text)
		}
	}
	return nil
}

// together runs f n times at once.
func together(n int, f func(i int) error) error {
	errs := make(chan error, n)
	for i := range n {
		go func() { errs <- f(i) }()
	}
	var all error
	for range n {
		if err := <-errs; all == nil {
			all = errors.Join(all, err)
		}
	}
	return all
}
