package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/api"
	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
)

func TestSystem(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`, "n": `{}`})
	if status, body := b.do("PUT", "/v1/models/m/start", ""); status != 200 {
		t.Fatal(body)
	}
	status, body := b.do("GET", "/v1/system", "")
	var answer struct {
		Object, Version, OS, Arch string
		CPU                       struct{ Threads int }
		Memory, Disk              struct{ Total, Available uint64 }
		GPUs                      []struct{ Name string }
		Process                   struct{ Pid, RSS uint64 }
		Models                    []struct{ ID, Engine string }
		Database                  struct {
			Driver, State string
			Schema, Size  int64
		}
		Engines []struct {
			ID  string
			Pid int
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); status != 200 || err != nil {
		t.Fatalf("%d %v: %s", status, err, body)
	}
	if answer.Object != "system" || answer.OS == "" || answer.CPU.Threads < 1 || answer.GPUs == nil || answer.Process.RSS == 0 ||
		answer.Memory.Available == 0 || answer.Disk.Available == 0 {
		t.Errorf("the machine: %s", body)
	}
	if d := answer.Database; d.Driver != "sqlite" || d.State != "ok" || d.Schema < 1 || d.Size == 0 {
		t.Errorf("its database: %s", body)
	}
	if _, body := b.do("GET", "/metrics", ""); !strings.Contains(body, "enginebay_database_up{driver=\"sqlite\"} 1\n") || !strings.Contains(body, "enginebay_database_size_bytes{driver=\"sqlite\"} ") {
		t.Errorf("its database in /metrics: %s", body)
	}
	if len(answer.Models) != 1 || answer.Models[0].ID != "m" || len(answer.Engines) != 1 || answer.Engines[0].ID != "echo" || answer.Engines[0].Pid == 0 {
		t.Errorf("what it carries: %s", body)
	}
}

// TestSystemWithoutDatabase: a database that is away is told, without its address.
func TestSystemWithoutDatabase(t *testing.T) {
	db, err := database.Open(t.Context(), database.Config{URL: "postgres://bay:s3cret@127.0.0.1:1/bay", Migrations: conversation.Migrations, Log: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	store, err := conversation.Open(t.Context(), db, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := newBay(t, nil, func(c *api.Config) { c.Conversations = store })
	status, body := b.do("GET", "/v1/system", "")
	if status != 200 || !strings.Contains(body, `"database":{"driver":"postgres","state":"unavailable","error":"`) || strings.Contains(body, "s3cret") || strings.Contains(body, "127.0.0.1:1/") {
		t.Errorf("%d %s", status, body)
	}
	if _, body := b.do("GET", "/metrics", ""); !strings.Contains(body, "enginebay_database_up{driver=\"postgres\"} 0\n") || strings.Contains(body, "s3cret") {
		t.Error(body)
	}
}
