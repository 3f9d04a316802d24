package main

import (
	"crypto/rand"
	"encoding/base64"
	"regexp"
	"strings"
	"sync"
)

// Calls of tools have an id at OpenAI, by which results find them. Google's newer
// models give them one, and not a unique one; so each gets one of ours, with
// Google's at its end, and on the way back Google sees its own.

// ours is an id of a call that this plugin gave.
var ours = regexp.MustCompile(`^call_[A-Z2-7]{26}(_([A-Za-z0-9_-]{1,64}))?$`)

var theirID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func callID(their string) string {
	id := "call_" + rand.Text()
	if theirID.MatchString(their) {
		id += "_" + their
	}
	return id
}

// theirs is the id that Google gave a call; empty where it gave none, or where it
// is another service's call.
func theirs(id string) string {
	if found := ours.FindStringSubmatch(id); found != nil {
		return found[2]
	}
	return ""
}

// Newer models sign their thoughts beside a call, and want the signature back with
// it. Clients that know of this carry it in extra_content, as Google's own server
// for OpenAI's API has it; for the others it is kept here for a while.

// unsigned is what Google's documentation has for calls that are another model's.
var unsigned = []byte("skip_thought_signature_validator")

// signatures are those of the latest calls, by the id of the call.
var signatures memory

// signatureOf is that of a call in a conversation: the one that came with it, or the
// one that is remembered.
func signatureOf(id, said string) []byte {
	if signature, err := base64.StdEncoding.DecodeString(said); err == nil && len(signature) > 0 {
		return signature
	}
	return signatures.find(id)
}

const (
	maxSignatures = 4096
	maxRemembered = 16 << 20 // bytes of them
)

// memory keeps the latest of what it is given. The zero value is an empty one.
type memory struct {
	mu    sync.Mutex
	by    map[string][]byte
	order []string // the oldest first
	size  int
}

func (m *memory) keep(id string, what []byte) {
	if len(what) == 0 || len(what) > maxRemembered/16 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.by == nil {
		m.by = map[string][]byte{}
	}
	if _, there := m.by[id]; there {
		return
	}
	m.by[id] = what
	m.order = append(m.order, strings.Clone(id))
	m.size += len(what)
	for len(m.order) > maxSignatures || m.size > maxRemembered {
		m.size -= len(m.by[m.order[0]])
		delete(m.by, m.order[0])
		m.order = m.order[1:]
	}
}

func (m *memory) find(id string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.by[id]
}
