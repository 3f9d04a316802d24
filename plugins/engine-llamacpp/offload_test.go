package main

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// TestWants is what asks for a GPU, and what asks for none.
func TestWants(t *testing.T) {
	type env map[string]string
	for name, test := range map[string]struct {
		settings string
		env      env
		wants    string
		devices  []string
	}{
		"nothing said":     {`{}`, nil, "", nil},
		"auto":             {`{"ngl": "auto"}`, nil, "", nil},
		"layers":           {`{"ngl": 5}`, nil, "ngl", nil},
		"all":              {`{"ngl": "all"}`, nil, "ngl", nil},
		"no layers":        {`{"ngl": 0, "devices": ["CUDA0"]}`, nil, "", []string{"CUDA0"}},
		"a device":         {`{"devices": ["CUDA0"]}`, nil, "devices", []string{"CUDA0"}},
		"no device":        {`{"devices": ["none"], "ngl": 5}`, nil, "", []string{"none"}},
		"a GPU of many":    {`{}`, env{"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1", "GGML_VK_VISIBLE_DEVICES": "0"}, "GGML_VK_VISIBLE_DEVICES", nil},
		"deployment, CPU":  {`{}`, env{"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1", "GGML_VK_VISIBLE_DEVICES": ""}, "", []string{"none"}},
		"and layers of it": {`{"ngl": 99}`, env{"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1", "GGML_VK_VISIBLE_DEVICES": ""}, "", []string{"none"}},
		"some hidden":      {`{}`, env{"CUDA_VISIBLE_DEVICES": "-1"}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range visibles {
				t.Setenv(variable, "") // it comes back after the test
				os.Unsetenv(variable)
			}
			for variable, value := range test.env {
				t.Setenv(variable, value)
			}
			s, err := read(sdk.LoadRequest{Settings: json.RawMessage(test.settings)}, &gguf.Header{})
			if err != nil || s.wants() != test.wants || !slices.Equal(s.Devices, test.devices) {
				t.Errorf("wants %q, devices %q, %v; want %q, %q", s.wants(), s.Devices, err, test.wants, test.devices)
			}
		})
	}
}
