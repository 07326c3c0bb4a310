package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"

	"kubeflow/localcloud/kubernetes/internal/await"
	"kubeflow/localcloud/kubernetes/internal/cluster"
	"kubeflow/localcloud/kubernetes/internal/kinds"
	"kubeflow/localcloud/kubernetes/internal/properties"
)

// How often and after which pauses a create is tried again while its namespace or its kind is not there yet, as the official plugin
// does. Everything else that the API server or a webhook says is final.
var patience = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}

func (s *session) create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	if req.GetPreview() {
		return &pulumirpc.CreateResponse{Properties: req.GetProperties()}, nil
	}
	client, err := s.reach(ctx)
	if err != nil {
		return nil, err
	}
	r, err := readResource(req.GetUrn(), req.GetProperties())
	if err != nil {
		return nil, err
	}
	manager := fieldManager(r, nil)
	var target cluster.Target
	var live map[string]any
	err = s.retry(ctx, r, func() error {
		if target, err = client.Target(ctx, r.gvk, r.namespace(), r.name()); err != nil {
			return err
		}
		live, err = s.put(ctx, client, target, r, manager)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s was not created: %w", r.title(), explain(ctx, err))
	}
	target.Name = properties.Text(live, "metadata", "name")
	if kinds.IsCRD(r.gvk.GroupKind()) {
		client.Learn(r.object)
	}
	live, waitErr := s.settle(ctx, client, target, r, live, req.GetTimeout())
	state, err := outputs(r, r.object, live, manager)
	if err != nil {
		return nil, err
	}
	if waitErr != nil {
		return nil, unready(target.String(), fmt.Sprintf("%s was created but is not ready", r.title()), waitErr, state, nil)
	}
	return &pulumirpc.CreateResponse{Id: target.String(), Properties: state}, nil
}

func (s *session) retry(ctx context.Context, r resource, try func() error) error {
	for attempt := 0; ; attempt++ {
		err := try()
		if err == nil || attempt == len(patience) || !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
			return err
		}
		s.remark(ctx, r.urn, fmt.Sprintf("trying again in %v: %v", patience[attempt], err))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(patience[attempt]):
		}
	}
}

// put makes the object, or lays the patch over the object that must be there.
func (s *session) put(ctx context.Context, client *cluster.Client, target cluster.Target, r resource, manager string) (map[string]any, error) {
	settings, _ := s.config()
	options := cluster.Options{Manager: manager, Force: forced(r, settings)}
	object := body(r, target)
	if r.patch {
		if _, err := client.Get(ctx, target, true); err != nil {
			return nil, err
		}
		return client.Apply(ctx, target, object, options)
	}
	// Whatever a new CRD is waited for is still to come, so its large answer can be spared.
	light := options
	light.Light = kinds.IsCRD(r.gvk.GroupKind())
	live, err := client.Create(ctx, target, object, light)
	if apierrors.IsAlreadyExists(err) && settings.upsert {
		return client.Apply(ctx, target, object, options)
	}
	if apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("%w: import it, remove it, or set upsertExistingObjects on the provider to take it over", err)
	}
	return live, err
}

func forced(r resource, settings settings) bool {
	if text := properties.Annotation(r.object, patchForce); text != "" {
		return text == "true"
	}
	return settings.patchForce
}

// body is the object as it is sent: without a namespace where its kind has none, and with the one that it goes to.
func body(r resource, target cluster.Target) map[string]any {
	object := maps.Clone(r.object)
	metadata := maps.Clone(properties.Map(object, "metadata"))
	if metadata == nil {
		metadata = map[string]any{}
	}
	delete(metadata, "namespace")
	if target.Namespaced {
		metadata["namespace"] = target.Namespace
	}
	object["metadata"] = metadata
	return object
}

func (s *session) update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	if req.GetPreview() {
		return &pulumirpc.UpdateResponse{Properties: req.GetNews()}, nil
	}
	client, err := s.reach(ctx)
	if err != nil {
		return nil, err
	}
	r, err := readResource(req.GetUrn(), req.GetNews())
	if err != nil {
		return nil, err
	}
	olds, _, err := properties.Decode(req.GetOlds())
	if err != nil {
		return nil, err
	}
	namespace, name := splitID(req.GetId())
	target, err := client.Target(ctx, r.gvk, namespace, name)
	if err != nil {
		return nil, fmt.Errorf("%s was not updated: %w", r.title(), explain(ctx, err))
	}
	manager := fieldManager(r, olds)
	live, err := s.change(ctx, client, target, r, manager)
	if err != nil {
		return nil, fmt.Errorf("%s was not updated: %w", r.title(), explain(ctx, err))
	}
	if before, _ := olds[managerKey].(string); before != "" && before != manager {
		if err := relinquish(ctx, client, target, before); err != nil {
			return nil, fmt.Errorf("%s was updated, but the fields of its former owner %s were not given up: %w", r.title(), before, err)
		}
	}
	live, waitErr := s.settle(ctx, client, target, r, live, req.GetTimeout())
	state, err := outputs(r, r.object, live, manager)
	if err != nil {
		return nil, err
	}
	if waitErr != nil {
		return nil, unready(target.String(), fmt.Sprintf("%s was updated but is not ready", r.title()), waitErr, state, nil)
	}
	return &pulumirpc.UpdateResponse{Properties: state}, nil
}

// change updates the object in place. A CRD is replaced as a whole, as the official plugin does; all else is applied on the server,
// which also removes what is no longer asked for.
func (s *session) change(ctx context.Context, client *cluster.Client, target cluster.Target, r resource, manager string) (map[string]any, error) {
	settings, _ := s.config()
	options := cluster.Options{Manager: manager, Force: forced(r, settings)}
	object := body(r, target)
	object["metadata"].(map[string]any)["name"] = target.Name
	if r.patch {
		return client.Apply(ctx, target, object, options)
	}
	if kinds.IsCRD(r.gvk.GroupKind()) {
		client.Learn(r.object)
		is, err := client.Get(ctx, target, true)
		if err != nil {
			return nil, err
		}
		object["metadata"].(map[string]any)["resourceVersion"] = properties.Text(is, "metadata", "resourceVersion")
		return client.Replace(ctx, target, object, options)
	}
	if err := adopt(ctx, client, target, manager); err != nil {
		return nil, err
	}
	return client.Apply(ctx, target, object, options)
}

// Names under which the fields that a create wrote may be owned, besides the resource's own.
var formerManagers = []string{"kubectl", "before-first-apply", "pulumi-kubernetes", "pulumi-resource-kubernetes"}

// adopt turns the fields that the create wrote into applied ones: the API server knows the two apart, and an apply takes away only
// what an apply has set.
func adopt(ctx context.Context, client *cluster.Client, target cluster.Target, manager string) error {
	for attempt := 0; ; attempt++ {
		live, err := client.Get(ctx, target, true)
		if err != nil {
			return err
		}
		patch, err := csaupgrade.UpgradeManagedFieldsPatch(&unstructured.Unstructured{Object: live},
			sets.New(append(formerManagers, manager)...), manager)
		if err != nil || len(patch) == 0 {
			return err
		}
		// The patch holds for the version read, and a controller may have been quicker.
		if _, err = client.Patch(ctx, target, patch); !apierrors.IsConflict(err) || attempt == len(patience) {
			return err
		}
	}
}

// relinquish gives up all fields that the manager has applied.
func relinquish(ctx context.Context, client *cluster.Client, target cluster.Target, manager string) error {
	empty := resource{gvk: target.GVK, object: map[string]any{"apiVersion": target.GVK.GroupVersion().String(), "kind": target.GVK.Kind,
		"metadata": map[string]any{"name": target.Name}}}
	_, err := client.Apply(ctx, target, body(empty, target), cluster.Options{Manager: manager, Light: true})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// settle waits until the object is ready, and gives its last state with or without an error.
func (s *session) settle(ctx context.Context, client *cluster.Client, target cluster.Target, r resource, live map[string]any, seconds float64) (map[string]any, error) {
	plan, err := await.For(r.gvk, r.object, seconds, func(class string) (string, error) {
		return bindingMode(ctx, client, class)
	})
	if err != nil {
		return live, err
	}
	return s.wait(ctx, client, target, r, live, plan)
}

// explain says in people's words what the API server said in its own.
func explain(ctx context.Context, err error) error {
	var status *apierrors.StatusError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case meta.IsNoMatchError(err):
		var missing *meta.NoKindMatchError
		errors.As(err, &missing)
		return fmt.Errorf("the cluster does not serve kind %s of %s/%s: create the CustomResourceDefinition first, or use a version that is served",
			missing.GroupKind.Kind, missing.GroupKind.Group, strings.Join(missing.SearchedVersions, ", "))
	case apierrors.IsConflict(err) && errors.As(err, &status) && status.ErrStatus.Details != nil && len(status.ErrStatus.Details.Causes) > 0:
		var fields []string
		for _, cause := range status.ErrStatus.Details.Causes {
			fields = append(fields, fmt.Sprintf("%s (%s)", cause.Field, cause.Message))
		}
		return fmt.Errorf("other field managers own %s: leave these fields out, or set the annotation %s: \"true\" to take them over",
			strings.Join(fields, ", "), patchForce)
	}
	return err
}
