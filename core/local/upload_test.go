package local_test

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/enginebay/enginebay/core/local"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// send uploads files under their names.
func send(t testing.TB, s *store.Store, o local.Options, id string, files ...[2]string) (ids []string, err error) {
	t.Helper()
	u, err := local.NewUpload(s, o)
	must(t, err)
	defer u.Discard()
	for _, f := range files {
		if err := u.Add(t.Context(), f[0], strings.NewReader(f[1])); err != nil {
			return nil, err
		}
	}
	return u.Commit(t.Context(), id)
}

func TestUpload(t *testing.T) {
	g := guide(t)
	zip, err := os.ReadFile(zipped(t, "a.zip", tree{"m/x.gguf": g}))
	must(t, err)
	for name, c := range map[string]struct {
		files [][2]string
		id    string
		ids   []string
		want  []string
	}{
		"a file":         {files: [][2]string{{"x.gguf", g}}, ids: []string{"x"}, want: []string{"x/model.json", "x/x.gguf"}},
		"a path":         {files: [][2]string{{`C:\Users\you\x.gguf`, g}}, ids: []string{"x"}, want: []string{"x/model.json", "x/x.gguf"}},
		"another id":     {files: [][2]string{{"x.gguf", g}}, id: "a/b", ids: []string{"a/b"}, want: []string{"a/b/model.json", "a/b/x.gguf"}},
		"parts":          {files: [][2]string{{"x-00002-of-00002.gguf", weights}, {"x-00001-of-00002.gguf", weights}}, ids: []string{"x"}, want: []string{"x/model.json", "x/x-00001-of-00002.gguf", "x/x-00002-of-00002.gguf"}},
		"a projector":    {files: [][2]string{{"mmproj.gguf", projector}, {"x.gguf", weights}}, ids: []string{"x"}, want: []string{"x/mmproj.gguf", "x/model.json", "x/x.gguf"}},
		"a model file":   {files: [][2]string{{"model.json", `{"name": "M"}`}, {"x.gguf", weights}}, ids: []string{"x"}, want: []string{"x/model.json", "x/x.gguf"}},
		"a zip":          {files: [][2]string{{"a.zip", string(zip)}}, ids: []string{"m"}, want: []string{"m/model.json", "m/x.gguf"}},
		"a zip, renamed": {files: [][2]string{{"upload", string(zip)}}, id: "n", ids: []string{"n"}, want: []string{"n/model.json", "n/x.gguf"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			ids, err := send(t, s, local.Options{}, c.id, c.files...)
			if err != nil || !slices.Equal(ids, c.ids) {
				t.Errorf("%q, %v", ids, err)
			}
			untouched(t, s, c.want...)
			for _, id := range ids {
				model(t, s, id)
			}
			if _, err := send(t, s, local.Options{}, "", c.files...); !errors.Is(err, store.ErrConflict) {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

func TestUploadRefused(t *testing.T) {
	g := guide(t)
	s := open(t)
	for name, c := range map[string]struct {
		files [][2]string
		id    string
		o     local.Options
		want  string
		code  sdk.Code
	}{
		"nothing":          {want: "No file was sent", code: sdk.CodeInvalid},
		"a picture":        {files: [][2]string{{"cat.jpg", "JFIF"}}, want: "cat.jpg is neither", code: sdk.CodeInvalid},
		"a web page":       {files: [][2]string{{"x.gguf", "<html>"}}, want: "not a GGUF file", code: sdk.CodeInvalid},
		"half":             {files: [][2]string{{"x.gguf", g[:len(g)/2]}}, want: "is not whole", code: sdk.CodeInvalid},
		"half a set":       {files: [][2]string{{"x-00001-of-00002.gguf", weights}}, want: "x-00002-of-00002.gguf", code: sdk.CodeInvalid},
		"no name":          {files: [][2]string{{"", g}}, want: "cannot be the name", code: sdk.CodeInvalid},
		"a folder":         {files: [][2]string{{"x/", g}}, want: "cannot be the name", code: sdk.CodeInvalid},
		"a way out":        {files: [][2]string{{"..", g}}, want: "cannot be the name", code: sdk.CodeInvalid},
		"a hidden name":    {files: [][2]string{{".x.gguf.part", g}}, want: "cannot be the name", code: sdk.CodeInvalid},
		"a control letter": {files: [][2]string{{"x\n.gguf", g}}, want: "cannot be the name", code: sdk.CodeInvalid},
		"one name twice":   {files: [][2]string{{"x.gguf", g}, {"X.GGUF", g}}, want: "Two files are called", code: sdk.CodeInvalid},
		"a zip and more":   {files: [][2]string{{"a.zip", "PK\x03\x04"}, {"x.gguf", g}}, want: "A zip comes alone", code: sdk.CodeInvalid},
		"no id":            {files: [][2]string{{"x.gguf", g}}, id: "..", want: "is no model id", code: sdk.CodeInvalid},
		"a full disk":      {files: [][2]string{{"x.gguf", g}}, o: local.Options{Free: func(string) (uint64, error) { return 0, nil }, Reserve: 1}, want: "too little room", code: sdk.CodeExhausted},
	} {
		t.Run(name, func(t *testing.T) {
			ids, err := send(t, s, c.o, c.id, c.files...)
			if err == nil || !strings.Contains(err.Error(), c.want) || sdk.CodeOf(err) != c.code {
				t.Errorf("%q, %v (%s); want %s", ids, err, sdk.CodeOf(err), c.want)
			}
			untouched(t, s)
		})
	}
}

// TestUploadBreaksOff: a client that goes away leaves nothing.
func TestUploadBreaksOff(t *testing.T) {
	s := open(t)
	u, err := local.NewUpload(s, local.Options{})
	must(t, err)
	gone := io.MultiReader(strings.NewReader(guide(t)), iotest.ErrReader(io.ErrUnexpectedEOF))
	if err := u.Add(t.Context(), "x.gguf", gone); sdk.CodeOf(err) != sdk.CodeCanceled || !strings.Contains(err.Error(), "broke off") {
		t.Errorf("the stream: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := u.Add(ctx, "y.gguf", strings.NewReader(guide(t))); sdk.CodeOf(err) != sdk.CodeCanceled {
		t.Errorf("the context: %v", err)
	}
	u.Discard()
	untouched(t, s)
}

func TestUploadExpects(t *testing.T) {
	s := open(t)
	free := func(string) (uint64, error) { return 1000, nil }
	u, err := local.NewUpload(s, local.Options{Free: free})
	must(t, err)
	defer u.Discard()
	if err := u.Expect(1001); sdk.CodeOf(err) != sdk.CodeExhausted {
		t.Errorf("more than there is: %v", err)
	}
	must(t, u.Expect(int64(len(weights))))
	must(t, u.Add(t.Context(), "x.gguf", strings.NewReader(weights)))
}
