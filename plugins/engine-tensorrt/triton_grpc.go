package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/enginebay/enginebay/plugins/engine-tensorrt/kserve"
	"github.com/enginebay/enginebay/sdk"
)

// overGRPC speaks to a Triton by gRPC.
type overGRPC struct {
	target  string
	conn    *grpc.ClientConn
	calls   kserve.GRPCInferenceServiceClient
	headers map[string]string
}

// maxRequest bounds a request, in bytes.
const maxRequest = 64 << 20

func newGRPC(address string, headers map[string]string) (*overGRPC, error) {
	target, secure := strings.CutPrefix(address, "https://")
	target = strings.TrimSuffix(strings.TrimPrefix(target, "http://"), "/")
	creds := insecure.NewCredentials()
	if secure {
		creds = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	conn, err := grpc.NewClient("dns:///"+target, grpc.WithTransportCredentials(creds), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer), grpc.MaxCallSendMsgSize(maxRequest)))
	if err != nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "grpc_url is no address such as gpu1:8001: %v", err)
	}
	return &overGRPC{target, conn, kserve.NewGRPCInferenceServiceClient(conn), headers}, nil
}

func (t *overGRPC) host() string { return t.target }
func (t *overGRPC) close()       { _ = t.conn.Close() }

// with adds the headers, and for a small question the time that it may take.
func (t *overGRPC) with(ctx context.Context) context.Context {
	for name, value := range t.headers {
		ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(name), value)
	}
	return ctx
}

func (t *overGRPC) briefly(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.with(ctx), askTime)
}

// ready implements wire.
func (t *overGRPC) ready(ctx context.Context) error {
	ctx, cancel := t.briefly(ctx)
	defer cancel()
	answer, err := t.calls.ServerReady(ctx, &kserve.ServerReadyRequest{})
	if err == nil && !answer.GetReady() {
		return sdk.Errorf(sdk.CodeUnavailable, "Triton at %s is not ready: a model of its repository may have failed to load; see its log", t.target)
	}
	return t.sentence(err)
}

// modelReady implements wire.
func (t *overGRPC) modelReady(ctx context.Context, name string) (bool, error) {
	ctx, cancel := t.briefly(ctx)
	defer cancel()
	answer, err := t.calls.ModelReady(ctx, &kserve.ModelReadyRequest{Name: name})
	if c := status.Code(err); c == codes.NotFound || c == codes.InvalidArgument {
		return false, nil // a name that it does not know
	}
	return answer.GetReady(), t.sentence(err)
}

// model implements wire.
func (t *overGRPC) model(ctx context.Context, name string) (tritonModel, error) {
	ctx, cancel := t.briefly(ctx)
	defer cancel()
	about, err := t.calls.ModelMetadata(ctx, &kserve.ModelMetadataRequest{Name: name})
	if err != nil {
		return tritonModel{}, t.sentence(err)
	}
	conf, err := t.calls.ModelConfig(ctx, &kserve.ModelConfigRequest{Name: name})
	if err != nil {
		return tritonModel{}, t.sentence(err)
	}
	c := conf.GetConfig()
	m := tritonModel{name: name, inputs: tensors(about.GetInputs()), outputs: tensors(about.GetOutputs()), parameters: map[string]string{},
		decoupled: c.GetModelTransactionPolicy().GetDecoupled(), backend: c.GetBackend()}
	for key, p := range c.GetParameters() {
		m.parameters[key] = p.GetStringValue()
	}
	return m, nil
}

func tensors(all []*kserve.ModelMetadataResponse_TensorMetadata) []tensor {
	var list []tensor
	for _, t := range all {
		list = append(list, tensor{t.GetName(), t.GetDatatype(), t.GetShape()})
	}
	return list
}

// index implements wire.
func (t *overGRPC) index(ctx context.Context) ([]indexed, error) {
	ctx, cancel := t.briefly(ctx)
	defer cancel()
	answer, err := t.calls.RepositoryIndex(ctx, &kserve.RepositoryIndexRequest{})
	var all []indexed
	for _, m := range answer.GetModels() {
		all = append(all, indexed{m.GetName(), m.GetState(), m.GetReason()})
	}
	return all, t.sentence(err)
}

// load implements wire.
func (t *overGRPC) load(ctx context.Context, name string) error {
	_, err := t.calls.RepositoryModelLoad(t.with(ctx), &kserve.RepositoryModelLoadRequest{ModelName: name})
	return t.sentence(err)
}

// unload implements wire.
func (t *overGRPC) unload(ctx context.Context, name string) error {
	dependents := &kserve.ModelRepositoryParameter{ParameterChoice: &kserve.ModelRepositoryParameter_BoolParam{BoolParam: true}}
	_, err := t.calls.RepositoryModelUnload(t.with(ctx), &kserve.RepositoryModelUnloadRequest{ModelName: name,
		Parameters: map[string]*kserve.ModelRepositoryParameter{"unload_dependents": dependents}})
	return t.sentence(err)
}

// generate implements wire.
func (t *overGRPC) generate(ctx context.Context, name string, in []input, each func(outputs) error) error {
	ctx, cancel := context.WithCancel(t.with(ctx))
	defer cancel() // which ends the request at the server
	stream, err := t.calls.ModelStreamInfer(ctx)
	if err != nil {
		return t.sentence(err)
	}
	request := &kserve.ModelInferRequest{ModelName: name}
	for _, i := range in {
		request.Inputs = append(request.Inputs, encode(i))
	}
	if err := stream.Send(request); err != nil && !errors.Is(err, io.EOF) { // EOF: Recv says why
		return t.sentence(err)
	}
	if err := stream.CloseSend(); err != nil {
		return t.sentence(err)
	}
	for {
		answer, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return t.sentence(err)
		case answer.GetErrorMessage() != "":
			return tritonRefusal(http.StatusInternalServerError, short(answer.GetErrorMessage()))
		}
		o, err := decode(answer.GetInferResponse())
		if err != nil {
			return fmt.Errorf("read an answer of Triton: %w", err)
		}
		if err := each(o); err != nil {
			return err
		}
	}
}

// sentence makes errors of gRPC those of the plugin.
func (t *overGRPC) sentence(err error) error {
	if err == nil {
		return nil
	}
	s := status.Convert(err)
	words := short(s.Message())
	switch s.Code() {
	case codes.Canceled:
		return context.Canceled
	case codes.Unauthenticated, codes.PermissionDenied:
		return sdk.Errorf(sdk.CodeUnauthorized, "Triton at %s wants another key; name it as secrets.api_key in the engine's file", t.target)
	case codes.NotFound:
		return sdk.Errorf(sdk.CodeNotFound, "Triton at %s says: %s", t.target, words)
	case codes.InvalidArgument, codes.AlreadyExists:
		return tritonRefusal(http.StatusBadRequest, words)
	case codes.Unimplemented:
		return sdk.Errorf(sdk.CodeUnsupported, "what answers at %s does not speak Triton's protocol; check grpc_url in the engine's file", t.target)
	case codes.Unavailable, codes.DeadlineExceeded:
		if strings.Contains(words, "connection") || s.Code() == codes.DeadlineExceeded {
			return &sdk.Error{Code: sdk.CodeUnavailable, Message: fmt.Sprintf("Triton at %s does not answer; check that it runs, and grpc_url in the engine's file", t.target), Cause: err}
		}
	}
	return sdk.Errorf(sdk.CodeUnavailable, "Triton at %s says: %s", t.target, words)
}

// encode writes a tensor, in the shape that the model has for it: what is open is one,
// and the innermost of these as long as the values are many. (So does generate of
// the HTTP front end.)
func encode(i input) *kserve.ModelInferRequest_InferInputTensor {
	shape := append([]int64{}, i.Shape...)
	left := int64(len(i.values))
	for at := len(shape) - 1; at >= 0; at-- {
		if shape[at] > 0 && left%shape[at] == 0 {
			left /= shape[at]
		}
	}
	for at := len(shape) - 1; at >= 0; at-- {
		if shape[at] < 0 {
			shape[at], left = left, 1
		}
	}
	c := &kserve.InferTensorContents{}
	for _, v := range i.values {
		put(c, i.Datatype, v)
	}
	return &kserve.ModelInferRequest_InferInputTensor{Name: i.Name, Datatype: i.Datatype, Shape: shape, Contents: c}
}

func put(c *kserve.InferTensorContents, datatype string, v any) {
	n := float64Of(v)
	switch datatype {
	case "BYTES":
		c.BytesContents = append(c.BytesContents, []byte(fmt.Sprint(v)))
	case "BOOL":
		b, _ := v.(bool)
		c.BoolContents = append(c.BoolContents, b)
	case "UINT64":
		u, ok := v.(uint64)
		if !ok {
			u = uint64(n)
		}
		c.Uint64Contents = append(c.Uint64Contents, u)
	case "INT64":
		c.Int64Contents = append(c.Int64Contents, int64(n))
	case "UINT32", "UINT16", "UINT8":
		c.UintContents = append(c.UintContents, uint32(n))
	case "FP64":
		c.Fp64Contents = append(c.Fp64Contents, n)
	case "FP32":
		c.Fp32Contents = append(c.Fp32Contents, float32(n))
	default:
		c.IntContents = append(c.IntContents, int32(n))
	}
}

func float64Of(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case uint64:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

// decode reads an answer. Triton writes raw contents; the protocol has typed ones too.
func decode(r *kserve.ModelInferResponse) (outputs, error) {
	o := outputs{}
	for i, t := range r.GetOutputs() {
		var values []any
		var err error
		if i < len(r.GetRawOutputContents()) {
			values, err = raw(t.GetDatatype(), r.GetRawOutputContents()[i])
		} else {
			values = typed(t.GetContents())
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.GetName(), err)
		}
		if o[t.GetName()] = any(values); len(values) == 1 {
			o[t.GetName()] = values[0]
		}
	}
	return o, nil
}

// widths are the sizes of the elements of raw tensors, and how to read them.
var widths = map[string]struct {
	size int
	read func(b []byte) any
}{
	"BOOL":   {1, func(b []byte) any { return b[0] != 0 }},
	"INT8":   {1, func(b []byte) any { return float64(int8(b[0])) }},
	"UINT8":  {1, func(b []byte) any { return float64(b[0]) }},
	"INT32":  {4, func(b []byte) any { return float64(int32(binary.LittleEndian.Uint32(b))) }},
	"UINT32": {4, func(b []byte) any { return float64(binary.LittleEndian.Uint32(b)) }},
	"INT64":  {8, func(b []byte) any { return float64(int64(binary.LittleEndian.Uint64(b))) }},
	"UINT64": {8, func(b []byte) any { return float64(binary.LittleEndian.Uint64(b)) }},
	"FP32":   {4, func(b []byte) any { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }},
	"FP64":   {8, func(b []byte) any { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }},
}

// maxValues bounds a tensor: each value takes several times its bytes here.
const maxValues = 1 << 20

func raw(datatype string, b []byte) ([]any, error) {
	var values []any
	if datatype == "BYTES" {
		for len(b) > 0 {
			if len(b) < 4 || uint64(len(b)-4) < uint64(binary.LittleEndian.Uint32(b)) {
				return nil, errors.New("a text is cut off")
			}
			n := binary.LittleEndian.Uint32(b)
			if values = append(values, string(b[4:4+n])); len(values) > maxValues {
				return nil, errors.New("it has too many texts")
			}
			b = b[4+n:]
		}
		return values, nil
	}
	width, ok := widths[datatype]
	if !ok {
		return nil, nil // of numbers that nothing here reads, such as logits of 16 bits
	}
	if len(b)/width.size > maxValues {
		return nil, errors.New("it has too many numbers")
	}
	for ; len(b) >= width.size; b = b[width.size:] {
		values = append(values, width.read(b))
	}
	return values, nil
}

func typed(c *kserve.InferTensorContents) []any {
	var values []any
	for _, v := range c.GetBytesContents() {
		values = append(values, string(v))
	}
	for _, v := range c.GetIntContents() {
		values = append(values, float64(v))
	}
	for _, v := range c.GetInt64Contents() {
		values = append(values, float64(v))
	}
	for _, v := range c.GetUintContents() {
		values = append(values, float64(v))
	}
	for _, v := range c.GetFp32Contents() {
		values = append(values, float64(v))
	}
	for _, v := range c.GetFp64Contents() {
		values = append(values, v)
	}
	for _, v := range c.GetBoolContents() {
		values = append(values, v)
	}
	return values
}
