// Package keys keeps the API keys of a server in one file: who may use it, until
// when, and how much at once.
//
// The file holds no key, only its SHA-256. A slow hash is for what people think up;
// a key here is 200 random bits, which nobody finds by trying, so a fast one is
// right, and a request can afford it. The file may be written by the server and by
// the command line at the same time.
package keys
