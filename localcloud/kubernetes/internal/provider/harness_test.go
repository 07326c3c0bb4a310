package provider

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/sig"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"kubeflow/localcloud/kubernetes/internal/fakeapi"
)

type object = fakeapi.Object

// engine is the other side of the protocol: one provider of a stack.
type engine struct {
	pulumirpc.UnimplementedEngineServer
	t      *testing.T
	client pulumirpc.ResourceProviderClient

	mutex sync.Mutex
	logs  []string
}

func (e *engine) Log(_ context.Context, req *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.logs = append(e.logs, req.GetMessage())
	return &emptypb.Empty{}, nil
}

func (e *engine) said(text string) bool {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return strings.Contains(strings.Join(e.logs, "\n"), text)
}

// serve starts a provider server and gives its address.
func serve(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(t.Context())
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// attach connects an engine and configures its provider.
func attach(t *testing.T, address string, settings object) *engine {
	t.Helper()
	result := &engine{t: t}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pulumirpc.RegisterEngineServer(server, result)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	result.client = pulumirpc.NewResourceProviderClient(connection)
	if _, err := result.client.Handshake(t.Context(), &pulumirpc.ProviderHandshakeRequest{EngineAddress: listener.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	if _, err := result.client.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: bag(t, settings)}); err != nil {
		t.Fatal(err)
	}
	return result
}

func bag(t *testing.T, properties object) *structpb.Struct {
	t.Helper()
	result, err := structpb.NewStruct(properties)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func secret(value any) object { return object{sig.Key: sig.Secret, "value": value} }

func urn(kind, name string) string {
	return "urn:pulumi:stack::project::kubeflow:infra:Kubeflow$" + kind + "::" + name
}

// check gives the checked inputs and what is wrong with them.
func (e *engine) check(urn string, olds, news object) (object, string) {
	e.t.Helper()
	request := &pulumirpc.CheckRequest{Urn: urn, News: bag(e.t, news), RandomSeed: []byte("seed")}
	if olds != nil {
		request.Olds = bag(e.t, olds)
	}
	response, err := e.client.Check(e.t.Context(), request)
	if err != nil {
		e.t.Fatal(err)
	}
	if len(response.GetFailures()) > 0 {
		return nil, response.GetFailures()[0].GetReason()
	}
	return response.GetInputs().AsMap(), ""
}

func (e *engine) create(urn string, inputs object) (string, object, error) {
	e.t.Helper()
	response, err := e.client.Create(e.t.Context(), &pulumirpc.CreateRequest{Urn: urn, Properties: bag(e.t, inputs)})
	return response.GetId(), response.GetProperties().AsMap(), err
}

// initFailed gives the detail of an error that keeps the object in the state.
func initFailed(t *testing.T, err error) *pulumirpc.ErrorResourceInitFailed {
	t.Helper()
	answer, _ := status.FromError(err)
	for _, detail := range answer.Details() {
		if failed, ok := detail.(*pulumirpc.ErrorResourceInitFailed); ok {
			return failed
		}
	}
	t.Fatalf("the error keeps no object in the state: %v", err)
	return nil
}
