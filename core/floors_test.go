package core_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/enginebay/enginebay/"

// floors are those of design.md §2, finer by a step where one line of the
// drawing holds packages that build on each other: sdk stands on its wire
// format, and what runs programs (sdk/process) is what the plugin host and the
// conformance suite both start plugins with.
var floors = []struct {
	prefix string
	floor  int
}{
	{"schemas", 0}, {"sdk/proto/generate", 11}, {"sdk/proto", 0}, {"sdk/gguf", 0}, {"core/catalogue", 0}, {"core/portable", 0}, {"core/minisign", 0}, {"core/durable", 0},
	{"sdk", 1},
	{"sdk/process", 2}, {"sdk/web", 2}, {"sdk/openai", 2}, {"core/packages", 2}, {"core/scaffold", 2}, {"core/sandbox", 2}, {"core/system", 2},
	{"core/database", 3}, {"core/database/databasetest", 4}, {"core/conversation", 4}, {"core/conversation/jan", 5}, {"core/responses", 5},
	{"sdk/host", 3}, {"core/traces", 3}, {"core/store", 3}, {"core/keys", 3}, {"core/download", 3}, {"core/wire", 3}, {"core/egress", 3},
	{"sdk/sdktest", 4}, {"core/archive", 4}, {"core/secret", 4}, {"core/pluginhost", 4}, {"core/registry", 4},
	{"core/local", 5}, {"core/install", 5},
	{"core/workbench", 3},
	{"core/sandbox/launcher", 0},
	{"core", 6},
	{"core/metrics", 7}, {"core/runs", 7},
	{"core/api", 8},
	{"plugins/engine-tensorrt/kserve", 0}, {"plugins/engine-llamacpp/llamaserver", 3},
	{"examples/models", 0},
	{"cmd/", 9}, {"plugins/", 9}, {"examples/", 9},
}

func floorOf(pkg string) (int, bool) {
	for _, f := range floors {
		if pkg == f.prefix || strings.HasSuffix(f.prefix, "/") && strings.HasPrefix(pkg, f.prefix) {
			return f.floor, true
		}
	}
	return 0, false
}

// homes are the only packages (several are divided by spaces) that may import a library, with all that is below
// it, and why.
var homes = []struct{ library, home, why string }{
	{"github.com/gofiber", "core/api", "HTTP stays at the rim"},
	{"github.com/prometheus", "core/metrics", "the others only count"},
	{"go.opentelemetry.io/otel/sdk", "core/traces", "the others only make spans"},
	{"go.opentelemetry.io/otel/exporters", "core/traces", "the others only make spans"},
	{"github.com/shirou/gopsutil/v4/cpu", "core/system", "the others ask it about the machine"},
	{"github.com/shirou/gopsutil/v4/disk", "core/system", "the others ask it about the machine"},
	{"github.com/shirou/gopsutil/v4/mem", "core/system", "the others ask it about the machine"},
	{"oras.land", "core/registry", "the others ask it for archives"},
	{"github.com/opencontainers", "core/registry", "the others ask it for archives"},
	{"github.com/klauspost/cpuid", "core/system", "the others ask it about the machine"},
	{"github.com/santhosh-tekuri/jsonschema", "schemas", "its traps are cured in one place"},
	{"github.com/zalando/go-keyring", "core/secret", "the others only have references"},
	{"modernc.org/sqlite", "core/database", "the others ask it for transactions"},
	{"github.com/jackc/pgx", "core/database", "the others ask it for transactions"},
	{"github.com/pressly/goose", "core/database", "the others ask it for transactions"},
	{"github.com/landlock-lsm", "core/sandbox", "what confines plugins is one small thing"},
	{"github.com/enginebay/enginebay/sdk/proto", "sdk sdk/host sdk/sdktest", "nobody else sees protobuf"},
}

func TestImportsGoDown(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		pkg := strings.TrimPrefix(words[0], module)
		floor, known := floorOf(pkg)
		if !known {
			t.Errorf("%s has no floor: say in core/floors_test.go where it belongs", pkg)
		}
		for _, imported := range words[1:] {
			checkLibrary(t, pkg, imported)
			if !strings.HasPrefix(imported, module) {
				continue
			}
			below, _ := floorOf(strings.TrimPrefix(imported, module))
			if below >= floor {
				t.Errorf("%s (floor %d) imports %s (floor %d): an import only goes down, so that the lower part can be read, tested and changed without the upper", pkg, floor, imported, below)
			}
			outside := strings.HasPrefix(pkg, "plugins/") || strings.HasPrefix(pkg, "examples/")
			own := module + pkg + "/" // what lies in a plugin's own folder, such as a protocol's generated code
			if outside && !strings.HasPrefix(imported, module+"sdk") && !strings.HasPrefix(imported, own) {
				t.Errorf("%s imports %s: a plugin sees only sdk, as one that is written elsewhere does", pkg, imported)
			}
		}
	}
}

func checkLibrary(t *testing.T, pkg, imported string) {
	for _, h := range homes {
		if strings.HasPrefix(imported+"/", h.library+"/") && !slices.Contains(strings.Fields(h.home), pkg) {
			t.Errorf("%s imports %s, whose only home is %s: %s", pkg, imported, h.home, h.why)
		}
	}
}
