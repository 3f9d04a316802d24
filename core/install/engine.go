package install

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/enginebay/enginebay/core/durable"
)

const deploymentSchema = "https://github.com/enginebay/enginebay/raw/main/schemas/deployment.schema.json"

// EngineFile makes engines/NAME.json where there is none, so that a person finds
// where the engine's settings go. It returns the file that it made.
func EngineFile(home, name string) (string, error) {
	file := filepath.Join(home, "engines", name+".json")
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", err
	}
	if err := durable.Replace(file, engineText(name), 0o600); err != nil {
		return "", err
	}
	return file, nil
}

// engineText is what such a file has before anybody changed it.
func engineText(name string) []byte {
	quoted, _ := json.Marshal(name) // of a plugin: letters, digits and '-'
	return []byte("{\n  \"$schema\": \"" + deploymentSchema + "\",\n  \"engine\": " + string(quoted) + ",\n  \"settings\": {}\n}\n")
}

// MadeEngineFile says whether engines/NAME.json is as EngineFile made it: nobody has
// written anything into it since.
func MadeEngineFile(home, name string) bool {
	data, err := os.ReadFile(filepath.Join(home, "engines", name+".json"))
	return err == nil && string(data) == string(engineText(name))
}

// RemoveEngineFile removes engines/NAME.json where it is as EngineFile made it.
func RemoveEngineFile(home, name string) {
	if MadeEngineFile(home, name) {
		_ = os.Remove(filepath.Join(home, "engines", name+".json"))
	}
}
