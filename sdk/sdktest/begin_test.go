package sdktest_test

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// begin does what is wrong before, or beside, the handshake.
func begin(fault string) {
	cookie := os.Getenv(pluginpb.CookieKey)
	switch fault {
	case "plain gRPC":
		servePlain()
	case "greets strangers":
		os.Setenv(pluginpb.CookieKey, pluginpb.CookieValue)
	case "is content by hand":
		if cookie == "" {
			fmt.Println("I am a plugin.")
			os.Exit(0)
		}
	case "says nothing by hand":
		if cookie == "" {
			os.Exit(1)
		}
	case "ignores SIGTERM":
		signal.Ignore(syscall.SIGTERM)
		go func() {
			for range time.Tick(time.Millisecond) { // sdk.Serve listens to it later
				signal.Ignore(syscall.SIGTERM)
			}
		}()
	case "open to all":
		os.Unsetenv("PLUGIN_CLIENT_CERT")
	case "glued handshake":
		fmt.Print("loading libraries… ")
	case "another handshake":
		fmt.Println("1|1|tcp|127.0.0.1:80|grpc|")
	case "second handshake":
		go func() {
			for range time.Tick(50 * time.Millisecond) {
				fmt.Fprintln(stdout, "1|1|unix|/tmp/other|grpc|")
			}
		}()
	case "writes without end":
		go func() {
			for {
				fmt.Fprintln(stdout, strings.Repeat("tick ", 100))
			}
		}()
	}
}

// stdout is the real one, in whose place go-plugin puts another.
var stdout = os.Stdout

// packaged is a folder with the plugin.json of the fake, or a wrong one.
func packaged(t *testing.T, fault string) string {
	t.Helper()
	text := `{"name": "acme/fake", "version": "1.0.0", "kinds": ["engine", "importer"], "entry": "fake", "capabilities": ["inspect", "search"],
		"formats": ["gguf"], "operations": ["chat/completions", "audio/speech", "audio/transcriptions"], "schemes": ["fake"]}`
	switch fault {
	case "manifest of another version":
		text = strings.Replace(text, "1.0.0", "2.0.0", 1)
	case "manifest without an operation":
		text = strings.Replace(text, `, "audio/speech"`, "", 1)
	case "manifest of another ability":
		text = strings.Replace(text, `, "search"`, "", 1)
	case "manifest without the scheme":
		text = strings.Replace(text, `["fake"]`, `["other"]`, 1)
	}
	dir := t.TempDir()
	if fault == "manifest with other settings" {
		if err := os.WriteFile(filepath.Join(dir, "settings.schema.json"), []byte(`{"type": "object"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "plugin.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
