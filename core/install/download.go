package install

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// stale is after how long what is left of an archive that nobody went on with is removed.
const stale = 7 * 24 * time.Hour

// download fetches an archive into HOME/cache/packages/KEY/, where what came of it stays
// when that is broken off. leave is called when the archive has been read.
func (i *Installer) download(ctx context.Context, w wanted, progress func(Progress)) (file string, leave func(), err error) {
	packages := filepath.Join(i.config.Home, "cache", "packages")
	if err := os.MkdirAll(packages, 0o700); err != nil {
		return "", nil, err
	}
	sweepArchives(packages)
	key := w.sha256
	if key == "" {
		key = sumOf([]byte(w.url))
	}
	lock := flock.New(filepath.Join(packages, key+lockSuffix), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil { // the same comes already; it may be there then
		lock.Close()
		if ctx.Err() != nil {
			err = &sdk.Error{Code: sdk.CodeCanceled, Message: "The download was called off", Cause: ctx.Err()}
		}
		return "", nil, err
	}
	file = filepath.Join(packages, key, "package.tar.zst")
	if w.sha256 == "" { // whole, it may be the one of yesterday
		err = removeFile(file)
	}
	if err == nil {
		err = i.fetch(ctx, registry.Archive{Address: w.url, Size: w.size, SHA256: w.sha256, Named: w.named}, file, progress)
	}
	if err != nil {
		lock.Close()
		return "", nil, err
	}
	return file, func() { lock.Close() }, nil
}

// fetch fetches an archive from where it is.
func (i *Installer) fetch(ctx context.Context, a registry.Archive, file string, progress func(Progress)) error {
	tell := func(p download.Progress) {
		step := Downloading
		if p.Phase == download.Verifying {
			step = Verifying
		}
		progress(Progress{Step: step, Done: p.Done, Total: p.Total, Speed: p.Speed, ETA: p.ETA})
	}
	return i.client().Fetch(ctx, a, file, tell)
}

func removeFile(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// sweepArchives removes what was left of archives long ago, and the locks of those
// that went well. It is no harm where that fails: the next one tries again.
func sweepArchives(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		path := filepath.Join(dir, strings.TrimSuffix(entry.Name(), lockSuffix))
		if time.Since(touched(path)) < stale || live(path+lockSuffix) {
			continue
		}
		_ = os.RemoveAll(path)
		_ = os.Remove(path + lockSuffix)
	}
}

// touched is when a folder, or something in it, or its lock, was last written.
func touched(dir string) (last time.Time) {
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, file := range append(files, dir, dir+lockSuffix) {
		if info, err := os.Lstat(file); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}
