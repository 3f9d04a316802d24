package core_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/system"
)

// deploymentFile is a deployment with that content.
func deploymentFile(t *testing.T, content map[string]any) core.Deployment {
	t.Helper()
	data, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gpu.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return core.Deployments(dir, nil, hclog.NewNullLogger())[0]
}

// TestDevices is what a process sees of the machine's GPUs.
func TestDevices(t *testing.T) {
	const nvidia, amd = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "GPU-0123456789abcdef"
	type env = map[string]string
	for name, test := range map[string]struct {
		devices []string
		env     env
		want    env
		err     string
	}{
		"none named": {nil, nil, nil, ""},
		"a number":   {[]string{"1"}, nil, env{"CUDA_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "1", "GGML_VK_VISIBLE_DEVICES": "1"}, ""},
		"CUDA": {[]string{"cuda:2", "cuda:0"}, nil,
			env{"CUDA_VISIBLE_DEVICES": "2,0", "HIP_VISIBLE_DEVICES": "-1", "GGML_VK_VISIBLE_DEVICES": ""}, ""},
		"ROCm":   {[]string{"rocm:1"}, nil, env{"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "1", "GGML_VK_VISIBLE_DEVICES": ""}, ""},
		"Vulkan": {[]string{"vulkan:0"}, nil, env{"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1", "GGML_VK_VISIBLE_DEVICES": "0"}, ""},
		"an identifier of NVIDIA": {[]string{nvidia}, nil,
			env{"CUDA_VISIBLE_DEVICES": nvidia, "HIP_VISIBLE_DEVICES": "-1", "GGML_VK_VISIBLE_DEVICES": ""}, ""},
		"a part of a GPU": {[]string{"MIG-1-2-3"}, nil,
			env{"CUDA_VISIBLE_DEVICES": "MIG-1-2-3", "HIP_VISIBLE_DEVICES": "-1", "GGML_VK_VISIBLE_DEVICES": ""}, ""},
		"identifiers of AMD": {[]string{amd, amd + "0"}, nil,
			env{"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "0,1", "ROCR_VISIBLE_DEVICES": amd + "," + amd + "0", "GGML_VK_VISIBLE_DEVICES": ""}, ""},
		"cpu": {[]string{"cpu"}, nil,
			env{"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1", "ROCR_VISIBLE_DEVICES": "-1", "GGML_VK_VISIBLE_DEVICES": ""}, ""},
		"the file's own variable goes first": {[]string{"vulkan:0"}, env{"GGML_VK_VISIBLE_DEVICES": "3", "TZ": "UTC"},
			env{"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1", "GGML_VK_VISIBLE_DEVICES": "3", "TZ": "UTC"}, ""},
		"cpu and a GPU":          {[]string{"cpu", "0"}, nil, nil, `"cpu" stands alone`},
		"AMD in two ways":        {[]string{"rocm:0", amd}, nil, nil, "all by numbers"},
		"no device":              {[]string{"gpu0"}, nil, nil, `/devices/0: expected a GPU such as "0"`},
		"a device and a half":    {[]string{"0,1"}, nil, nil, "/devices/0"},
		"a kind that is no kind": {[]string{"metal:0"}, nil, nil, "/devices/0"},
	} {
		t.Run(name, func(t *testing.T) {
			content := map[string]any{"engine": "llamacpp", "devices": test.devices, "env": test.env}
			if test.devices == nil {
				delete(content, "devices")
			}
			if test.env == nil {
				delete(content, "env")
			}
			d := deploymentFile(t, content)
			if (d.Err == nil) != (test.err == "") || d.Err != nil && !strings.Contains(d.Err.Error(), test.err) {
				t.Fatalf("error %v, want %q", d.Err, test.err)
			}
			if d.Err == nil && !reflect.DeepEqual(d.Env, test.want) {
				t.Errorf("environment %v, want %v", d.Env, test.want)
			}
		})
	}
}

func TestMissingDevices(t *testing.T) {
	two := []system.GPU{{Name: "NVIDIA H200", Vendor: "nvidia"}, {Name: "Radeon RX 7900", Vendor: "amd"}}
	const both = `: cuda:0 is NVIDIA H200, rocm:0 is Radeon RX 7900`
	for name, test := range map[string]struct {
		devices []string
		gpus    []system.GPU
		want    []string
	}{
		"all there":       {[]string{"0", "cuda:0", "rocm:0", "GPU-1-2", "cpu"}, two, nil},
		"some not":        {[]string{"cuda:1", "rocm:0", "2"}, two, []string{`there is no GPU "cuda:1"` + both, `there is no GPU "2"` + both}},
		"none there":      {[]string{"0"}, nil, []string{`there is no GPU "0": this machine has none that is known`}},
		"Vulkan's unseen": {[]string{"vulkan:0"}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (core.Deployment{Devices: test.devices}).MissingDevices(test.gpus); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
