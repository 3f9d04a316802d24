package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/host"
	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// table reads the first table below a heading of sdk/PROTOCOL.md, without its head.
func table(t *testing.T, heading string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n"+heading+"\n")
	for line := range strings.Lines(section) {
		switch {
		case strings.HasPrefix(line, "|"):
			cells := strings.Split(strings.Trim(line, "|\n"), "|")
			for i := range cells {
				cells[i] = strings.Trim(cells[i], " `")
			}
			rows = append(rows, cells)
		case len(rows) > 0:
			return rows[2:]
		}
	}
	t.Fatalf("PROTOCOL.md has no table below %q", heading)
	return nil
}

// TestTheCalls: each call of plugin.proto is on the page, with its deadline, and no other.
func TestTheCalls(t *testing.T) {
	want := map[string]time.Duration{} // 0 is none
	for _, service := range []grpc.ServiceDesc{pluginpb.Plugin_ServiceDesc, pluginpb.Engine_ServiceDesc, pluginpb.Importer_ServiceDesc} {
		short := service.ServiceName[strings.LastIndexByte(service.ServiceName, '.')+1:] + "."
		for _, method := range service.Methods {
			want[short+method.MethodName] = host.Deadlines[short+method.MethodName]
		}
		for _, stream := range service.Streams {
			want[short+stream.StreamName] = host.Deadlines[short+stream.StreamName]
		}
	}
	got := map[string]time.Duration{}
	for _, row := range table(t, "## The calls") {
		got[row[0]], _ = time.ParseDuration(row[1]) // ∞ is 0
	}
	if !maps.Equal(got, want) {
		t.Errorf("the page says\n%v, and the code\n%v", got, want)
	}
}

// TestMessages: the page says how large they may be.
func TestMessages(t *testing.T) {
	want := fmt.Sprintf("%d MiB", pluginpb.MaxMessage>>20)
	if !slices.ContainsFunc(table(t, "## Limits"), func(row []string) bool { return slices.Equal(row, []string{"a message, both ways", want}) }) {
		t.Errorf("the page does not say that a message may have %s", want)
	}
}

// TestTheEnvironment: a plugin sees what the page says, in the folder that it says.
func TestTheEnvironment(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "seen.json")
	if _, err := host.Start(t.Context(), host.Config{Path: os.Args[0], Dir: dir, Env: []string{tellEnv + "=" + file}, Line: func(string) {}}); err == nil {
		t.Fatal("it started, and only tells what it sees")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var saw seen
	if err := json.Unmarshal(text, &saw); err != nil {
		t.Fatal(err)
	}
	if saw.Dir != dir || len(saw.Args) != 1 || saw.Args[0] != os.Args[0] {
		t.Errorf("it runs in %s, as %q", saw.Dir, saw.Args)
	}
	delete(saw.Env, tellEnv)
	for _, row := range table(t, "### The environment") {
		value, ok := saw.Env[row[0]]
		switch delete(saw.Env, row[0]); {
		case !ok:
			t.Errorf("it does not see %s", row[0])
		case row[1] == "a folder":
			if filepath.Dir(value) != dir {
				t.Errorf("%s is %s, outside of %s", row[0], value, dir)
			}
		case strings.HasPrefix(row[1], "a certificate"):
			if !strings.HasPrefix(value, "-----BEGIN CERTIFICATE-----\n") {
				t.Errorf("%s is %q", row[0], value)
			}
		case value != row[1]:
			t.Errorf("%s is %q, and the page says %q", row[0], value, row[1])
		}
	}
	if len(saw.Env) > 0 {
		t.Errorf("it sees more than the page says: %v", slices.Sorted(maps.Keys(saw.Env)))
	}
}

// tellEnv makes this test binary a plugin that writes into a file what it sees.
const tellEnv = "HOST_TEST_TELL"

type seen struct {
	Dir  string
	Args []string
	Env  map[string]string
}

func tell(file string) {
	s := seen{Dir: must(os.Getwd()), Args: os.Args, Env: map[string]string{}}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		s.Env[name] = value
	}
	if err := os.WriteFile(file, must(json.Marshal(s)), 0o600); err != nil {
		panic(err)
	}
}

// TestErrors: each code has the status that the page says, and back.
func TestErrors(t *testing.T) {
	rows := table(t, "## Errors")
	if len(rows) != 8 {
		t.Errorf("the page has %d codes", len(rows))
	}
	for _, row := range rows {
		code, name := sdk.Code(row[0]), row[1]
		t.Run(name, func(t *testing.T) {
			var st codes.Code
			if err := st.UnmarshalJSON([]byte(`"` + name + `"`)); err != nil {
				t.Fatal(err)
			}
			plain := ask(t, faulty(st))
			switch disconnected := st == codes.Unavailable || st == codes.Canceled; {
			case disconnected && sdk.CodeOf(plain) != sdk.CodeUnavailable:
				t.Errorf("without details it is %v", plain)
			case !disconnected && (sdk.CodeOf(plain) != code || plain.Error() != "in words"):
				t.Errorf("without details it is %v, with the code %s", plain, sdk.CodeOf(plain))
			}
			if said := wire(t, code); status.Code(said) != st {
				t.Errorf("on the wire it is %v", said)
			}
		})
	}
	for st, code := range map[codes.Code]sdk.Code{codes.FailedPrecondition: sdk.CodeInvalid, codes.OutOfRange: sdk.CodeInvalid,
		codes.Unauthenticated: sdk.CodeUnauthorized, codes.DeadlineExceeded: sdk.CodeUnavailable, codes.Unknown: sdk.CodeInternal, codes.Aborted: sdk.CodeInternal} {
		if err := ask(t, faulty(st)); sdk.CodeOf(err) != code {
			t.Errorf("%s is %v", st, err)
		}
	}
}

// faulty is a plugin in another language that knows statuses, and no details.
type faultyPlugin struct {
	pluginpb.UnimplementedPluginServer
	code codes.Code
}

func (f faultyPlugin) Describe(context.Context, *pluginpb.DescribeRequest) (*pluginpb.DescribeResponse, error) {
	return nil, status.Error(f.code, "in words")
}

func faulty(code codes.Code) func(net.Listener) (stop func()) {
	return func(l net.Listener) func() {
		server := grpc.NewServer()
		pluginpb.RegisterPluginServer(server, faultyPlugin{code: code})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = server.Serve(l)
		}()
		return func() {
			server.Stop()
			<-done
		}
	}
}

// ask calls Describe of a plugin that serve serves.
func ask(t *testing.T, serve func(net.Listener) func()) error {
	t.Helper()
	socket := listen(t, serve)
	conn, err := host.Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = host.NewConn(conn).Describe(t.Context())
	return err
}

// wire is what a plugin of the SDK sends for an error of a code.
func wire(t *testing.T, code sdk.Code) error {
	t.Helper()
	socket := listen(t, func(l net.Listener) func() {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = sdk.ServeOn(ctx, l, sdk.Plugin{Name: "refuser", Version: "1.0.0", Importer: refuser(code)}, hclog.NewNullLogger())
		}()
		return func() {
			cancel()
			<-done
		}
	})
	conn, err := host.Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := pluginpb.NewPluginClient(conn).Configure(t.Context(), &pluginpb.ConfigureRequest{}); err != nil {
		t.Fatal(err)
	}
	_, err = pluginpb.NewImporterClient(conn).Resolve(t.Context(), &pluginpb.ResolveRequest{})
	return err
}

type refuser sdk.Code

func (r refuser) Resolve(context.Context, sdk.Ref) ([]sdk.Plan, error) {
	return nil, sdk.Errorf(sdk.Code(r), "in words")
}

// listen has a plugin served on a socket until the end of the test.
func listen(t *testing.T, serve func(net.Listener) func()) string {
	t.Helper()
	socket := filepath.Join(folder(t), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(serve(l))
	return socket
}

// folder has a short path, as sockets want it.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "eb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
