package play

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Facts on what metacontroller shows a hook: metacontroller v4.11.22, pkg/controller/decorator/controller.go and
// pkg/controller/common/customize/manager.go.
type objectMap map[string]map[string]*unstructured.Unstructured

// hookChildren is what the project's own program answers for a namespace; false where it was shown all that before.
func (c *Cluster) hookChildren(
	ctx context.Context,
	decorator *unstructured.Unstructured,
	spec decoratorSpec,
	environment []string,
	pod *corev1.Pod,
	namespace *corev1.Namespace,
) ([]*unstructured.Unstructured, bool, error) {
	seen := c.signature(decorator, pod, namespace)
	if c.answered[namespace.UID] == seen {
		return nil, false, nil
	}
	parent, err := asUnstructured(namespace, "v1", "Namespace")
	if err != nil {
		return nil, false, err
	}
	attached, err := c.attachments(ctx, decorator, spec, parent)
	if err != nil {
		return nil, false, err
	}
	related, err := c.related(ctx, decorator, spec, environment, parent)
	if err != nil {
		return nil, false, err
	}
	var answer struct {
		Attachments []*unstructured.Unstructured `json:"attachments"`
	}
	request := map[string]any{
		"controller": decorator, "object": parent, "attachments": attached, "related": related, "finalizing": false,
	}
	if err := c.callHook(ctx, environment, &spec.Hooks.Sync, request, &answer); err != nil {
		return nil, false, err
	}
	c.answered[namespace.UID] = seen
	return answer.Attachments, true, nil
}

// signature changes with whatever the hook is shown of a namespace, so that it is asked once. A pod
// keeps the environment that it started with.
func (c *Cluster) signature(
	d *unstructured.Unstructured,
	pod *corev1.Pod,
	namespace *corev1.Namespace,
) string {
	parts := []string{d.GetResourceVersion(), string(pod.UID), namespace.ResourceVersion}
	core, everything := c.informers.Core().V1(), labels.Everything()
	add := func(object metav1.Object) { parts = append(parts, object.GetName(), object.GetResourceVersion()) }
	// A lister of a cache cannot fail.
	accounts, _ := core.ServiceAccounts().Lister().ServiceAccounts(namespace.Name).List(everything)
	configMaps, _ := core.ConfigMaps().Lister().ConfigMaps(namespace.Name).List(everything)
	services, _ := core.Services().Lister().Services(namespace.Name).List(everything)
	secrets, _ := core.Secrets().Lister().Secrets(namespace.Name).List(everything)
	deployments, _ := c.informers.Apps().V1().Deployments().Lister().Deployments(namespace.Name).List(everything)
	for _, one := range accounts {
		add(one)
	}
	for _, one := range configMaps {
		add(one)
	}
	for _, one := range services {
		add(one)
	}
	for _, one := range secrets {
		add(one)
	}
	for _, one := range deployments {
		add(one)
	}
	slices.Sort(parts)
	return strings.Join(parts, "\n")
}

// attachments gives what the decorator has attached to the namespace, by kind and name.
func (c *Cluster) attachments(
	ctx context.Context,
	decorator *unstructured.Unstructured,
	spec decoratorSpec,
	parent *unstructured.Unstructured,
) (objectMap, error) {
	found := objectMap{}
	for _, rule := range spec.Attachments {
		group := map[string]*unstructured.Unstructured{}
		list, err := c.dynamic.Resource(rule.resource()).Namespace(parent.GetName()).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			owner := metav1.GetControllerOf(&list.Items[i])
			ours := list.Items[i].GetAnnotations()[decoratorAnnotation] == decorator.GetName()
			if ours && owner != nil && owner.UID == parent.GetUID() {
				group[parent.GetName()+"/"+list.Items[i].GetName()] = &list.Items[i]
			}
		}
		found[c.groupOf(rule)] = group
	}
	return found, nil
}

// related gives what the hook wants to see beside the namespace.
func (c *Cluster) related(
	ctx context.Context,
	decorator *unstructured.Unstructured,
	spec decoratorSpec,
	environment []string,
	parent *unstructured.Unstructured,
) (objectMap, error) {
	found := objectMap{}
	if spec.Hooks.Customize == nil {
		return found, nil
	}
	var answer struct {
		RelatedResources []struct {
			attachment
			Namespace string   `json:"namespace"`
			Names     []string `json:"names"`
		} `json:"relatedResources"`
	}
	request := map[string]any{"controller": decorator, "parent": parent}
	if err := c.callHook(ctx, environment, spec.Hooks.Customize, request, &answer); err != nil {
		return nil, err
	}
	for _, rule := range answer.RelatedResources {
		group := map[string]*unstructured.Unstructured{}
		for _, name := range rule.Names {
			client := c.dynamic.Resource(rule.resource()).Namespace(rule.Namespace)
			object, err := client.Get(ctx, name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			group[rule.Namespace+"/"+name] = object
		}
		found[c.groupOf(rule.attachment)] = group
	}
	return found, nil
}

func (a attachment) resource() schema.GroupVersionResource {
	version, _ := schema.ParseGroupVersion(a.APIVersion)
	return version.WithResource(a.Resource)
}

// groupOf names a resource as metacontroller does: KIND.APIVERSION.
func (c *Cluster) groupOf(a attachment) string {
	kinds := map[string]string{
		"secrets": "Secret", "configmaps": "ConfigMap", "deployments": "Deployment", "services": "Service",
		"serviceaccounts": "ServiceAccount",
	}
	return kinds[a.Resource] + "." + a.APIVersion
}

func asUnstructured(object any, apiVersion, kind string) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	found := &unstructured.Unstructured{Object: content}
	found.SetAPIVersion(apiVersion)
	found.SetKind(kind)
	return found, nil
}
