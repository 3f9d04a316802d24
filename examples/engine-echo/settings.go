package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// settingsSchema describes the knobs for people.
//
//go:embed settings.schema.json
var settingsSchema []byte

// settings are the knobs; settings.schema.json says what each does.
type settings struct {
	CtxLen          int               `json:"ctx_len"`
	NParallel       int               `json:"n_parallel"`
	Operations      []sdk.Operation   `json:"operations"`
	Tokens          int               `json:"tokens"`
	FirstTokenMS    int               `json:"first_token_ms"`
	TokensPerSecond float64           `json:"tokens_per_second"`
	LoadMS          int               `json:"load_ms"`
	Refuse          string            `json:"refuse"`
	RefuseCode      string            `json:"refuse_code"`
	Memory          uint64            `json:"memory"`
	MemoryTaken     uint64            `json:"memory_taken"`
	Remote          bool              `json:"remote"`
	Status          int               `json:"status"`
	Headers         map[string]string `json:"headers"`
	Comment         string            `json:"comment"`
	FirstEvent      string            `json:"first_event"`
	CrashAfter      int               `json:"crash_after"`
	CrashOn         string            `json:"crash_on"`
	PanicOn         string            `json:"panic_on"`
	HangOn          string            `json:"hang_on"`
	EndAfterMS      int               `json:"end_after_ms"`
	Offers          []string          `json:"offers"`
	LogLines        int               `json:"log_lines"`
	LogLineBytes    int               `json:"log_line_bytes"`
	IgnoreSigterm   bool              `json:"ignore_sigterm"`
}

func read(data []byte) (settings, error) {
	s := settings{RefuseCode: string(sdk.CodeInvalid), CrashAfter: -1}
	if len(data) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, sdk.Errorf(sdk.CodeInvalid, "settings: %v", err)
	}
	return s, nil
}

// misbehaveEarly does, before the handshake and thus before any setting, what
// ENGINE_ECHO_START names: noise, long-noise, crash, hang,
// secrets (prints its environment).
func misbehaveEarly() {
	switch os.Getenv("ENGINE_ECHO_START") {
	case "noise":
		fmt.Println("hello from a library that prints on stdout")
	case "long-noise":
		fmt.Println(strings.Repeat("n", 1<<20))
	case "crash":
		crashIf(true)
	case "hang":
		select {}
	case "secrets":
		for _, variable := range os.Environ() {
			fmt.Fprintln(os.Stderr, "environment:", variable)
		}
	}
}
