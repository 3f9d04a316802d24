package download

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/enginebay/enginebay/core/system"
)

// A journal is what is known of a partial, on disk beside it.
type journal struct {
	Format  int    `json:"format"`
	Address string `json:"address"` // SHA-256 of where it comes from; the address may hold credentials
	Size    int64  `json:"size"`    // of the whole file; 0: not known
	SHA256  string `json:"sha256,omitempty"`
	version
	Done   spans  `json:"done"`             // that the disk has confirmed
	Hashed int64  `json:"hashed,omitempty"` // how far State covers the file
	State  []byte `json:"state,omitempty"`  // of the SHA-256 over those bytes
	Paused bool   `json:"paused,omitempty"` // not to be resumed by itself
}

// format is of journals; another one is as none.
const format = 1

// A version is what a server says to tell one content of an address from another.
type version struct {
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"` // Last-Modified
}

// other says whether two versions cannot be of the same content.
func (v version) other(now version) bool {
	if v.ETag != "" && now.ETag != "" {
		return v.ETag != now.ETag
	}
	return v.Modified != "" && now.Modified != "" && v.Modified != now.Modified
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// partName and journalName are those of a target.
func partName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
}
func journalName(path string) string { return partName(path) + ".json" }

// maxJournal bounds what is read of a journal, which anybody may have put there.
const maxJournal = 8 << 20

// readJournal returns the journal of a target. One that cannot be believed is none.
func readJournal(path string) (journal, bool) {
	if info, err := os.Lstat(journalName(path)); err != nil || !info.Mode().IsRegular() { // opening a FIFO would block
		return journal{}, false
	}
	f, err := os.Open(journalName(path))
	if err != nil {
		return journal{}, false
	}
	defer f.Close()
	var j journal
	data, err := io.ReadAll(io.LimitReader(f, maxJournal))
	if err != nil || json.Unmarshal(data, &j) != nil {
		return journal{}, false
	}
	end := j.Size
	if end == 0 {
		end = unknown
	}
	return j, j.Format == format && j.Size >= 0 && j.Done.sound(end) && j.Hashed >= 0 && j.Hashed <= j.Done.front()
}

// write replaces the journal of a target in one step. Where it claims nothing, the
// folder is confirmed too: the older one, which claimed more, must not come back.
func (j journal) write(path string) error {
	j.Format = format
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	name := journalName(path)
	temp, err := os.OpenFile(name+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = temp.Write(append(data, '\n'))
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		os.Remove(temp.Name())
		return err
	}
	if len(j.Done) > 0 {
		return nil
	}
	return system.SyncFolder(filepath.Dir(path))
}
