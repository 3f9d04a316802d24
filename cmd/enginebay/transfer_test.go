package main

import (
	"archive/zip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// serveRoute makes a fake of one route.
func serveRoute(t *testing.T, route string, handler http.HandlerFunc) *fake {
	mux := http.NewServeMux()
	mux.HandleFunc(route, handler)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &fake{t: t, addr: server.Listener.Addr().String()}
}

func TestExport(t *testing.T) {
	f := serveRoute(t, "GET /v1/models/a/b/export", func(w http.ResponseWriter, r *http.Request) {
		z := zip.NewWriter(w)
		_, _ = z.Create("model.json")
		if r.URL.Query().Get("weights") != "false" {
			_, _ = z.Create("weights.gguf")
		}
		z.Close()
	})
	t.Chdir(t.TempDir())
	c := f.run("export", "a/b")
	if err := c.wait(t); err != nil || !strings.HasPrefix(c.out.String(), "a/b is in a-b.zip (") {
		t.Fatalf("it ended with %v, and printed %s", err, c.out.String())
	}
	if files := inZip(t, "a-b.zip"); files != "model.json weights.gguf" {
		t.Errorf("the archive has %s", files)
	}
	if err := f.run("export", "a/b").wait(t); err == nil || err.Error() != "a-b.zip is there already; to overwrite it: add --force" {
		t.Errorf("it overwrote, or ended with %v", err)
	}
	if err := f.run("export", "a/b", ".", "--force", "--no-weights").wait(t); err != nil {
		t.Fatal(err)
	}
	if files := inZip(t, "a-b.zip"); files != "model.json" {
		t.Errorf("without weights, the archive has %s", files)
	}
	c = f.run("export", "a/b", "-")
	if err := c.wait(t); err != nil || !strings.HasPrefix(c.out.String(), "PK") {
		t.Errorf("to standard output: %v, %.20q", err, c.out.String())
	}
}

func inZip(t *testing.T, file string) string {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	return strings.Join(names, " ")
}

// TestExportCancelled: Ctrl-C leaves nothing, and says so.
func TestExportCancelled(t *testing.T) {
	begun := make(chan bool)
	f := serveRoute(t, "GET /v1/models/m/export", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "PK")
		_ = http.NewResponseController(w).Flush()
		close(begun)
		<-r.Context().Done()
	})
	t.Chdir(t.TempDir())
	c := f.run("export", "m")
	<-begun
	c.interrupt()
	if err := c.wait(t); err == nil || !strings.Contains(c.told.text(), "export was cancelled; nothing was written\n") {
		t.Errorf("it ended with %v, and said %s", err, c.told.text())
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestExportBroken: an archive that did not come whole has no name, and the one
// that was there stays.
func TestExportBroken(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"broken off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "PK")
		},
		"without its end": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "PK\x03\x04 and no more")
		},
		"refused": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":{"message":"it is not here"}}`, http.StatusNotFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := serveRoute(t, "GET /v1/models/m/export", handler)
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "m.zip"), "old")
			if err := f.run("export", "m", dir, "--force").wait(t); err == nil {
				t.Error("it is content")
			}
			files, _ := os.ReadDir(dir)
			old, _ := os.ReadFile(filepath.Join(dir, "m.zip"))
			if len(files) != 1 || string(old) != "old" {
				t.Errorf("in the folder is %v, and the old archive says %q", files, old)
			}
		})
	}
}

func TestUpload(t *testing.T) {
	got := map[string]string{}
	f := serveRoute(t, "POST /v1/models", func(w http.ResponseWriter, r *http.Request) {
		form, err := r.MultipartReader()
		if err != nil {
			t.Error(err)
			return
		}
		for {
			part, err := form.NextPart()
			if err != nil {
				break
			}
			data, _ := io.ReadAll(part)
			got[part.FormName()+" "+part.FileName()] = string(data)
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":"mine","object":"model","state":"ready"}`)
	})
	dir := t.TempDir()
	writeFile(t, dir+"/m/x.gguf", "weights")
	writeFile(t, dir+"/m/model.json", "{}")
	writeFile(t, dir+"/m/.hidden", "")
	c := f.run("import", "--upload", dir+"/m", "--id", "mine")
	if err := c.wait(t); err != nil || !strings.HasPrefix(c.out.String(), "mine is ready (9 B in 0s); run it: enginebay run mine") {
		t.Fatalf("it ended with %v, and printed %s%s", err, c.out.String(), c.told.text())
	}
	if want := map[string]string{"id ": "mine", "file x.gguf": "weights", "file model.json": "{}"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the server got %v, want %v", got, want)
	}
}

// TestUploadRefused: the server answers before it has read everything.
func TestUploadRefused(t *testing.T) {
	f := serveRoute(t, "POST /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInsufficientStorage)
		fmt.Fprint(w, `{"error":{"message":"The disk is full"}}`)
	})
	file := filepath.Join(t.TempDir(), "big.gguf")
	writeFile(t, file, strings.Repeat("x", 8<<20))
	c := f.run("import", "--upload", file)
	if err := c.wait(t); err == nil || !strings.Contains(c.told.text(), "big.gguf: The disk is full") {
		t.Errorf("it ended with %v, and told %s", err, c.told.text())
	}
}
