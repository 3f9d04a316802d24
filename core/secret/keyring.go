package secret

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/zalando/go-keyring"
)

const (
	// keyringTimeout bounds how long a keyring is waited for: one that is locked
	// asks its owner, who may not be there.
	keyringTimeout = 5 * time.Second
	// keyringFresh is how long an answer of it counts: every list of the engines
	// reads their secrets.
	keyringFresh = 10 * time.Second
)

// lookup is one question to the keyring, which cannot be called off. Whoever asks
// the same meanwhile waits for it too.
type lookup struct {
	began  time.Time
	done   chan struct{}
	secret string
	err    error
}

// lookups are the last ones by reference.
var lookups = struct {
	sync.Mutex
	by map[string]*lookup
}{by: map[string]*lookup{}}

// fromKeyring is what the keyring of the person who runs the server holds under
// SERVICE/NAME: that of the desktop on Linux, the keychain of a Mac, the credentials
// of Windows.
func fromKeyring(ref string) (string, error) {
	service, name, _ := strings.Cut(ref, "/")
	if service == "" || name == "" {
		return "", errors.New("a reference to the keyring is written keyring:SERVICE/NAME")
	}
	if !hasKeyring() {
		return "", fmt.Errorf("the server's session has no keyring (no session bus); use env:NAME or file:PATH instead of keyring:%s", ref)
	}
	l := lookUp(service, name)
	timeout := time.NewTimer(time.Until(l.began.Add(keyringTimeout)))
	defer timeout.Stop()
	select {
	case <-l.done:
	case <-timeout.C:
		return "", errors.New("the keyring does not answer; it may be locked: unlock it, or use env:NAME or file:PATH")
	}
	switch {
	case errors.Is(l.err, keyring.ErrNotFound):
		return "", fmt.Errorf("the keyring holds nothing under keyring:%s; put it there%s", ref, stores(service, name))
	case l.err != nil:
		return "", fmt.Errorf("the keyring cannot be read (%.200v); use env:NAME or file:PATH instead of keyring:%s", l.err, ref)
	}
	return l.secret, nil
}

// lookUp returns the question that is being asked, or a fresh answer, or asks anew.
// An error is no answer: its cause may be mended by now.
func lookUp(service, name string) *lookup {
	lookups.Lock()
	defer lookups.Unlock()
	ref := service + "/" + name
	if l := lookups.by[ref]; l != nil {
		select {
		case <-l.done:
			if l.err == nil && time.Since(l.began) < keyringFresh {
				return l
			}
		default:
			return l
		}
	}
	l := &lookup{began: time.Now(), done: make(chan struct{})}
	lookups.by[ref] = l
	go func() {
		defer close(l.done)
		l.secret, l.err = keyring.Get(service, name)
	}()
	return l
}

// hasKeyring says whether there is a session to ask. Without one the library would
// start a bus of its own, which answers nothing and stays.
func hasKeyring() bool {
	switch runtime.GOOS {
	case "darwin", "windows":
		return true
	}
	if bus := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); bus != "" && bus != "autolaunch:" {
		return true
	}
	_, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid()))
	return err == nil
}

// stores is how a person puts a secret into the keyring; "" where no program for it
// comes with the system.
func stores(service, name string) string {
	switch runtime.GOOS {
	case "darwin":
		return fmt.Sprintf(": security add-generic-password -s '%s' -a '%s' -w", service, name)
	case "linux":
		return fmt.Sprintf(": secret-tool store --label='%s' service '%s' username '%s'", service, service, name)
	}
	return ""
}
