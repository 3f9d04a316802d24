package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/enginebay/enginebay/sdk"
	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// From the messages on the wire to the words of package sdk, and what the host says.

func descriptionFromWire(w *pluginpb.DescribeResponse) sdk.Description {
	return sdk.Description{Name: w.GetName(), Version: w.GetVersion(), Kinds: fromStrings[sdk.Kind](w.GetKinds()),
		Settings: w.GetSettingsSchema(), Capabilities: w.GetCapabilities()}
}

func configurationToWire(c sdk.Configuration) *pluginpb.ConfigureRequest {
	return &pluginpb.ConfigureRequest{Deployment: c.Deployment, Settings: c.Settings, Secrets: c.Secrets,
		RunDir: c.RunDir, DataDir: c.DataDir, LogLevel: c.LogLevel}
}

func modelToWire(m sdk.Model) (*pluginpb.Model, error) {
	manifest, err := json.Marshal(m.Manifest)
	if err != nil {
		return nil, err
	}
	return &pluginpb.Model{Id: m.ID, Dir: m.Dir, Files: m.Files, Mmproj: m.MMProj, Manifest: manifest}, nil
}

func inspectionFromWire(w *pluginpb.InspectResponse) sdk.Inspection {
	return sdk.Inspection{Operations: fromStrings[sdk.Operation](w.GetOperations()), Vision: w.GetVision(),
		ContextLength: int(w.GetContextLength()), Memory: w.GetMemory(), Remote: w.GetRemote(), Reasons: w.GetReasons()}
}

func modelsFromWire(w *pluginpb.ModelsResponse) ([]sdk.Manifest, error) {
	manifests := make([]sdk.Manifest, len(w.GetManifests()))
	for i, data := range w.GetManifests() {
		if err := manifestFromWire(data, &manifests[i]); err != nil {
			return nil, err
		}
	}
	return manifests, nil
}

func endpointFromWire(w *pluginpb.Endpoint) sdk.Endpoint {
	return sdk.Endpoint{Socket: w.GetSocket(), URL: w.GetUrl(), Headers: w.GetHeaders(), DetourSocket: w.GetDetourSocket(), DetourStreams: w.GetDetourStreams(),
		Operations: fromStrings[sdk.Operation](w.GetOperations()), Parallel: int(w.GetParallel()), Memory: w.GetMemory()}
}

func plansFromWire(w *pluginpb.ResolveResponse) ([]sdk.Plan, error) {
	var plans []sdk.Plan
	for _, wp := range w.GetPlans() {
		var p sdk.Plan
		if err := manifestFromWire(wp.GetManifest(), &p.Manifest); err != nil {
			return nil, err
		}
		for _, f := range wp.GetFiles() {
			p.Files = append(p.Files, sdk.File{Path: f.GetPath(), URL: f.GetUrl(), Size: f.GetSize(), SHA256: f.GetSha256()})
		}
		plans = append(plans, p)
	}
	return plans, nil
}

func hitsFromWire(w *pluginpb.SearchResponse) []sdk.Hit {
	var hits []sdk.Hit
	for _, h := range w.GetHits() {
		hits = append(hits, sdk.Hit{Ref: sdk.Ref(h.GetRef()), Name: h.GetName(), Description: h.GetDescription()})
	}
	return hits
}

func errorFromWire(w *pluginpb.Error) error {
	if w == nil {
		return nil
	}
	err := &sdk.Error{Code: sdk.CodeInternal, Message: w.GetMessage()}
	if code := sdk.Code(w.GetCode()); slices.Contains(known, code) {
		err.Code = code
	}
	if w.GetCause() != "" {
		err.Cause = errors.New(w.GetCause())
	}
	return err
}

// known are the codes; one of a later version is internal.
var known = []sdk.Code{sdk.CodeInvalid, sdk.CodeNotFound, sdk.CodeUnauthorized, sdk.CodeUnavailable, sdk.CodeExhausted, sdk.CodeUnsupported, sdk.CodeCanceled}

// codeOf reads a status that carries no Error of ours.
var codeOf = map[codes.Code]sdk.Code{
	codes.InvalidArgument:    sdk.CodeInvalid,
	codes.FailedPrecondition: sdk.CodeInvalid,
	codes.OutOfRange:         sdk.CodeInvalid,
	codes.NotFound:           sdk.CodeNotFound,
	codes.PermissionDenied:   sdk.CodeUnauthorized,
	codes.Unauthenticated:    sdk.CodeUnauthorized,
	codes.Unavailable:        sdk.CodeUnavailable,
	codes.DeadlineExceeded:   sdk.CodeUnavailable,
	codes.ResourceExhausted:  sdk.CodeExhausted,
	codes.Unimplemented:      sdk.CodeUnsupported,
	codes.Canceled:           sdk.CodeCanceled,
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
		code = sdk.CodeInternal
	}
	switch {
	case ctx.Err() != nil, st.Code() == codes.DeadlineExceeded, st.Message() == "":
		return &sdk.Error{Code: code, Message: "the plugin did not answer", Cause: err}
	case st.Code() == codes.Unavailable, st.Code() == codes.Canceled: // without details they are the connection's own
		return &sdk.Error{Code: sdk.CodeUnavailable, Message: "the plugin ended", Cause: fmt.Errorf("%w: %w", ErrDisconnected, err)}
	}
	return &sdk.Error{Code: code, Message: st.Message()}
}

func manifestFromWire(data []byte, m *sdk.Manifest) error {
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, m); err != nil {
		return sdk.Errorf(sdk.CodeInvalid, "%v", err)
	}
	return nil
}

func fromStrings[S ~string](in []string) []S {
	out := make([]S, len(in))
	for i, s := range in {
		out[i] = S(s)
	}
	return out
}
