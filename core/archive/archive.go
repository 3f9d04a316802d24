package archive

import (
	"archive/zip"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/portable"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// What an archive may be at most. A repository of weights has some hundred files;
// weights do not compress well, and a bomb does so a thousandfold.
const (
	maxEntries = 10_000
	maxDepth   = 8
	maxRatio   = 100
	slack      = 64 << 20 // bytes that come out whatever the ratio
	maxList    = 4 << 20  // bytes of the list of files
)

// An Archive is a zip of one folder of models whose entries may all be written.
type Archive struct {
	ID     string // of the model, where Export made the archive; else empty
	Folder string // last part of the folder's path in the archive; empty where it has none
	Size   int64  // bytes of all files, unpacked

	files []entry
	sums  map[string]sum // by name, where Export made the archive
}

// An entry is a file that is going to be unpacked.
type entry struct {
	name string // below the folder
	zip  *zip.File
}

// Open looks at a zip of size bytes. [sdk.CodeInvalid]: it is none, it holds no
// model or several folders of them, or it could do harm. r is read by Unpack too.
func Open(r io.ReaderAt, size int64) (*Archive, error) {
	zr, err := directory(r, size)
	if err != nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "The zip cannot be read: %v", err)
	}
	files, err := regular(zr.File)
	if err == nil {
		err = harmless(files, size)
	}
	if err != nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "The zip is refused: %v", err)
	}
	a := &Archive{files: files}
	if err := a.choose(); err != nil {
		return nil, err
	}
	if err := a.readList(); err != nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "The zip is refused: %s: %v", listName, err)
	}
	return a, nil
}

// regular are the files of an archive. Folders come with the files in them; there
// must not be anything else.
func regular(all []*zip.File) ([]entry, error) {
	if len(all) > maxEntries {
		return nil, fmt.Errorf("it has more than %d entries", maxEntries)
	}
	var files []entry
	for _, f := range all {
		name := f.Name
		isFolder := strings.HasSuffix(name, "/")
		if err := portable.Name(strings.TrimSuffix(name, "/")); err != nil {
			return nil, err
		}
		if strings.Count(strings.TrimSuffix(name, "/"), "/") >= maxDepth {
			return nil, fmt.Errorf("the name %.100q is too deep", name)
		}
		switch mode := f.Mode(); {
		case mode&fs.ModeType&^fs.ModeDir != 0:
			return nil, fmt.Errorf("%q is a link or a device", name)
		case isFolder && f.UncompressedSize64 > 0, isFolder != mode.IsDir():
			return nil, fmt.Errorf("%q is a file and a folder at once", name)
		case f.Flags&0x2041 != 0:
			return nil, fmt.Errorf("%q is encrypted; unpack it, and import the folder", name)
		case f.Method != zip.Store && f.Method != zip.Deflate:
			return nil, fmt.Errorf("%q is compressed in a way (%d) that cannot be read; unpack it, and import the folder", name, f.Method)
		case !isFolder:
			files = append(files, entry{name, f})
		}
	}
	return files, nil
}

// harmless says what stands against files all together.
func harmless(files []entry, size int64) error {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.name
	}
	if err := portable.Distinct(names); err != nil {
		return err
	}
	var total uint64
	type span struct{ from, to uint64 }
	var spans []span
	for _, f := range files {
		if f.zip.UncompressedSize64 > 1<<50 || f.zip.CompressedSize64 > uint64(size) {
			return fmt.Errorf("%q cannot be as large as it says", f.name)
		}
		total += f.zip.UncompressedSize64
		from, err := f.zip.DataOffset()
		if err != nil || from < 0 {
			return fmt.Errorf("%q is not where it says", f.name)
		}
		spans = append(spans, span{uint64(from), uint64(from) + f.zip.CompressedSize64})
	}
	if total > uint64(size)*maxRatio+slack {
		return fmt.Errorf("%d bytes would become %d: no weights compress like that", size, total)
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			return errors.New("entries share the same bytes")
		}
	}
	return nil
}

// choose keeps the files of the one folder that holds models, without hidden ones:
// those are notes of systems, and of downloads that are under way.
func (a *Archive) choose() error {
	homes := map[string]bool{}
	for _, f := range a.files {
		if dir, name := path.Split(f.name); name == listName || !hidden(f.name) && (store.IsWeights(name) || store.IsModelFile(name)) {
			homes[path.Clean(dir)] = true
		}
	}
	folders := topmost(homes)
	switch {
	case len(folders) == 0:
		return sdk.Errorf(sdk.CodeInvalid, "The zip holds no model: neither weights (.gguf, .safetensors) nor a model.json")
	case len(folders) > 1:
		return sdk.Errorf(sdk.CodeInvalid, "The zip holds several folders of models (%s, %s …): unpack it, and import them one by one", folders[0], folders[1])
	}
	prefix := folders[0] + "/"
	if folders[0] == "." {
		prefix = ""
	} else {
		a.Folder = path.Base(folders[0])
	}
	var files []entry
	for _, f := range a.files {
		name, below := strings.CutPrefix(f.name, prefix)
		if below && (name == listName || !hidden(name)) {
			files = append(files, entry{name, f.zip})
			a.Size += int64(f.zip.UncompressedSize64)
		}
	}
	a.files = files
	return nil
}

// topmost are the folders that lie in no other of them, in order.
func topmost(homes map[string]bool) (folders []string) {
	for dir := range homes {
		above := dir
		for above != "." && above != "/" {
			if above = path.Dir(above); homes[above] {
				break
			}
		}
		if dir == "." || !homes[above] || above == dir {
			folders = append(folders, dir)
		}
	}
	slices.Sort(folders)
	return folders
}

// hidden says whether a part of a path begins with a dot, or is what systems put
// into the zips that they make.
func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part[0] == '.' || part == "__MACOSX" {
			return true
		}
	}
	return false
}

// readList reads what Export says of the files, and takes the list off them.
func (a *Archive) readList() error {
	i := slices.IndexFunc(a.files, func(f entry) bool { return f.name == listName })
	if i < 0 {
		return nil
	}
	f := a.files[i].zip
	if f.UncompressedSize64 > maxList {
		return errors.New("it is too large")
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxList))
	if err != nil {
		return err
	}
	var l list
	if err := json.Unmarshal(data, &l); err != nil {
		return err
	}
	if l.Format != listFormat || l.Version != listVersion {
		return fmt.Errorf("it is of the format %.40q, version %d, which this version does not read; update Engine Bay", l.Format, l.Version)
	}
	a.ID = l.ID
	a.Size -= int64(f.UncompressedSize64)
	a.files = slices.Delete(a.files, i, i+1)
	return a.check(l)
}

// check compares the list with what there is.
func (a *Archive) check(l list) error {
	a.sums = map[string]sum{}
	for _, s := range l.Files {
		a.sums[s.Name] = s
	}
	for _, f := range a.files {
		if s, ok := a.sums[f.name]; !ok || s.Size != int64(f.zip.UncompressedSize64) {
			return fmt.Errorf("%q is not as the list says", f.name)
		}
	}
	if len(a.sums) != len(a.files) {
		return fmt.Errorf("of %d files there are %d", len(a.sums), len(a.files))
	}
	return nil
}
