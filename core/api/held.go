package api

import (
	"bytes"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// fasthttp reads every body into memory before it calls a handler. It can stream
// them, but then it does so for all routes, bounds none of them, and takes what a
// handler left unread for the next request. So only an upload is held back: its
// header says that there is no body, and the handler takes over the connection,
// which is closed after it in any case.

// The routes whose forms are held back.
const (
	modelsPath = "/v1/models"
	filesPath  = "/v1/files"
)

// holds says whether the body of a request is left on the connection.
func holds(h *fasthttp.RequestHeader) bool {
	if !h.IsPost() {
		return false
	}
	switch string(pathOf(h.RequestURI())) {
	case modelsPath, filesPath:
		return isForm(h)
	}
	return false
}

// hold leaves the body on the connection.
func hold(h *fasthttp.RequestHeader) {
	h.SetContentLength(0)
	h.SetConnectionClose()
	h.Del(fiber.HeaderExpect) // it would be told to go on before anybody has looked at it
}

// refuse drops the body of a request that is refused before anybody took it over,
// so that the client reads why. One that waits to be told to go on has sent none.
func refuse(c *fiber.Ctx) {
	h := &c.Request().Header
	if length, waits := announced(h); length != 0 && h.ContentLength() == 0 && !waits && !c.Context().Hijacked() {
		drain(c.Context().Conn())
	}
}

// pathOf is the path of a request's address, as it stands there.
func pathOf(uri []byte) []byte {
	if _, after, ok := bytes.Cut(uri, []byte("://")); ok {
		_, path, _ := bytes.Cut(after, []byte("/"))
		uri = append([]byte("/"), path...)
	}
	path, _, _ := bytes.Cut(uri, []byte("?"))
	return path
}

func isForm(h *fasthttp.RequestHeader) bool {
	kind, _, _ := bytes.Cut(h.ContentType(), []byte(";"))
	return bytes.EqualFold(bytes.TrimSpace(kind), []byte(fiber.MIMEMultipartForm))
}

// announced is what a request's header said before its body was held back: its
// length, -1 for chunks, and whether the client waits to be told to go on.
func announced(h *fasthttp.RequestHeader) (length int64, waits bool) {
	for line := range bytes.Lines(h.RawHeaders()) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte(fiber.HeaderContentLength)):
			length, _ = strconv.ParseInt(string(value), 10, 64) // fasthttp has refused what is none
		case bytes.EqualFold(name, []byte(fiber.HeaderTransferEncoding)) && bytes.EqualFold(value, []byte("chunked")):
			length = -1
		case bytes.EqualFold(name, []byte(fiber.HeaderExpect)):
			waits = true
		}
	}
	return length, waits
}
