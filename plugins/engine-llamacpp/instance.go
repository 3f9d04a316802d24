package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/plugins/engine-llamacpp/llamaserver"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
	"github.com/enginebay/enginebay/sdk/process"
)

// instance is a llama-server whose traits are known, and what it took.
type instance struct {
	*process.Server
	whole  *whole
	memory taken
}

// Endpoint implements sdk.Instance.
func (i *instance) Endpoint() sdk.Endpoint {
	e := i.Server.Endpoint()
	e.Detour, e.DetourStreams = i.whole, i.whole.traits.detours(e.Operations)
	e.Memory = i.memory.total()
	return e
}

// logged is how long the log may take to arrive after the server has answered.
const logged = 250 * time.Millisecond

// wait returns the memory that the server took, when it has told all.
func (b *buffers) wait() taken {
	select {
	case <-b.done:
	case <-time.After(logged):
	}
	return b.taken()
}

// tell logs what the load took, and warns where it is not what the settings ask for.
func (i *instance) tell(log hclog.Logger, s settings, expected gguf.Memory) {
	if len(i.memory) == 0 {
		return
	}
	log.Info("memory taken", "estimated", amount(expected.Total()), "took", amount(i.memory.total()), "on", i.memory.String())
	if asked := s.wants(); asked != "" && !i.memory.onGPU() {
		log.Warn("no GPU is used, though one is asked for; enginebay doctor says which this llama-server sees", "by", asked)
	}
}

// estimate is what a load will take.
func estimate(h *gguf.Header, s settings) gguf.Memory {
	load := gguf.Load{ContextLength: contextLength(h, s), Parallel: s.NParallel, Batch: s.NUBatch, KeyType: s.CacheTypeK, ValueType: s.CacheTypeV,
		PlainAttention: s.FlashAttn == "off", GPULayers: s.gpuLayers()}
	if !h.Rerank && (h.Embedding || s.Embedding) { // a text is one batch
		load.Batch = load.ContextLength
	}
	return h.Memory(load)
}

// withDevices adds to the error of a device that is not there those that are.
func (e *engine) withDevices(ctx context.Context, p llamaserver.Program, err error) error {
	var refused *sdk.Error
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, "invalid device") {
		return err
	}
	hardware, asked := p.Hardware(ctx)
	if asked != nil {
		return err
	}
	there := "this llama-server sees no GPU"
	for i, d := range hardware.Devices {
		if i == 0 {
			there = "there are "
		} else {
			there += ", "
		}
		there += fmt.Sprintf("%s (%s)", d.Name, d.Description)
	}
	return &sdk.Error{Code: refused.Code, Message: refused.Message + "; " + there, Cause: refused.Cause}
}
