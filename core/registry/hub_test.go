package registry_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/bcrypt"
)

// A hub is a real OCI registry.
type hub struct {
	*httptest.Server
	host string // "127.0.0.1:5000"
}

// newHub starts one that is open to all, or with a password only to its user "me".
// handle may answer first.
func newHub(t testing.TB, password string, handle func(w http.ResponseWriter, r *http.Request) bool) *hub {
	t.Helper()
	logrus.SetOutput(io.Discard)
	config := &configuration.Configuration{Storage: configuration.Storage{"inmemory": {}, "maintenance": {"uploadpurging": map[any]any{"enabled": false}}}}
	config.Log.AccessLog.Disabled = true
	if password != "" {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		must(t, err)
		file := filepath.Join(t.TempDir(), "htpasswd")
		must(t, os.WriteFile(file, []byte("me:"+string(hash)+"\n"), 0o600))
		config.Auth = configuration.Auth{"htpasswd": {"realm": "test", "path": file}}
	}
	app := handlers.NewApp(context.Background(), config)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handle == nil || !handle(w, r) {
			app.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		server.Close()
		must(t, app.Shutdown())
	})
	return &hub{server, strings.TrimPrefix(server.URL, "http://")}
}

// ref is the address of something in the hub.
func (h *hub) ref(rest string) string { return "oci://" + h.host + "/" + rest }

// logIn makes docker's config one that knows the hub.
func (h *hub) logIn(t *testing.T, password string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	known := base64.StdEncoding.EncodeToString([]byte("me:" + password))
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, `{"auths": {"%s": {"auth": "%s"}}}`, h.host, known), 0o600))
}
