package main

import (
	"os"
	"testing"

	"github.com/enginebay/enginebay/sdk/sdktest"
)

// program is the plugin's program.
var program string

func TestMain(m *testing.M) {
	if asRenderer() {
		os.Exit(0)
	}
	sdktest.Main(m, &program)
}
