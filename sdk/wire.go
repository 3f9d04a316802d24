package sdk

import (
	"context"
	"encoding/json"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// Between the words of this package and the messages on the wire.

func descriptionToWire(d Description) *pluginpb.DescribeResponse {
	return &pluginpb.DescribeResponse{Name: d.Name, Version: d.Version, Kinds: toStrings(d.Kinds),
		SettingsSchema: d.Settings, Capabilities: d.Capabilities}
}

func configurationFromWire(w *pluginpb.ConfigureRequest) Configuration {
	return Configuration{Deployment: w.GetDeployment(), Settings: w.GetSettings(), Secrets: w.GetSecrets(),
		RunDir: w.GetRunDir(), DataDir: w.GetDataDir(), LogLevel: w.GetLogLevel()}
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

func endpointToWire(e Endpoint) *pluginpb.Endpoint {
	return &pluginpb.Endpoint{Socket: e.Socket, Url: e.URL, Headers: e.Headers, DetourSocket: e.DetourSocket, DetourStreams: e.DetourStreams,
		Operations: toStrings(e.Operations), Parallel: int32(e.Parallel), Memory: e.Memory}
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

func hitsToWire(hits []Hit) *pluginpb.SearchResponse {
	out := &pluginpb.SearchResponse{}
	for _, h := range hits {
		out.Hits = append(out.Hits, &pluginpb.Hit{Ref: string(h.Ref), Name: h.Name, Description: h.Description})
	}
	return out
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

func toStrings[S ~string](in []S) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}
