package sdktest_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/enginebay/enginebay/sdk"
	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// plain is an engine over nothing but gRPC, as one in another language may be: the
// faults are those that the SDK keeps an author from.
type plain struct {
	goplugin.NetRPCUnsupportedPlugin
	pluginpb.UnimplementedPluginServer
	pluginpb.UnimplementedEngineServer
	run   string
	ended chan struct{}
}

// servePlain runs it until it is killed: it does not even look for the end of the core.
func servePlain() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{ProtocolVersion: pluginpb.Version, MagicCookieKey: pluginpb.CookieKey, MagicCookieValue: pluginpb.CookieValue},
		Plugins:         goplugin.PluginSet{pluginpb.Service: &plain{ended: make(chan struct{})}},
		GRPCServer:      goplugin.DefaultGRPCServer,
	})
	os.Exit(0)
}

func (p *plain) GRPCServer(_ *goplugin.GRPCBroker, gs *grpc.Server) error {
	pluginpb.RegisterPluginServer(gs, p)
	pluginpb.RegisterEngineServer(gs, p)
	return nil
}

func (p *plain) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func (p *plain) Describe(context.Context, *pluginpb.DescribeRequest) (*pluginpb.DescribeResponse, error) {
	return &pluginpb.DescribeResponse{Name: "fake", Version: "1.0.0", Kinds: []string{"engine"}}, nil
}

func (p *plain) Configure(_ context.Context, req *pluginpb.ConfigureRequest) (*pluginpb.ConfigureResponse, error) {
	p.run = req.GetRunDir()
	return &pluginpb.ConfigureResponse{}, nil
}

// Load answers as the fake does, on a socket that stays where it is.
func (p *plain) Load(req *pluginpb.LoadRequest, stream grpc.ServerStreamingServer[pluginpb.LoadResponse]) error {
	socket := filepath.Join(p.run, req.GetInstanceId()+".sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(listener, &instance{fake: &fake{}, model: req.GetModel().GetId()}) }()
	return stream.Send(&pluginpb.LoadResponse{Event: &pluginpb.LoadResponse_Instance{Instance: &pluginpb.Instance{
		Endpoint: &pluginpb.Endpoint{Socket: socket, Operations: []string{string(sdk.OpChat)}}}}})
}

// Watch knows every instance, also one that there never was.
func (p *plain) Watch(*pluginpb.WatchRequest, grpc.ServerStreamingServer[pluginpb.WatchResponse]) error {
	<-p.ended
	return nil
}

func (p *plain) Unload(context.Context, *pluginpb.UnloadRequest) (*pluginpb.UnloadResponse, error) {
	return &pluginpb.UnloadResponse{}, nil
}
