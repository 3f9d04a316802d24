package process_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/process"
)

// serverProgram stands for one such as llama-server: it listens on the socket that it is
// given, and /health answers 200 when it can work.
var serverProgram = os.Args[0]

// An engine's Load runs a server, and returns it as the instance when it answers.
func ExampleRun() {
	load := func(ctx context.Context, req sdk.LoadRequest) (sdk.Instance, error) {
		return process.Run(ctx, process.Config{
			Path:     serverProgram,
			Args:     []string{req.RunPath + ".sock"},
			Env:      append(process.Environ("SERVER_ARG_"), helperEnv+"=serve"),
			Dir:      filepath.Dir(req.RunPath),
			Endpoint: sdk.Endpoint{Socket: req.RunPath + ".sock", Operations: []sdk.Operation{sdk.OpChat}, Parallel: 4},
			Health:   "/health",
			Log:      req.Log,
			Explain: func(e process.Exit) error {
				for _, line := range e.Log {
					if strings.Contains(line, "out of memory") {
						return e.Failure(sdk.CodeExhausted, "the GPU has too little memory for '%s'; lower ctx_len", req.Model.ID)
					}
				}
				code, reason := e.Reason()
				return e.Failure(code, "the server ended with the model '%s': %s", req.Model.ID, reason)
			},
		})
	}

	dir, err := os.MkdirTemp("", "eb") // what the SDK does
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	instance, err := load(context.Background(), sdk.LoadRequest{Model: sdk.Model{ID: "tiny"}, RunPath: filepath.Join(dir, "load")})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("answers:", instance.Endpoint().Operations)
	fmt.Println("closed:", instance.Close(context.Background()))
	fmt.Println("ended by itself:", instance.Wait())
	// Output:
	// answers: [chat/completions]
	// closed: <nil>
	// ended by itself: <nil>
}

// Where the log of a server says nothing, an exit has a sentence of its own.
func ExampleExit_Reason() {
	code, reason := process.Exit{Log: []string{"loading", "done"}}.Reason()
	fmt.Println(code, reason)
	// Output: internal it ended by itself and gave no reason
}
