package core_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core"
)

// TestProtocol: what sdk/PROTOCOL.md tells authors of importers is so.
func TestProtocol(t *testing.T) {
	text, err := os.ReadFile("../sdk/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for what, limit := range core.ImporterLimits {
		if row := strings.Replace(fmt.Sprintf("| %s | %v |", what, limit), "m0s", "m", 1); !strings.Contains(string(text), row+"\n") {
			t.Errorf("the page does not say %s", row)
		}
	}
}
