package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// offload is what of a model the GPUs compute, and which of them.
type offload struct {
	NGL            layers    `json:"ngl"`
	Devices        []string  `json:"devices"`
	SplitMode      string    `json:"split_mode"`
	MainGPU        *int      `json:"main_gpu"`
	TensorSplit    []float64 `json:"tensor_split"`
	NCPUMoE        int       `json:"n_cpu_moe"`
	OverrideTensor []string  `json:"override_tensor"`
}

// layers is a number of layers as llama-server reads it; empty is as many as fit.
type layers string

// allLayers is more than a model has. Newer builds know the word "all", older ones do not.
const allLayers = 100000

// UnmarshalJSON implements json.Unmarshaler. It reads a number, also in quotes as
// in older model files, and the words "auto" and "all".
func (l *layers) UnmarshalJSON(data []byte) error {
	text := strings.ToLower(strings.Trim(string(data), `"`))
	if text == "null" || text == "auto" {
		*l = ""
		return nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case text == "all", err == nil && n < 0:
		n = allLayers
	case err != nil:
		return fmt.Errorf("ngl is %s; it can be a number of layers, auto or all", text)
	}
	*l = layers(strconv.Itoa(n))
	return nil
}

// arguments are those of llama-server. What stays at its default is left out: older
// builds do not know "-ngl auto", and fit nothing by themselves.
func (o offload) arguments() []string {
	var args []string
	add := func(name, value string) {
		if value != "" {
			args = append(args, name, value)
		}
	}
	add("-ngl", string(o.NGL))
	add("--device", strings.Join(o.Devices, ","))
	add("--split-mode", o.SplitMode)
	if o.MainGPU != nil {
		add("--main-gpu", strconv.Itoa(*o.MainGPU))
	}
	shares := make([]string, len(o.TensorSplit))
	for i, share := range o.TensorSplit {
		shares[i] = strconv.FormatFloat(share, 'f', -1, 64)
	}
	add("--tensor-split", strings.Join(shares, ","))
	if o.NCPUMoE > 0 {
		add("--n-cpu-moe", strconv.Itoa(o.NCPUMoE))
	}
	add("--override-tensor", strings.Join(o.OverrideTensor, ","))
	return args
}

// wants says what asks for a GPU: a setting, or a variable of the deployment's
// devices; nothing where the CPU is asked for.
func (o offload) wants() string {
	switch {
	case o.NGL == "0", len(o.Devices) == 1 && o.Devices[0] == "none":
		return ""
	case len(o.Devices) > 0:
		return "devices"
	case o.NGL != "":
		return "ngl"
	}
	for _, variable := range visibles {
		if value := os.Getenv(variable); value != "" && value != "-1" {
			return variable
		}
	}
	return ""
}

// gpuLayers is how many layers are to lie on GPUs, where the settings say that.
func (o offload) gpuLayers() int {
	n, err := strconv.Atoi(string(o.NGL))
	if err != nil || len(o.Devices) == 1 && o.Devices[0] == "none" {
		return 0
	}
	return n
}

// visibles are the variables that say which GPUs a process sees: the core sets them
// by the devices of a deployment.
var visibles = []string{"CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"}

// gpusHidden says whether the deployment is for the CPU alone. llama-server has to be
// told as well: no variable hides what Metal computes on.
func gpusHidden() bool {
	for _, variable := range visibles {
		if value, set := os.LookupEnv(variable); !set || value != "" && value != "-1" {
			return false
		}
	}
	return true
}
