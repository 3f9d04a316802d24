package api_test

import (
	"encoding/json"
	"testing"
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
		Engines                   []struct {
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
	if len(answer.Models) != 1 || answer.Models[0].ID != "m" || len(answer.Engines) != 1 || answer.Engines[0].ID != "echo" || answer.Engines[0].Pid == 0 {
		t.Errorf("what it carries: %s", body)
	}
}
