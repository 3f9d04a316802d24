package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/enginebay/enginebay/plugins/engine-tensorrt/kserve"
)

// service is the gRPC front end.
type service struct {
	kserve.UnimplementedGRPCInferenceServiceServer
	*server
}

func (s *server) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := s.allowed(ctx); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (s *server) streaming(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if err := s.allowed(stream.Context()); err != nil {
		return err
	}
	return next(srv, stream)
}

func (s *server) allowed(ctx context.Context) error {
	name, value, _ := strings.Cut(s.header, "=")
	given, _ := metadata.FromIncomingContext(ctx)
	if s.header != "" && !slices.Contains(given.Get(name), value) {
		return status.Errorf(codes.PermissionDenied, "This protocol is restricted, expecting header '%s'", name)
	}
	return nil
}

// refused is a fault with gRPC's code.
func refused(f *fault) error {
	code := codes.InvalidArgument
	switch f.status {
	case 500:
		code = codes.Internal
	case 503:
		code = codes.Unavailable
	}
	if strings.HasPrefix(f.text, "Request for unknown model") {
		code = codes.NotFound
	}
	return status.Error(code, f.text)
}

func (s *service) ServerReady(context.Context, *kserve.ServerReadyRequest) (*kserve.ServerReadyResponse, error) {
	return &kserve.ServerReadyResponse{Ready: true}, nil
}

func (s *service) ServerMetadata(context.Context, *kserve.ServerMetadataRequest) (*kserve.ServerMetadataResponse, error) {
	return &kserve.ServerMetadataResponse{Name: "triton", Version: "2.71.0", Extensions: []string{"model_repository"}}, nil
}

func (s *service) ModelReady(_ context.Context, r *kserve.ModelReadyRequest) (*kserve.ModelReadyResponse, error) {
	_, f := s.loaded(r.GetName())
	return &kserve.ModelReadyResponse{Ready: f == nil}, nil
}

func (s *service) ModelMetadata(_ context.Context, r *kserve.ModelMetadataRequest) (*kserve.ModelMetadataResponse, error) {
	m, f := s.loaded(r.GetName())
	if f != nil {
		return nil, refused(f)
	}
	return &kserve.ModelMetadataResponse{Name: m.name, Versions: []string{"1"}, Platform: m.kind, Inputs: described(m.inputs), Outputs: described(m.outputs)}, nil
}

func described(all []tensor) []*kserve.ModelMetadataResponse_TensorMetadata {
	var list []*kserve.ModelMetadataResponse_TensorMetadata
	for _, t := range all {
		list = append(list, &kserve.ModelMetadataResponse_TensorMetadata{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape})
	}
	return list
}

func (s *service) ModelConfig(_ context.Context, r *kserve.ModelConfigRequest) (*kserve.ModelConfigResponse, error) {
	m, f := s.loaded(r.GetName())
	if f != nil {
		return nil, refused(f)
	}
	return &kserve.ModelConfigResponse{Config: &kserve.ModelConfig{Name: m.name, Backend: "python", ModelTransactionPolicy: &kserve.ModelTransactionPolicy{Decoupled: m.decoupled},
		Parameters: map[string]*kserve.ModelParameter{"accumulate_tokens": {StringValue: fmt.Sprint(m.accumulate)}}}}, nil
}

func (s *service) RepositoryIndex(context.Context, *kserve.RepositoryIndexRequest) (*kserve.RepositoryIndexResponse, error) {
	answer := &kserve.RepositoryIndexResponse{}
	for _, m := range s.index() {
		answer.Models = append(answer.Models, &kserve.RepositoryIndexResponse_ModelIndex{Name: m["name"], Version: m["version"], State: m["state"]})
	}
	return answer, nil
}

func (s *service) RepositoryModelLoad(_ context.Context, r *kserve.RepositoryModelLoadRequest) (*kserve.RepositoryModelLoadResponse, error) {
	if f := s.change(r.GetModelName(), true); f != nil {
		return nil, refused(f)
	}
	return &kserve.RepositoryModelLoadResponse{}, nil
}

func (s *service) RepositoryModelUnload(_ context.Context, r *kserve.RepositoryModelUnloadRequest) (*kserve.RepositoryModelUnloadResponse, error) {
	if f := s.change(r.GetModelName(), false); f != nil {
		return nil, refused(f)
	}
	return &kserve.RepositoryModelUnloadResponse{}, nil
}

// ModelStreamInfer answers each request of the stream, and says errors as answers.
func (s *service) ModelStreamInfer(stream grpc.BidiStreamingServer[kserve.ModelInferRequest, kserve.ModelStreamInferResponse]) error {
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		m, f := s.loaded(r.GetModelName())
		var in map[string][]any
		if f == nil {
			in, f = m.tensors(r)
		}
		if f == nil {
			err = s.generate(stream.Context(), m, in, func(out map[string][]any) error {
				return stream.Send(&kserve.ModelStreamInferResponse{InferResponse: m.response(out)})
			})
			if err != nil && !errors.As(err, &f) {
				return err
			}
		}
		if f != nil {
			if err := stream.Send(&kserve.ModelStreamInferResponse{ErrorMessage: f.text}); err != nil {
				return err
			}
		}
	}
}

// tensors reads a request, and is as strict with names, types and shapes as Triton.
func (m *model) tensors(r *kserve.ModelInferRequest) (map[string][]any, *fault) {
	in := map[string][]any{}
	for _, i := range r.GetInputs() {
		at := slices.IndexFunc(m.inputs, func(t tensor) bool { return t.Name == i.GetName() })
		if at < 0 {
			return nil, &fault{400, fmt.Sprintf("unexpected inference input '%s' for model '%s'", i.GetName(), m.name)}
		}
		t, values := m.inputs[at], contents(i.GetContents())
		if t.Datatype != i.GetDatatype() {
			return nil, &fault{400, fmt.Sprintf("inference input '%s' data-type is '%s', but model '%s' expects '%s'", t.Name, i.GetDatatype(), m.name, t.Datatype)}
		}
		if !t.shaped(i.GetShape(), len(values)) {
			return nil, &fault{400, fmt.Sprintf("unexpected shape for input '%s' for model '%s'. Expected %v, got %v", t.Name, m.name, t.Shape, i.GetShape())}
		}
		in[t.Name] = values
	}
	return in, nil
}

func (t tensor) shaped(shape []int64, n int) bool {
	elements := int64(1)
	for i, d := range shape {
		if i >= len(t.Shape) || t.Shape[i] >= 0 && t.Shape[i] != d {
			return false
		}
		elements *= d
	}
	return len(shape) == len(t.Shape) && elements == int64(n)
}

func contents(c *kserve.InferTensorContents) []any {
	var all []any
	for _, v := range c.GetBytesContents() {
		all = append(all, string(v))
	}
	for _, v := range c.GetBoolContents() {
		all = append(all, v)
	}
	for _, v := range c.GetIntContents() {
		all = append(all, float64(v))
	}
	for _, v := range c.GetUint64Contents() {
		all = append(all, float64(v))
	}
	for _, v := range c.GetFp32Contents() {
		all = append(all, float64(v))
	}
	return all
}

// response writes raw contents, as Triton does.
func (m *model) response(out map[string][]any) *kserve.ModelInferResponse {
	r := &kserve.ModelInferResponse{ModelName: m.name, ModelVersion: "1"}
	for _, t := range m.outputs {
		values, ok := out[t.Name]
		if !ok {
			continue
		}
		var raw []byte
		for _, v := range values {
			switch v := v.(type) {
			case string:
				raw = append(binary.LittleEndian.AppendUint32(raw, uint32(len(v))), v...)
			case float64:
				bits := uint32(int32(v))
				if t.Datatype == "FP32" {
					bits = math.Float32bits(float32(v))
				}
				raw = binary.LittleEndian.AppendUint32(raw, bits)
			}
		}
		shape := []int64{int64(len(values))}
		if m.batched {
			shape = append([]int64{1}, shape...)
		}
		r.Outputs = append(r.Outputs, &kserve.ModelInferResponse_InferOutputTensor{Name: t.Name, Datatype: t.Datatype, Shape: shape})
		r.RawOutputContents = append(r.RawOutputContents, raw)
	}
	return r
}
