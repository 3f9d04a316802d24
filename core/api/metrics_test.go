package api_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/enginebay/enginebay/core"
)

// scrape returns /metrics, as a Prometheus server reads it.
func (b *bay) scrape() string {
	b.t.Helper()
	resp := b.open(http.MethodGet, "/metrics", "")
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	if _, err := parser.TextToMetricFamilies(strings.NewReader(string(text))); err != nil {
		b.t.Fatalf("not Prometheus' form: %v\n%s", err, text)
	}
	return string(text)
}

// wantLines insists on whole lines, the labels in their order of the alphabet.
func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			name, _, _ := strings.Cut(line, "{")
			has := regexp.MustCompile("(?m)^"+name+".*$").FindAllString(text, -1)
			t.Errorf("no line %s\nthere is:\n%s", line, strings.Join(has, "\n"))
		}
	}
}

func TestMetrics(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"tokens": 5, "memory": 1000}`, "bad": `{"refuse": "no"}`})
	b.do("POST", "/v1/chat/completions", chat("m", "hello"))
	b.do("POST", "/v1/chat/completions", chat("m", "hello", `"stream":true`))
	b.do("POST", "/v1/chat/completions", chat("bad", "hello"))
	b.do("POST", "/v1/chat/completions", chat("none-of-mine", "hello"))
	b.do("POST", "/v1/embeddings", `{"model":"m","input":["a","b","c"]}`)
	b.do("GET", "/v1/models", "")
	b.do("GET", "/v1/models/m", "")
	b.do("GET", "/v1/models/stranger", "")
	b.do("GET", "/nowhere/at/all", "")
	text := b.scrape()
	wantLines(t, text,
		`enginebay_requests_total{method="POST",model="m",route="/v1/chat/completions",status="2xx"} 2`,
		`enginebay_requests_total{method="POST",model="bad",route="/v1/chat/completions",status="4xx"} 1`,
		`enginebay_requests_total{method="POST",model="",route="/v1/chat/completions",status="4xx"} 1`,
		`enginebay_requests_total{method="POST",model="m",route="/v1/embeddings",status="2xx"} 1`,
		`enginebay_requests_total{method="GET",model="",route="/v1/models",status="2xx"} 1`,
		`enginebay_requests_total{method="GET",model="",route="/v1/models/*",status="2xx"} 1`,
		`enginebay_requests_total{method="GET",model="",route="/v1/models/*",status="4xx"} 1`,
		`enginebay_requests_total{method="",model="",route="",status="4xx"} 1`,
		`enginebay_request_duration_seconds_count{method="POST",model="m",route="/v1/chat/completions"} 2`,
		`enginebay_time_to_first_token_seconds_count{method="POST",model="m",route="/v1/chat/completions"} 1`,
		`enginebay_tokens_per_second_count{method="POST",model="m",route="/v1/chat/completions"} 1`,
		`enginebay_tokens_total{kind="output",method="POST",model="m",route="/v1/chat/completions"} 10`,
		`enginebay_tokens_total{kind="input",method="POST",model="m",route="/v1/chat/completions"} 1`,
		`enginebay_tokens_total{kind="input",method="POST",model="m",route="/v1/embeddings"} 3`,
		`enginebay_requests_in_flight 1`, // this one
		`enginebay_models{state="running"} 1`,
		`enginebay_models{state="ready"} 1`,
		`enginebay_model_loaded{engine="echo",model="m"} 1`,
		`enginebay_model_requests_in_flight{model="m"} 0`,
		`enginebay_model_requests_waiting{model="m"} 0`,
		`enginebay_model_memory_bytes{model="m"} 1000`,
		`enginebay_model_load_seconds_count{model="m"} 1`,
		`enginebay_model_load_failures_total{model="m"} 0`,
		`enginebay_model_load_failures_total{model="bad"} 1`,
		`enginebay_engine_state{engine="echo",plugin="echo",state="up"} 1`,
		`enginebay_engine_state{engine="echo",plugin="echo",state="failed"} 0`,
		`enginebay_engine_restarts_total{engine="echo"} 0`,
		`enginebay_build_info{version="test"} 1`)
	for _, name := range []string{"process_resident_memory_bytes ", "process_cpu_seconds_total ", "process_open_fds ", "go_goroutines "} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("no %s", name)
		}
	}
	if strings.Contains(text, "stranger") || strings.Contains(text, "none-of-mine") || strings.Contains(text, "nowhere") {
		t.Error("a client's text became a label")
	}
}

// TestMetricsOfLifecycle: what a model went through is counted, whoever asked.
func TestMetricsOfLifecycle(t *testing.T) {
	b := newBay(t, map[string]string{"one": `{"n_parallel": 1, "tokens": 20, "tokens_per_second": 100}`, "dies": `{"crash_on": "request"}`, "other": `{}`})
	var wait sync.WaitGroup
	for range 3 { // two of them wait
		wait.Go(func() { b.do("POST", "/v1/chat/completions", chat("one", "x")) })
	}
	wait.Wait()
	b.do("POST", "/v1/chat/completions", chat("dies", "x"))
	l := listen(b, t, "")
	b.runtime.SetLimits(core.Limits{MaxLoaded: 1})
	b.do("PUT", "/v1/models/other/start", "")
	l.until(core.EventModelState, core.StateRunning)
	text := b.scrape()
	wantLines(t, text,
		`enginebay_model_wait_seconds_count{model="one"} 2`,
		`enginebay_model_load_seconds_count{model="one"} 1`,
		`enginebay_model_load_seconds_count{model="other"} 1`,
		`enginebay_model_ends_total{model="dies"} 2`) // a request is tried twice
	waited := regexp.MustCompile(`enginebay_model_wait_seconds_sum{model="one"} (\S+)`).FindStringSubmatch(text)
	if seconds, _ := strconv.ParseFloat(waited[1], 64); seconds < 0.5 || seconds > 5 { // 0.2 and 0.4 s at least
		t.Errorf("waited for %s s", waited[1])
	}
	if !strings.Contains(text, `enginebay_engine_restarts_total{engine="echo"} 2`) {
		t.Error("the plugin's restarts are not counted")
	}
}

func TestMetricsOfDownloads(t *testing.T) {
	from := newHeldSource(t)
	b := newBay(t, nil)
	wantLines(t, b.scrape(), "enginebay_downloads_in_progress 0", "enginebay_download_bytes_total 0", "enginebay_download_files_total 0", "enginebay_download_failures_total 0")
	b.do("POST", "/v1/models", fmt.Sprintf(`{"id": "tiny", "source": "%s/x.gguf"}`, from.URL))
	b.poll(t, "tiny", func(m shown) bool { return m.Download != nil && m.Download.Done > 0 })
	wantLines(t, b.scrape(), "enginebay_downloads_in_progress 1", `enginebay_models{state="downloading"} 1`)
	from.release()
	b.poll(t, "tiny", isState(core.StateReady))
	b.do("POST", "/v1/models", fmt.Sprintf(`{"id": "lost", "download": true, "sources": [{"filename": "y.gguf", "url": "%s/nowhere.gguf"}]}`, from.URL))
	b.poll(t, "lost", func(m shown) bool { return m.Error != "" })
	wantLines(t, b.scrape(), "enginebay_downloads_in_progress 0", "enginebay_download_files_total 1", "enginebay_download_failures_total 1")
	if bytes := regexp.MustCompile(`(?m)^enginebay_download_bytes_total (.+)$`).FindStringSubmatch(b.scrape()); bytes == nil {
		t.Error("no bytes")
	} else if n, err := strconv.ParseFloat(bytes[1], 64); err != nil || n < float64(len(from.data)) {
		t.Errorf("%s of %d bytes", bytes[1], len(from.data))
	}
}
