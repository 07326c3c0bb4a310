// Package provider serves the Pulumi package `kubernetes`, as the official plugin v4.34 does, to engines that attach to it.
//
// The engine opens one connection for every provider of the stack, so each connection is a session with a configuration of its own:
// providers of different clusters do not meet, and what one is told to cancel the others go on with.
//
// What a resource's state holds is smaller than the official plugin's. It is the live object without its field managers, but of
// a CustomResourceDefinition, and of any object over 16 KiB, it is the identity alone (apiVersion, kind, metadata): the inputs hold the
// rest already, and a file backend writes the whole state at every step.
package provider

import (
	"context"
	"fmt"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Version is that of the official plugin whose behaviour this one follows.
const Version = "4.34.2"

// Objects can be large: the engine and its plugins agree on this limit (pulumi/sdk rpcutil).
const maxMessage = 400 << 20

// Server answers engines.
type Server struct {
	pulumirpc.UnimplementedResourceProviderServer

	lifetime context.Context
}

// NewServer makes a gRPC server whose sessions all end with the context.
func NewServer(ctx context.Context) *grpc.Server {
	server := &Server{lifetime: ctx}
	grpcServer := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.StatsHandler(server))
	pulumirpc.RegisterResourceProviderServer(grpcServer, server)
	return grpcServer
}

type sessionKey struct{}

// TagConn gives a new connection its session.
func (s *Server) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, sessionKey{}, newSession(s.lifetime))
}

// HandleConn ends the session of a connection that is closed.
func (s *Server) HandleConn(ctx context.Context, event stats.ConnStats) {
	if _, closed := event.(*stats.ConnEnd); closed {
		sessionOf(ctx).end()
	}
}

// TagRPC is part of stats.Handler and has nothing to add.
func (s *Server) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC is part of stats.Handler and has nothing to note.
func (s *Server) HandleRPC(context.Context, stats.RPCStats) {}

func sessionOf(ctx context.Context) *session { return ctx.Value(sessionKey{}).(*session) }

// Handshake begins a session.
func (s *Server) Handshake(ctx context.Context, req *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	sessionOf(ctx).attach(req.GetEngineAddress())
	return &pulumirpc.ProviderHandshakeResponse{AcceptSecrets: true}, nil
}

// Attach says which engine to report to.
func (s *Server) Attach(ctx context.Context, req *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	sessionOf(ctx).attach(req.GetAddress())
	return &emptypb.Empty{}, nil
}

// Configure takes over the provider's settings.
func (s *Server) Configure(ctx context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	if err := sessionOf(ctx).configure(req.GetArgs()); err != nil {
		return nil, err
	}
	return &pulumirpc.ConfigureResponse{AcceptSecrets: true, SupportsPreview: true}, nil
}

// CheckConfig checks a provider's settings.
func (s *Server) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return checkConfig(req)
}

// DiffConfig says whether a change of settings means another cluster.
func (s *Server) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return diffConfig(req)
}

// Check fills in and checks a resource's inputs.
func (s *Server) Check(ctx context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return sessionOf(ctx).check(ctx, req)
}

// Diff compares a resource's inputs.
func (s *Server) Diff(ctx context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return sessionOf(ctx).diff(ctx, req)
}

// Create makes an object and waits until it is ready.
func (s *Server) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	return run(ctx, func(ctx context.Context, s *session) (*pulumirpc.CreateResponse, error) { return s.create(ctx, req) })
}

// Read reads an object as it is.
func (s *Server) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	return run(ctx, func(ctx context.Context, s *session) (*pulumirpc.ReadResponse, error) { return s.read(ctx, req) })
}

// Update changes an object in place and waits until it is ready.
func (s *Server) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	return run(ctx, func(ctx context.Context, s *session) (*pulumirpc.UpdateResponse, error) { return s.update(ctx, req) })
}

// Delete removes an object and waits until it is gone.
func (s *Server) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	return run(ctx, func(ctx context.Context, s *session) (*emptypb.Empty, error) {
		return &emptypb.Empty{}, s.delete(ctx, req)
	})
}

// run ends the work when the request ends or the session is cancelled.
func run[T any](ctx context.Context, work func(context.Context, *session) (T, error)) (T, error) {
	session := sessionOf(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(session.lifetime, func() { cancel(errCancelled) })()
	return work(ctx, session)
}

// Cancel ends all waits of the session.
func (s *Server) Cancel(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	sessionOf(ctx).cancel()
	return &emptypb.Empty{}, nil
}

// GetPluginInfo gives the version.
func (s *Server) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: Version}, nil
}

// GetSchema gives a schema without types, because any kind is served.
func (s *Server) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	return &pulumirpc.GetSchemaResponse{Schema: fmt.Sprintf(`{"name":"kubernetes","version":%q}`, Version)}, nil
}

// GetMapping has no mappings to give.
func (s *Server) GetMapping(context.Context, *pulumirpc.GetMappingRequest) (*pulumirpc.GetMappingResponse, error) {
	return &pulumirpc.GetMappingResponse{}, nil
}

// GetMappings has no mappings to give.
func (s *Server) GetMappings(context.Context, *pulumirpc.GetMappingsRequest) (*pulumirpc.GetMappingsResponse, error) {
	return &pulumirpc.GetMappingsResponse{}, nil
}

// Invoke refuses, since every function of the package renders templates.
func (s *Server) Invoke(_ context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	return nil, status.Errorf(codes.Unimplemented, "function %s is not served by this stand-in for the kubernetes plugin: "+
		"render to plain objects first, or install the official plugin", req.GetTok())
}

// typeOf gives the type in a URN, which is urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME.
func typeOf(urn string) string {
	parts := strings.SplitN(urn, "::", 4)
	if len(parts) < 4 {
		return ""
	}
	return parts[2][strings.LastIndex(parts[2], "$")+1:]
}

// nameOf gives the name in a URN.
func nameOf(urn string) string {
	parts := strings.SplitN(urn, "::", 4)
	return parts[len(parts)-1]
}
