// Command rogue is a hostile plugin. ROGUE in its environment says how: what it
// does before, in place of, and after an orderly handshake.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/process"
)

func main() {
	how, arg, _ := strings.Cut(os.Getenv("ROGUE"), "=")
	if act, ok := early[how]; ok {
		act(arg)
	}
	plugin := sdk.Plugin{Name: "rogue", Version: "1.0.0", Engine: &engine{how, arg}, Importer: importer{}}
	if how == "schema" { // one that is none
		plugin.Settings = []byte(`{"type": 5}`)
	}
	sdk.Serve(plugin)
}

// early acts come before the handshake; where one returns, the handshake follows.
var early = map[string]func(arg string){
	// mute: no handshake, ever.
	"mute": func(string) { stay() },
	// greet=LINE: this handshake. IN_RUN is the folder for sockets; somebody hangs up at IN_RUN/s.
	"greet": func(line string) {
		dir := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
		listener, err := net.Listen("unix", filepath.Join(dir, "s"))
		if err != nil {
			panic(err)
		}
		fmt.Println(strings.ReplaceAll(line, "IN_RUN", dir))
		for {
			if conn, err := listener.Accept(); err == nil {
				conn.Close()
			}
		}
	},
	// unheard: a socket in the right place that nobody accepts on.
	"unheard": func(string) {
		file := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s")
		if _, err := net.Listen("unix", file); err != nil {
			fmt.Println(err)
		}
		fmt.Printf("1|1|unix|%s|grpc\n", file)
		stay()
	},
	// linger: a child in our group that keeps our outputs; told on stderr.
	"linger": func(string) {
		child := exec.Command(os.Args[0])
		child.Env = []string{"ROGUE=mute"}
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, "child", child.Process.Pid)
	},
	// owned: a child that was started as an engine should.
	"owned": func(string) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{"ROGUE=mute"}
		child, err := process.Start(cmd, nil, nil)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, "child", child.Pid())
	},
	// orphan: no handshake and no eye on standard input; its pid is told on stderr.
	"orphan": func(string) {
		fmt.Fprintln(os.Stderr, "child", os.Getpid())
		stay()
	},
	// try=WHAT: what it may not, or may.
	"try": try,
	// escape: what a terminal would obey.
	"escape": func(string) {
		fmt.Fprint(os.Stderr, "plain \x1b[31mred\x07 \u009bC1\n")
		fmt.Fprint(os.Stderr, `{"@level":"warn","@message":"json \u001b[31mred","key\u0007":"value\u009b"}`+"\n")
	},
}

func stay() { time.Sleep(time.Hour) }

type engine struct{ how, arg string }

// Configure implements sdk.Configurer.
func (e *engine) Configure(ctx context.Context, _ sdk.Configuration) error {
	switch e.how {
	case "hang": // until it is killed, whatever the caller says
		stay()
	case "raw": // past go-plugin, on the very file descriptor: lines of ARG bytes
		n, _ := strconv.Atoi(e.arg)
		out := os.NewFile(1, "stdout")
		for range 8 {
			fmt.Fprintln(out, strings.Repeat("r", n))
		}
		fmt.Fprintln(out, "raw: all written")
	}
	return nil
}

// Load implements sdk.Engine.
func (e *engine) Load(context.Context, sdk.LoadRequest, func(sdk.Progress)) (sdk.Instance, error) {
	return nil, sdk.Errorf(sdk.CodeUnsupported, "rogue loads nothing")
}

type importer struct{}

// Resolve implements sdk.Importer: one plan with a description of as many bytes as ref says.
func (importer) Resolve(_ context.Context, ref sdk.Ref) ([]sdk.Plan, error) {
	n, err := strconv.Atoi(string(ref))
	if err != nil {
		return nil, err
	}
	return []sdk.Plan{{Manifest: sdk.Manifest{Description: strings.Repeat("d", n)}}}, nil
}
