// Package models holds a model that is small enough to come along with a program.
package models

import _ "embed" // the model

// TinyGuide is a GGUF file: a chat model of 0.8 M parameters. Its README says how it
// was made.
//
//go:embed tiny-guide/tiny-guide.gguf
var TinyGuide []byte
