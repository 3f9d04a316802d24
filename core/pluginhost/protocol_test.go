package pluginhost_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/pluginhost"
)

// TestProtocol: what sdk/PROTOCOL.md tells authors of the host is so.
func TestProtocol(t *testing.T) {
	text, err := os.ReadFile("../../sdk/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for what, limit := range pluginhost.Limits {
		if row := fmt.Sprintf("| %s | %v |", what, limit); !strings.Contains(string(text), row+"\n") {
			t.Errorf("the page does not say %s", row)
		}
	}
	_, rest, _ := strings.Cut(string(text), "<!-- passed -->\n")
	list, _, _ := strings.Cut(rest, "<!-- /passed -->")
	var passed []string
	for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(list, -1) {
		passed = append(passed, name[1])
	}
	if !slices.Equal(passed, pluginhost.Passed) {
		t.Errorf("the page says that these variables are passed on:\n%q, and the code\n%q", passed, pluginhost.Passed)
	}
}
