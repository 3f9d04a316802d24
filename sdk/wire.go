package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// Between the words of this package and the messages on the wire.

func descriptionToWire(d Description) *pluginpb.DescribeResponse {
	return &pluginpb.DescribeResponse{Name: d.Name, Version: d.Version, Kinds: toStrings(d.Kinds),
		SettingsSchema: d.Settings, Capabilities: d.Capabilities}
}

func descriptionFromWire(w *pluginpb.DescribeResponse) Description {
	return Description{Name: w.GetName(), Version: w.GetVersion(), Kinds: fromStrings[Kind](w.GetKinds()),
		Settings: w.GetSettingsSchema(), Capabilities: w.GetCapabilities()}
}

func configurationToWire(c Configuration) *pluginpb.ConfigureRequest {
	return &pluginpb.ConfigureRequest{Deployment: c.Deployment, Settings: c.Settings, Secrets: c.Secrets,
		RunDir: c.RunDir, DataDir: c.DataDir, LogLevel: c.LogLevel}
}

func configurationFromWire(w *pluginpb.ConfigureRequest) Configuration {
	return Configuration{Deployment: w.GetDeployment(), Settings: w.GetSettings(), Secrets: w.GetSecrets(),
		RunDir: w.GetRunDir(), DataDir: w.GetDataDir(), LogLevel: w.GetLogLevel()}
}

func modelToWire(m Model) (*pluginpb.Model, error) {
	manifest, err := json.Marshal(m.Manifest)
	if err != nil {
		return nil, err
	}
	return &pluginpb.Model{Id: m.ID, Dir: m.Dir, Files: m.Files, Mmproj: m.MMProj, Manifest: manifest}, nil
}

func modelFromWire(w *pluginpb.Model) (Model, error) {
	m := Model{ID: w.GetId(), Dir: w.GetDir(), Files: w.GetFiles(), MMProj: w.GetMmproj()}
	return m, manifestFromWire(w.GetManifest(), &m.Manifest)
}

func manifestFromWire(data []byte, m *Manifest) error {
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, m); err != nil {
		return Errorf(CodeInvalid, "%v", err)
	}
	return nil
}

func inspectionToWire(i Inspection) *pluginpb.InspectResponse {
	return &pluginpb.InspectResponse{Operations: toStrings(i.Operations), Vision: i.Vision,
		ContextLength: int64(i.ContextLength), Memory: i.Memory, Remote: i.Remote, Reasons: i.Reasons}
}

func inspectionFromWire(w *pluginpb.InspectResponse) Inspection {
	return Inspection{Operations: fromStrings[Operation](w.GetOperations()), Vision: w.GetVision(),
		ContextLength: int(w.GetContextLength()), Memory: w.GetMemory(), Remote: w.GetRemote(), Reasons: w.GetReasons()}
}

func modelsToWire(manifests []Manifest) (*pluginpb.ModelsResponse, error) {
	out := &pluginpb.ModelsResponse{}
	for _, m := range manifests {
		manifest, err := json.Marshal(m)
		if err != nil {
			return nil, err
		}
		out.Manifests = append(out.Manifests, manifest)
	}
	return out, nil
}

func modelsFromWire(w *pluginpb.ModelsResponse) ([]Manifest, error) {
	manifests := make([]Manifest, len(w.GetManifests()))
	for i, data := range w.GetManifests() {
		if err := manifestFromWire(data, &manifests[i]); err != nil {
			return nil, err
		}
	}
	return manifests, nil
}

func endpointToWire(e Endpoint) *pluginpb.Endpoint {
	return &pluginpb.Endpoint{Socket: e.Socket, Url: e.URL, Headers: e.Headers, DetourSocket: e.DetourSocket, DetourStreams: e.DetourStreams,
		Operations: toStrings(e.Operations), Parallel: int32(e.Parallel), Memory: e.Memory}
}

func endpointFromWire(w *pluginpb.Endpoint) Endpoint {
	return Endpoint{Socket: w.GetSocket(), URL: w.GetUrl(), Headers: w.GetHeaders(), DetourSocket: w.GetDetourSocket(), DetourStreams: w.GetDetourStreams(),
		Operations: fromStrings[Operation](w.GetOperations()), Parallel: int(w.GetParallel()), Memory: w.GetMemory()}
}

func plansToWire(plans []Plan) (*pluginpb.ResolveResponse, error) {
	out := &pluginpb.ResolveResponse{}
	for _, p := range plans {
		manifest, err := json.Marshal(p.Manifest)
		if err != nil {
			return nil, err
		}
		w := &pluginpb.Plan{Manifest: manifest}
		for _, f := range p.Files {
			w.Files = append(w.Files, &pluginpb.File{Path: f.Path, Url: f.URL, Size: f.Size, Sha256: f.SHA256})
		}
		out.Plans = append(out.Plans, w)
	}
	return out, nil
}

func plansFromWire(w *pluginpb.ResolveResponse) ([]Plan, error) {
	var plans []Plan
	for _, wp := range w.GetPlans() {
		var p Plan
		if err := manifestFromWire(wp.GetManifest(), &p.Manifest); err != nil {
			return nil, err
		}
		for _, f := range wp.GetFiles() {
			p.Files = append(p.Files, File{Path: f.GetPath(), URL: f.GetUrl(), Size: f.GetSize(), SHA256: f.GetSha256()})
		}
		plans = append(plans, p)
	}
	return plans, nil
}

func hitsToWire(hits []Hit) *pluginpb.SearchResponse {
	out := &pluginpb.SearchResponse{}
	for _, h := range hits {
		out.Hits = append(out.Hits, &pluginpb.Hit{Ref: string(h.Ref), Name: h.Name, Description: h.Description})
	}
	return out
}

func hitsFromWire(w *pluginpb.SearchResponse) []Hit {
	var hits []Hit
	for _, h := range w.GetHits() {
		hits = append(hits, Hit{Ref: Ref(h.GetRef()), Name: h.GetName(), Description: h.GetDescription()})
	}
	return hits
}

func errorToWire(err error) *pluginpb.Error {
	if err == nil {
		return nil
	}
	var coded *Error
	if !errors.As(err, &coded) {
		coded = &Error{Code: CodeInternal, Message: err.Error()}
	}
	w := &pluginpb.Error{Code: string(coded.Code), Message: coded.Message}
	if coded.Cause != nil {
		w.Cause = coded.Cause.Error()
	}
	return w
}

func errorFromWire(w *pluginpb.Error) error {
	if w == nil {
		return nil
	}
	err := &Error{Code: CodeInternal, Message: w.GetMessage()}
	if _, known := statusOf[Code(w.GetCode())]; known {
		err.Code = Code(w.GetCode())
	}
	if w.GetCause() != "" {
		err.Cause = errors.New(w.GetCause())
	}
	return err
}

// statusOf gives each code its gRPC status, for plugins in other languages and
// for tools that only know gRPC.
var statusOf = map[Code]codes.Code{
	CodeInvalid:      codes.InvalidArgument,
	CodeNotFound:     codes.NotFound,
	CodeUnauthorized: codes.PermissionDenied,
	CodeUnavailable:  codes.Unavailable,
	CodeExhausted:    codes.ResourceExhausted,
	CodeUnsupported:  codes.Unimplemented,
	CodeCanceled:     codes.Canceled,
	CodeInternal:     codes.Internal,
}

// codeOf reads a status that carries no Error of ours.
var codeOf = map[codes.Code]Code{
	codes.InvalidArgument:    CodeInvalid,
	codes.FailedPrecondition: CodeInvalid,
	codes.OutOfRange:         CodeInvalid,
	codes.NotFound:           CodeNotFound,
	codes.PermissionDenied:   CodeUnauthorized,
	codes.Unauthenticated:    CodeUnauthorized,
	codes.Unavailable:        CodeUnavailable,
	codes.DeadlineExceeded:   CodeUnavailable,
	codes.ResourceExhausted:  CodeExhausted,
	codes.Unimplemented:      CodeUnsupported,
	codes.Canceled:           CodeCanceled,
}

// statusError is an author's error on its way to the wire.
func statusError(err error) error {
	if err == nil {
		return nil
	}
	if _, isStatus := status.FromError(err); isStatus {
		return err
	}
	var coded *Error
	if !errors.As(err, &coded) && errors.Is(err, context.Canceled) {
		err = &Error{Code: CodeCanceled, Message: "the call was called off", Cause: err}
	}
	w := errorToWire(err)
	code, known := statusOf[CodeOf(err)]
	if !known { // an author's own invention, or none at all
		code = codes.Internal
	}
	st, detailErr := status.New(code, w.GetMessage()).WithDetails(w)
	if detailErr != nil {
		return status.Error(codes.Internal, w.GetMessage())
	}
	return st.Err()
}

// ErrDisconnected is in the chain of an error of a [Conn] whose plugin is gone,
// or is about to be.
var ErrDisconnected = errors.New("the connection to the plugin broke")

// callError is an error that came over the wire, of a call made with ctx.
func callError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	st := status.Convert(err)
	for _, detail := range st.Details() {
		if w, ok := detail.(*pluginpb.Error); ok {
			return errorFromWire(w)
		}
	}
	code, known := codeOf[st.Code()]
	if !known {
		code = CodeInternal
	}
	switch {
	case ctx.Err() != nil, st.Code() == codes.DeadlineExceeded, st.Message() == "":
		return &Error{Code: code, Message: "the plugin did not answer", Cause: err}
	case st.Code() == codes.Unavailable, st.Code() == codes.Canceled: // without details they are the connection's own
		return &Error{Code: CodeUnavailable, Message: "the plugin ended", Cause: fmt.Errorf("%w: %w", ErrDisconnected, err)}
	}
	return &Error{Code: code, Message: st.Message()}
}

func toStrings[S ~string](in []S) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}

func fromStrings[S ~string](in []string) []S {
	out := make([]S, len(in))
	for i, s := range in {
		out[i] = S(s)
	}
	return out
}
