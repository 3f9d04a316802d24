package archive_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/archive"
	"github.com/enginebay/enginebay/sdk"
)

// member is one entry of a zip being made.
type member struct {
	name   string
	data   string
	change func(*zip.FileHeader)
	raw    bool // change says what the header is, to the last byte
}

func zipped(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Store}
		create := w.CreateHeader
		if m.raw {
			h.CRC32, h.CompressedSize64, h.UncompressedSize64 = crc32.ChecksumIEEE([]byte(m.data)), uint64(len(m.data)), uint64(len(m.data))
			create = w.CreateRaw
		}
		if m.change != nil {
			m.change(h)
		}
		f, err := create(h)
		must(t, err)
		_, err = io.WriteString(f, m.data)
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// unpack unpacks a zip into a new folder below a new one.
func unpack(t testing.TB, data []byte) (dir string, err error) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "in", "here")
	must(t, os.MkdirAll(dir, 0o755))
	a, err := archive.Open(bytes.NewReader(data), int64(len(data)))
	if err == nil {
		_, err = a.Unpack(t.Context(), dir, func(int64) error { return nil })
	}
	outside(t, dir)
	return dir, err
}

// outside fails a test that has written beside the folder, or made something else
// than files and folders.
func outside(t testing.TB, dir string) {
	t.Helper()
	must(t, filepath.WalkDir(filepath.Dir(filepath.Dir(dir)), func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.Type()&^fs.ModeDir != 0:
			t.Errorf("%s is a %v", path, e.Type())
		case !strings.HasPrefix(dir, path) && !strings.HasPrefix(path, dir):
			t.Errorf("%s was written", path)
		}
		return nil
	}))
}

// weights are what a zip must hold to be taken for a model's.
var weights = member{name: "x.gguf", data: "weights"}

func TestHostile(t *testing.T) {
	mode := func(m fs.FileMode) func(*zip.FileHeader) { return func(h *zip.FileHeader) { h.SetMode(m) } }
	for name, c := range map[string]struct {
		members []member
		want    string
	}{
		"traversal":                   {[]member{weights, {name: "../evil.gguf"}}, "leads elsewhere"},
		"traversal within":            {[]member{weights, {name: "a/../../evil.gguf"}}, "leads elsewhere"},
		"traversal as a folder":       {[]member{weights, {name: "../"}}, "leads elsewhere"},
		"a dot":                       {[]member{weights, {name: "a/./evil.gguf"}}, "leads elsewhere"},
		"nothing between slashes":     {[]member{weights, {name: "a//evil.gguf"}}, "leads elsewhere"},
		"absolute":                    {[]member{weights, {name: "/etc/evil.gguf"}}, "is absolute"},
		"a drive":                     {[]member{weights, {name: "C:evil.gguf"}}, "has one of"},
		"a drive's root":              {[]member{weights, {name: "C:/evil.gguf"}}, "has one of"},
		"another stream":              {[]member{weights, {name: "x.txt:evil"}}, "has one of"},
		"backslashes":                 {[]member{weights, {name: `..\evil.gguf`}}, "has one of"},
		"a share":                     {[]member{weights, {name: `\\server\evil.gguf`}}, "has one of"},
		"a control character":         {[]member{weights, {name: "a\x1b[2J.gguf"}}, "invisible"},
		"a zero byte":                 {[]member{weights, {name: "a\x00.gguf"}}, "invisible"},
		"letters from right to left":  {[]member{weights, {name: "a\u202efugg.exe"}}, "invisible"},
		"no UTF-8":                    {[]member{weights, {name: "a\xff.gguf"}}, "UTF-8"},
		"a device of Windows":         {[]member{weights, {name: "sub/NUL"}}, "device"},
		"a device with an ending":     {[]member{weights, {name: "com1.txt"}}, "device"},
		"a device with a small one":   {[]member{weights, {name: "COM¹.txt"}}, "device"},
		"a dot at the end":            {[]member{weights, {name: "x.gguf."}}, "Windows drops"},
		"a space at the end":          {[]member{weights, {name: "x.gguf "}}, "Windows drops"},
		"too deep":                    {[]member{weights, {name: strings.Repeat("a/", 20) + "x"}}, "too deep"},
		"a long name":                 {[]member{weights, {name: strings.Repeat("a", 300)}}, "too long"},
		"a long path":                 {[]member{weights, {name: strings.Repeat("aaaaaaaaaaaaaaaa/", 70) + "x"}}, "too long"},
		"a link":                      {[]member{weights, {name: "y.gguf", data: "/etc/passwd", change: mode(fs.ModeSymlink | 0o777)}}, "a link or a device"},
		"a link to follow":            {[]member{{name: "sub", data: "/tmp", change: mode(fs.ModeSymlink | 0o777)}, {name: "sub/x.gguf"}}, "a link or a device"},
		"a device":                    {[]member{weights, {name: "zero", change: mode(fs.ModeDevice | fs.ModeCharDevice | 0o666)}}, "a link or a device"},
		"a pipe":                      {[]member{weights, {name: "pipe", change: mode(fs.ModeNamedPipe | 0o666)}}, "a link or a device"},
		"a socket":                    {[]member{weights, {name: "socket", change: mode(fs.ModeSocket | 0o666)}}, "a link or a device"},
		"the same name":               {[]member{weights, weights}, "two files of the name"},
		"the same name in capitals":   {[]member{weights, {name: "X.GGUF"}}, "two files of the name"},
		"the same name in long s":     {[]member{{name: "model.safetensors"}, {name: "model.\u017fafetensors"}}, "two files of the name"},
		"the same accent":             {[]member{weights, {name: "\u00e9.txt"}, {name: "e\u0301.txt"}}, "two files of the name"},
		"a file that is a folder":     {[]member{weights, {name: "a"}, {name: "A/b"}}, "a file and a folder"},
		"a folder in disguise":        {[]member{weights, {name: "a", change: mode(fs.ModeDir | 0o755)}}, "a file and a folder"},
		"encrypted":                   {[]member{weights, {name: "y.gguf", raw: true, data: "y", change: func(h *zip.FileHeader) { h.Flags |= 1 }}}, "encrypted"},
		"compressed by others":        {[]member{weights, {name: "y.gguf", raw: true, data: "y", change: func(h *zip.FileHeader) { h.Method = 14 }}}, "in a way (14)"},
		"a wrong CRC":                 {[]member{weights, {name: "y.gguf", raw: true, data: "y", change: func(h *zip.FileHeader) { h.CRC32 = 1 }}}, "checksum"},
		"longer than it says":         {[]member{weights, {name: "y.gguf", raw: true, data: "yy", change: func(h *zip.FileHeader) { h.UncompressedSize64 = 1 }}}, "damaged"},
		"shorter than it says":        {[]member{weights, {name: "y.gguf", raw: true, data: "yy", change: func(h *zip.FileHeader) { h.UncompressedSize64 = 3 }}}, "damaged"},
		"beyond its end":              {[]member{weights, {name: "y.gguf", raw: true, data: "yy", change: func(h *zip.FileHeader) { h.CompressedSize64 = 1 << 40 }}}, "as large as it says"},
		"a size beyond all":           {[]member{weights, {name: "y.gguf", raw: true, data: "yy", change: func(h *zip.FileHeader) { h.UncompressedSize64 = 1<<64 - 1 }}}, "as large as it says"},
		"sizes that wrap around":      {[]member{weights, {name: "y.gguf", raw: true, data: "yy", change: func(h *zip.FileHeader) { h.UncompressedSize64 = 1 << 63 }}}, "as large as it says"},
		"nothing":                     {nil, "no model"},
		"nothing of ours":             {[]member{{name: "cat.jpg"}, {name: ".hidden.gguf"}, {name: "__MACOSX/x.gguf"}}, "no model"},
		"several models":              {[]member{{name: "a/x.gguf"}, {name: "b/x.gguf"}}, "several folders of models (a, b …)"},
		"a list that is none":         {[]member{weights, {name: ".enginebay.json", data: "[]"}}, ".enginebay.json"},
		"a list of tomorrow":          {[]member{weights, {name: ".enginebay.json", data: `{"format": "enginebay.model", "version": 2}`}}, "update Engine Bay"},
		"a list of something else":    {[]member{weights, {name: ".enginebay.json", data: `{"format": "x", "version": 1}`}}, "does not read"},
		"a file that is not listed":   {[]member{weights, {name: ".enginebay.json", data: listOf()}}, "not as the list says"},
		"a listed file that is not":   {[]member{weights, {name: ".enginebay.json", data: listOf(weights, member{name: "y.gguf"})}}, "of 2 files there are 1"},
		"another file than is listed": {[]member{{name: "x.gguf", data: "sthgiew"}, {name: ".enginebay.json", data: listOf(weights)}}, "has the SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := unpack(t, zipped(t, c.members...))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if sdk.CodeOf(err) != sdk.CodeInvalid {
				t.Errorf("the code of %v is %s", err, sdk.CodeOf(err))
			}
		})
	}
}

// listOf is the list that Export would write.
func listOf(members ...member) string {
	var files []string
	for _, m := range members {
		files = append(files, fmt.Sprintf(`{"name": %q, "size": %d, "sha256": "%x"}`, m.name, len(m.data), sha256.Sum256([]byte(m.data))))
	}
	return `{"format": "enginebay.model", "version": 1, "id": "m", "files": [` + strings.Join(files, ",") + `]}`
}

// TestBombs: little that becomes much.
func TestBombs(t *testing.T) {
	deflated := func(h *zip.FileHeader) { h.Method = zip.Deflate }
	bomb := zipped(t, member{name: "x.gguf", data: "small", raw: true, change: func(h *zip.FileHeader) { h.UncompressedSize64 = 80 << 20 }})
	if _, err := unpack(t, bomb); err == nil || !strings.Contains(err.Error(), "no weights compress like that") {
		t.Errorf("zeros: %v", err)
	}
	if dir, err := unpack(t, zipped(t, member{name: "x.gguf", data: strings.Repeat("\x00", 1<<20), change: deflated})); err != nil {
		t.Errorf("a few zeros: %v", err)
	} else if info, err := os.Stat(filepath.Join(dir, "x.gguf")); err != nil || info.Size() != 1<<20 {
		t.Errorf("a few zeros: %v, %v", info, err)
	}

	var many []member
	for i := range 10_001 {
		many = append(many, member{name: fmt.Sprintf("%d.gguf", i)})
	}
	if _, err := unpack(t, zipped(t, many...)); err == nil || !strings.Contains(err.Error(), "10000 entries") {
		t.Errorf("many entries: %v", err)
	}
}

// TestOverlap: entries that share their bytes are the bombs without nesting. The
// table of contents of one zip gets a second name for the same place.
func TestOverlap(t *testing.T) {
	data := zipped(t, weights)
	from := bytes.Index(data, []byte("PK\x01\x02"))
	to := bytes.Index(data, []byte("PK\x05\x06"))
	other := bytes.Replace(data[from:to], []byte("x.gguf"), []byte("y.gguf"), 1)
	end := bytes.Clone(data[to:])
	binary.LittleEndian.PutUint16(end[8:], 2)
	binary.LittleEndian.PutUint16(end[10:], 2)
	binary.LittleEndian.PutUint32(end[12:], uint32(2*(to-from)))
	twice := bytes.Join([][]byte{data[:to], other, end}, nil)
	if _, err := unpack(t, twice); err == nil || !strings.Contains(err.Error(), "share the same bytes") {
		t.Errorf("got %v", err)
	}
}

// TestFolderWithBytes: what ends in a slash is a folder, and has nothing in it.
func TestFolderWithBytes(t *testing.T) {
	data := bytes.ReplaceAll(zipped(t, weights, member{name: "aX", data: "bytes", raw: true}), []byte("aX"), []byte("a/"))
	if _, err := unpack(t, data); err == nil || !strings.Contains(err.Error(), "a file and a folder at once") {
		t.Errorf("got %v", err)
	}
}

// TestDirectoryOfLies: a zip64 that claims to have more entries than memory holds.
func TestDirectoryOfLies(t *testing.T) {
	data := zipped(t, weights)
	to := bytes.Index(data, []byte("PK\x05\x06"))
	end64 := make([]byte, 56)
	copy(end64, "PK\x06\x06")
	binary.LittleEndian.PutUint64(end64[4:], 44)
	binary.LittleEndian.PutUint64(end64[24:], 1<<40)
	binary.LittleEndian.PutUint64(end64[32:], 1<<40)
	locator := make([]byte, 20)
	copy(locator, "PK\x06\x07")
	const size = 1 << 46
	binary.LittleEndian.PutUint64(locator[8:], uint64(size-len(end64)-len(locator)-(len(data)-to)))
	binary.LittleEndian.PutUint32(locator[16:], 1)
	end := bytes.Clone(data[to:])
	binary.LittleEndian.PutUint16(end[10:], 0xffff)
	lies := bytes.Join([][]byte{data[:to], end64, locator, end}, nil)
	// The reader says that it is larger than it is, so that the claim is believed.
	_, err := archive.Open(padded{lies, size}, size)
	if err == nil || !strings.Contains(err.Error(), "too many entries") {
		t.Errorf("got %v", err)
	}
}

// padded is data at the end of a very large file of zeros.
type padded struct {
	data []byte
	size int64
}

func (p padded) ReadAt(b []byte, off int64) (int, error) {
	clear(b)
	if start := p.size - int64(len(p.data)); off+int64(len(b)) > start {
		copy(b[max(0, start-off):], p.data[max(0, off-start):])
	}
	return len(b), nil
}

func TestNoZip(t *testing.T) {
	for _, data := range []string{"", "PK", "GGUF", strings.Repeat("x", 100_000)} {
		if _, err := unpack(t, []byte(data)); err == nil || sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%.10q: %v", data, err)
		}
	}
	whole := zipped(t, weights, member{name: "y.bin", data: strings.Repeat("y", 1000)})
	for _, n := range []int{1, 22, 100, len(whole) / 2} {
		if _, err := unpack(t, whole[:len(whole)-n]); err == nil {
			t.Errorf("a zip without its last %d bytes was taken", n)
		}
	}
}

// TestBroughtToAnEnd: whoever unpacks may end it, as when the disk is full.
func TestBroughtToAnEnd(t *testing.T) {
	data := zipped(t, member{name: "x.gguf", data: strings.Repeat("x", 3<<20)})
	a, err := archive.Open(bytes.NewReader(data), int64(len(data)))
	must(t, err)
	full := errors.New("full")
	if _, err := a.Unpack(t.Context(), t.TempDir(), func(int64) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(zipped(f, weights, member{name: "model.json", data: "{}"}))
	f.Add(zipped(f, member{name: "a/x.gguf", data: strings.Repeat("x", 100), change: func(h *zip.FileHeader) { h.Method = zip.Deflate }}, member{name: "a/"}))
	f.Add(zipped(f, weights, member{name: ".enginebay.json", data: listOf(weights)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir, err := unpack(t, data)
		if err == nil && len(data) > 0 {
			if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
				t.Errorf("nothing was unpacked, and no error: %v", err)
			}
		}
	})
}
