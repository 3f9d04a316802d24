// Package llamaserver finds a llama-server of llama.cpp and asks it what it can do:
// its version, its backends, the GPUs that they see. The llamacpp plugin runs what
// is found here, and "enginebay doctor" looks at the same.
package llamaserver

import (
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/enginebay/enginebay/sdk"
)

// Find returns the path of the program: the one that a deployment names, the one
// that came with the plugin, whose folder is dir, or the one on the PATH.
// [sdk.CodeInvalid]: what is named is no program; [sdk.CodeUnavailable]: there is none.
func Find(named, dir string) (string, error) {
	if named != "" {
		if _, err := exec.LookPath(named); err != nil {
			return "", sdk.Errorf(sdk.CodeInvalid, "the setting llama_server names %s, which is no program", named)
		}
		return named, nil
	}
	if dir != "" {
		packaged := filepath.Join(dir, "libs", "llamacpp", "bin", "llama-server"+extension())
		if _, err := exec.LookPath(packaged); err == nil {
			return packaged, nil
		}
	}
	program, err := exec.LookPath("llama-server")
	if err != nil {
		return "", sdk.Errorf(sdk.CodeUnavailable, "no llama-server was found; run \"make llamacpp\", install llama.cpp, or name one as llama_server in engines/llamacpp.json")
	}
	return filepath.Abs(program)
}

func extension() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
