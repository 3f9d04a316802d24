package pluginhost

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// trees are the installed packages that were found whole, each as its files looked
// then. Reading all of one takes a second where it brings a GPU's libraries along.
type trees struct {
	mu    sync.Mutex
	whole map[Folder]tree
}

// A tree is a package that was found whole.
type tree struct {
	looks   string
	program string // sum of what is started
}

// check reads the package in a folder again, whole, unless no file was touched since
// it was read last. [sdk.CodeUnavailable]: it is not as it was installed.
func (t *trees) check(f Folder, plugin string) error {
	if f.Digest == "" {
		return nil
	}
	before, err := looks(f.Dir)
	t.mu.Lock()
	known := err == nil && before != "" && t.whole[f].looks == before
	t.mu.Unlock()
	if known {
		return nil
	}
	p, err := packages.Open(f.Dir)
	if err == nil && p.Digest != f.Digest {
		err = fmt.Errorf("it is another package (%s)", p.Digest)
	}
	if err != nil {
		return &sdk.Error{Code: sdk.CodeUnavailable, Message: fmt.Sprintf(
			"plugin %s is not started, for its files are not those that were installed: %v; run \"enginebay plugin verify %s\", and install it again", plugin, err, plugin), Cause: err}
	}
	after, err := looks(f.Dir)
	if err != nil || after != before {
		return errors.Join(err, sdk.Errorf(sdk.CodeUnavailable, "plugin %s changed while its files were checked; try again", plugin))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.whole[f] = tree{before, programSum(p, runtime.GOOS)}
	return nil
}
