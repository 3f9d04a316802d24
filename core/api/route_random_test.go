package api_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRoutesAtRandom: clients that leave at any moment, targets that are as slow as
// they may be, that fail and that are changed: nothing of a request stays.
func TestRoutesAtRandom(t *testing.T) {
	b := newBay(t, map[string]string{"quick": `{}`, "late": `{"first_token_ms": 4}`, "bad": `{"status": 500}`, "busy": `{"status": 429}`, "dying": `{"crash_on": "request"}`})
	b.write("engines/few.json", `{"engine": "echo", "limits": {"concurrency": 2, "queue": 3}}`)
	b.write("engines/dies.json", `{"engine": "echo"}`)
	b.write("models/dying/model.json", `{"engine": "dies", "format": "api", "settings": {"crash_after": 0}}`)
	b.route("inner", `[{"model": "late"}, {"model": "bad"}, {"model": "dying"}]`, `, "timeout": "5ms", "cool_down": "1ms"`)
	b.route("spread", `[{"model": "inner"}, {"engine": "few", "settings": {"first_token_ms": 3}}, {"model": "busy"}, {"model": "quick", "weight": 0.2}]`, `, "routing": "spread", "timeout": "6ms", "cool_down": "1ms"`)
	var wait sync.WaitGroup
	for n := range uint64(8) {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(1, n))
			for i := range 40 {
				if n == 0 && i%10 == 0 {
					limits := []string{`{}`, `{"concurrency": 1}`, `{"concurrency": 3, "queue": 1}`, `{"requests_per_minute": 20}`}[random.IntN(4)]
					b.do("PUT", "/v1/engines/few", `{"engine": "echo", "limits": `+limits+`}`)
				}
				model, stream := []string{"inner", "spread", "spread"}[random.IntN(3)], random.IntN(2) == 0
				ctx, leave := context.WithCancel(t.Context())
				if random.IntN(3) == 0 {
					time.AfterFunc(time.Duration(random.IntN(8000))*time.Microsecond, leave)
				}
				body := chat(model, "one two three")
				if stream {
					body = chat(model, "one two three", `"stream": true`)
				}
				req, err := http.NewRequestWithContext(ctx, "POST", b.url+"/v1/chat/completions", strings.NewReader(body))
				if err != nil {
					t.Error(err)
				}
				if resp, err := b.client.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body) // which breaks off where the client leaves
					resp.Body.Close()
				}
				leave()
			}
		})
	}
	wait.Wait()
	b.until("nothing is in flight", func() bool {
		for _, id := range []string{"inner", "spread"} {
			for _, target := range b.targets(id) {
				if target.Requests != 0 {
					return false
				}
			}
		}
		for _, e := range b.runtime.Engines() {
			if e.Requests != 0 || e.Waiting != 0 {
				return false
			}
		}
		return true
	})
	if strings.Contains(b.log.String(), "panic") {
		t.Errorf("something panicked: %s", b.log)
	}
}
