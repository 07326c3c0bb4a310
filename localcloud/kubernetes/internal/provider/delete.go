package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeflow/localcloud/kubernetes/internal/await"
	"kubeflow/localcloud/kubernetes/internal/cluster"
	"kubeflow/localcloud/kubernetes/internal/properties"
)

// goneWithin is how long a delete waits where the program does not say: long enough for a namespace full of things.
const goneWithin = 10 * time.Minute

// Kinds whose pulumi.com/skipAwait is about their delete too; of all others the delete waits (pulumi-kubernetes issue 3154).
var deletedUnseen = map[schema.GroupKind]bool{
	{Kind: "Namespace"}:                  true,
	{Kind: "Pod"}:                        true,
	{Kind: "ReplicationController"}:      true,
	{Group: "apps", Kind: "DaemonSet"}:   true,
	{Group: "apps", Kind: "Deployment"}:  true,
	{Group: "apps", Kind: "StatefulSet"}: true,
	{Group: "batch", Kind: "Job"}:        true,
}

func (s *session) delete(ctx context.Context, req *pulumirpc.DeleteRequest) error {
	bag := req.GetOldInputs()
	if len(bag.GetFields()) == 0 {
		bag = req.GetProperties()
	}
	r, err := readResource(req.GetUrn(), bag)
	if err != nil {
		return err
	}
	client, err := s.reach(ctx)
	if err != nil {
		if settings, _ := s.config(); settings.deleteUnreachable && ctx.Err() == nil {
			s.warn(ctx, r.urn, fmt.Sprintf("%v; the resource is taken out of the state, as deleteUnreachable says", err))
			return nil
		}
		return fmt.Errorf("%s was not deleted: %w: if the cluster is gone for good, set deleteUnreachable on the provider", r.title(), err)
	}
	namespace, name := splitID(req.GetId())
	target, err := client.Target(ctx, r.gvk, namespace, name)
	if meta.IsNoMatchError(err) {
		return nil // its kind is gone, and all objects with it
	}
	if err != nil {
		return fmt.Errorf("%s was not deleted: %w", r.title(), explain(ctx, err))
	}
	if r.patch {
		return s.unpatch(ctx, client, target, r, req)
	}
	rest, err := client.Delete(ctx, target, propagation(r.object))
	if apierrors.IsNotFound(err) || err == nil && rest == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s was not deleted: %w", r.title(), explain(ctx, err))
	}
	if finalizers(rest) == "" && properties.Text(rest, "metadata", "deletionTimestamp") == "" {
		return nil // Services and ServiceAccounts answer with the object even when it went at once
	}
	if deletedUnseen[r.gvk.GroupKind()] && properties.Annotation(r.object, await.SkipAwait) == "true" {
		return nil
	}
	return s.gone(ctx, client, target, r, rest, req.GetTimeout())
}

// gone waits until the object is there no more.
func (s *session) gone(ctx context.Context, client *cluster.Client, target cluster.Target, r resource, rest map[string]any, seconds float64) error {
	limit, err := await.Limit(r.object, seconds, goneWithin)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it is still there after %v", limit))
	defer cancel()
	said := false
	uid := properties.Text(rest, "metadata", "uid")
	err = client.Follow(limited, target, properties.Text(rest, "metadata", "resourceVersion"), cluster.Identity, func(object map[string]any) (bool, error) {
		if object == nil || properties.Text(object, "metadata", "uid") != uid {
			return true, nil // gone, or another one of its name
		}
		rest = object
		if holders := finalizers(object); !said && holders != "" && holders != "foregroundDeletion" {
			said = true
			s.remark(ctx, r.urn, fmt.Sprintf("waiting for %s to let go of %s", holders, r.title()))
		}
		return false, nil
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case limited.Err() != nil:
		err = context.Cause(limited)
	}
	if holders := finalizers(rest); holders != "" {
		err = fmt.Errorf("%w, held by its finalizers (%s)", err, holders)
	}
	if r.gvk.Kind == "Namespace" {
		if live, readErr := client.Get(context.WithoutCancel(ctx), target, false); readErr == nil {
			for _, kind := range []string{"NamespaceContentRemaining", "NamespaceFinalizersRemaining"} {
				if found := await.Condition(live, kind); found != nil && found["status"] == "True" {
					err = fmt.Errorf("%w; %v", err, found["message"])
				}
			}
		}
	}
	return fmt.Errorf("%s was not deleted: %w", r.title(), err)
}

func finalizers(object map[string]any) string {
	list, _ := properties.Lookup(object, "metadata", "finalizers").([]any)
	names := make([]string, 0, len(list))
	for _, item := range list {
		names = append(names, fmt.Sprint(item))
	}
	return strings.Join(names, ", ")
}

// propagation is what becomes of the objects that this one owns: they go first, unless the program says otherwise.
func propagation(object map[string]any) string {
	switch strings.ToLower(properties.Annotation(object, deletionPropagation)) {
	case "background":
		return "Background"
	case "orphan":
		return "Orphan"
	}
	return "Foreground"
}

// unpatch gives up the patch's fields, and so removes those that nobody else owns.
func (s *session) unpatch(ctx context.Context, client *cluster.Client, target cluster.Target, r resource, req *pulumirpc.DeleteRequest) error {
	manager := req.GetProperties().GetFields()[managerKey].GetStringValue()
	if manager == "" {
		return fmt.Errorf("the patch of %s was not taken back: its state does not say which fields are its own", r.title())
	}
	// An apply makes what is not there, and a patch that is taken back must not bring its object back.
	if _, err := client.Get(ctx, target, true); apierrors.IsNotFound(err) {
		return nil
	}
	err := relinquish(ctx, client, target, manager)
	if apierrors.IsInvalid(err) {
		return fmt.Errorf("the patch of %s owns a field that the object cannot be without: set the resource option retainOnDelete: %w", r.title(), err)
	}
	if err != nil {
		return fmt.Errorf("the patch of %s was not taken back: %w", r.title(), explain(ctx, err))
	}
	return nil
}
