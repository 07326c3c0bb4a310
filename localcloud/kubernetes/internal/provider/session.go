package provider

import (
	"context"
	"errors"
	"fmt"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"kubeflow/localcloud/kubernetes/internal/cluster"
	"kubeflow/localcloud/kubernetes/internal/properties"
)

var errCancelled = errors.New("the operation was cancelled")

// session is one provider of one engine.
type session struct {
	lifetime context.Context
	cancel   context.CancelFunc

	mutex    sync.RWMutex
	engine   *grpc.ClientConn
	settings settings
	client   *cluster.Client
	problem  error // why there is no client
}

func newSession(parent context.Context) *session {
	ctx, cancel := context.WithCancel(parent)
	return &session{lifetime: ctx, cancel: cancel, settings: defaults(), problem: errors.New("the provider was not configured")}
}

func (s *session) end() {
	s.cancel()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.engine != nil {
		_ = s.engine.Close()
	}
}

func (s *session) attach(address string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.engine != nil || address == "" {
		return
	}
	// Reports are a courtesy: without an engine to take them the work goes on.
	if engine, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())); err == nil {
		s.engine = engine
	}
}

func (s *session) configure(bag *structpb.Struct) error {
	inputs, _, err := properties.Decode(bag)
	if err != nil {
		return err
	}
	settings, failures := readSettings(inputs)
	if len(failures) > 0 {
		return errors.New(failures[0].GetReason())
	}
	// A kubeconfig that cannot be used is no error before something is to be done with it: a preview goes on without a cluster.
	client, problem := cluster.Connect(settings.access)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.settings, s.client, s.problem = settings, client, problem
	return nil
}

// config gives the settings and, where the kubeconfig can be used, a client.
func (s *session) config() (settings, *cluster.Client) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return s.settings, s.client
}

// reach gives a client of a cluster that answers.
func (s *session) reach(ctx context.Context) (*cluster.Client, error) {
	s.mutex.RLock()
	client, problem := s.client, s.problem
	s.mutex.RUnlock()
	if client != nil {
		problem = client.Reachable(ctx)
	}
	if problem != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("the configured Kubernetes cluster is unreachable: %w", problem)
	}
	return client, nil
}

// say reports to the person at the engine. A passing remark is shown beside the resource until the next one.
func (s *session) say(ctx context.Context, urn string, severity pulumirpc.LogSeverity, passing bool, text string) {
	s.mutex.RLock()
	engine := s.engine
	s.mutex.RUnlock()
	if engine != nil {
		_, _ = pulumirpc.NewEngineClient(engine).Log(ctx, &pulumirpc.LogRequest{Severity: severity, Message: text, Urn: urn, Ephemeral: passing})
	}
}

func (s *session) remark(ctx context.Context, urn, text string) {
	s.say(ctx, urn, pulumirpc.LogSeverity_INFO, true, text)
}

func (s *session) warn(ctx context.Context, urn, text string) {
	s.say(ctx, urn, pulumirpc.LogSeverity_WARNING, false, text)
}
