package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/enginebay/enginebay/core/durable"
)

// patience is how long a writer waits for another, which needs milliseconds.
const patience = 10 * time.Second

// content is what the file holds.
type content struct {
	Keys []Key `json:"keys"`
}

// read returns what the file holds; one that is not there holds nothing.
func read(file string) ([]Key, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var c content
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	for i, k := range c.Keys {
		if err == nil {
			_, err = k.sum()
		}
		c.Keys[i].Created, c.Keys[i].Expires, c.Keys[i].LastUsed = k.Created.UTC(), k.Expires.UTC(), k.LastUsed.UTC()
	}
	if err != nil {
		return nil, fmt.Errorf("read the API keys in %s: %w", file, err)
	}
	return c.Keys, nil
}

// edit changes the file under a lock, whole or not at all. A nil list without an
// error leaves it as it is.
func edit(file string, change func([]Key) ([]Key, error)) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	lock := flock.New(file+".lock", flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 5*time.Millisecond); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	defer lock.Close()
	all, err := read(file)
	if err != nil {
		return err
	}
	if all, err = change(all); err != nil || all == nil {
		return err
	}
	return write(file, all)
}

func write(file string, all []Key) error {
	data, err := json.MarshalIndent(content{all}, "", "  ")
	if err != nil {
		return err
	}
	return durable.Replace(file, append(data, '\n'), 0o600)
}
