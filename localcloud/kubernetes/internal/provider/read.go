package provider

import (
	"context"
	"fmt"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"kubeflow/localcloud/kubernetes/internal/await"
	"kubeflow/localcloud/kubernetes/internal/drift"
	"kubeflow/localcloud/kubernetes/internal/properties"
)

// read refreshes a resource or, where nothing is known of it yet, imports it. The answer without an id says that it is gone.
func (s *session) read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	client, err := s.reach(ctx)
	if err != nil {
		return s.unreachable(ctx, req, err)
	}
	known := len(req.GetInputs().GetFields()) > 0
	r, err := readResource(req.GetUrn(), req.GetInputs())
	if err != nil {
		return nil, err
	}
	namespace, name := splitID(req.GetId())
	target, err := client.Target(ctx, r.gvk, namespace, name)
	if meta.IsNoMatchError(err) {
		return &pulumirpc.ReadResponse{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s was not read: %w", r.gvk.Kind, req.GetId(), explain(ctx, err))
	}
	live, err := client.Get(ctx, target, false)
	if apierrors.IsNotFound(err) {
		return &pulumirpc.ReadResponse{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s was not read: %w", r.gvk.Kind, req.GetId(), explain(ctx, err))
	}
	inputs := drift.Imported(live)
	if known {
		inputs = drift.Inputs(r.object, live)
	}
	olds, _, err := properties.Decode(req.GetProperties())
	if err != nil {
		return nil, err
	}
	state, err := outputs(r, inputs, live, fieldManager(r, olds))
	if err != nil {
		return nil, err
	}
	bag, err := properties.Encode(inputs, properties.WithSecretKind(inputs, r.secrets))
	if err != nil {
		return nil, err
	}
	// As the official plugin: a workload that is there but not ready is kept, and the engine remembers why.
	if known {
		plan, err := await.For(r.gvk, r.object, 0, func(class string) (string, error) { return bindingMode(ctx, client, class) })
		if err != nil {
			return nil, err
		}
		if plan.Check != nil {
			if ready, progress, err := plan.Check(live); err != nil {
				return nil, unready(target.String(), r.title()+" is not ready", err, state, bag)
			} else if !ready {
				return nil, unready(target.String(), r.title()+" is not ready", fmt.Errorf("%s", progress), state, bag)
			}
		}
	}
	return &pulumirpc.ReadResponse{Id: target.String(), Properties: state, Inputs: bag}, nil
}

func (s *session) unreachable(ctx context.Context, req *pulumirpc.ReadRequest, err error) (*pulumirpc.ReadResponse, error) {
	settings, _ := s.config()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case settings.deleteUnreachable:
		s.warn(ctx, req.GetUrn(), fmt.Sprintf("%v; the resource is taken out of the state, as deleteUnreachable says", err))
		return &pulumirpc.ReadResponse{}, nil
	case settings.skipUpdateUnreachable:
		s.warn(ctx, req.GetUrn(), fmt.Sprintf("%v; the resource is left as it is, as skipUpdateUnreachable says", err))
		return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: req.GetProperties(), Inputs: req.GetInputs()}, nil
	}
	return nil, fmt.Errorf("%s was not read: %w: if the cluster is gone for good, set deleteUnreachable on the provider", req.GetId(), err)
}
