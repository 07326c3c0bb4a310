package play

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
)

// Facts on what metacontroller does with a DecoratorController: metacontroller v4.11.22,
// pkg/controller/decorator/controller.go and pkg/controller/common/customize/manager.go. Played are
// decorators of Namespaces whose hook runs the one program that this project itself brings; any
// other program is code of somebody else's, and not run on this machine.
const (
	decorators          = "decoratorcontrollers.metacontroller.k8s.io"
	decoratorAnnotation = "metacontroller.k8s.io/decorator-controller"
	metacontroller      = "metacontroller"
)

type decorator struct {
	object *unstructured.Unstructured
	spec   decoratorSpec
}

type decoratorSpec struct {
	Resources []struct {
		Resource      string                `json:"resource"`
		LabelSelector *metav1.LabelSelector `json:"labelSelector"`
	} `json:"resources"`
	Attachments []attachment `json:"attachments"`
	Hooks       struct {
		Sync      *webhook `json:"sync"`
		Customize *webhook `json:"customize"`
	} `json:"hooks"`
}

type attachment struct {
	APIVersion     string `json:"apiVersion"`
	Resource       string `json:"resource"`
	UpdateStrategy struct {
		Method string `json:"method"`
	} `json:"updateStrategy"`
}

type webhook struct {
	Webhook struct {
		URL string `json:"url"`
	} `json:"webhook"`
}

type objectMap map[string]map[string]*unstructured.Unstructured

func (c *Cluster) playDecorators() error {
	core := c.informers.Core().V1()
	l, err := c.play("decorators", c.syncDecorators, core.Namespaces().Informer(), core.ServiceAccounts().Informer(),
		core.Pods().Informer(), core.ConfigMaps().Informer(), core.Services().Informer(), core.Secrets().Informer(),
		c.informers.Apps().V1().Deployments().Informer())
	if err != nil {
		return err
	}
	c.kinds.want(l, decorators)
	return nil
}

func (c *Cluster) syncDecorators(ctx context.Context) error {
	_, objects := c.kinds.list(decorators)
	return each(objects, func(object *unstructured.Unstructured) error {
		var typed struct {
			Spec decoratorSpec `json:"spec"`
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &typed); err != nil {
			return err
		}
		if err := c.decorate(ctx, decorator{object, typed.Spec}); err != nil {
			return fmt.Errorf("playing the DecoratorController %s: %w", object.GetName(), err)
		}
		return nil
	})
}

// decorate attaches what the hook says to every Namespace that the decorator picks.
func (c *Cluster) decorate(ctx context.Context, d decorator) error {
	if d.object.GetDeletionTimestamp() != nil || d.spec.Hooks.Sync == nil {
		return nil
	}
	namespaces, err := c.picked(d.spec)
	if err != nil || len(namespaces) == 0 {
		return err
	}
	pod, err := c.backend(d.spec.Hooks.Sync.Webhook.URL)
	if err != nil || pod == nil {
		return err
	}
	return each(namespaces, func(namespace *corev1.Namespace) error {
		seen := c.signature(d.object, pod, namespace)
		if c.decorated[namespace.UID] == seen {
			return nil
		}
		environment, err := c.hookEnvironment(ctx, pod)
		if err != nil {
			return err
		}
		if environment == nil {
			c.decorated[namespace.UID] = seen
			return nil
		}
		if err := c.attach(ctx, d, environment, namespace); err != nil {
			return err
		}
		c.decorated[namespace.UID] = seen
		return nil
	})
}

func (c *Cluster) picked(spec decoratorSpec) ([]*corev1.Namespace, error) {
	var found []*corev1.Namespace
	for _, rule := range spec.Resources {
		if rule.Resource != "namespaces" || rule.LabelSelector == nil {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(rule.LabelSelector)
		if err != nil {
			return nil, err
		}
		namespaces, err := c.informers.Core().V1().Namespaces().Lister().List(selector)
		if err != nil {
			return nil, err
		}
		found = append(found, namespaces...)
	}
	return slices.DeleteFunc(found, func(n *corev1.Namespace) bool { return n.DeletionTimestamp != nil }), nil
}

// backend gives a running pod behind the host of a URL, which without a namespace is in
// metacontroller's own; nil while metacontroller does not run.
func (c *Cluster) backend(address string) (*corev1.Pod, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	pods, err := c.informers.Core().V1().Pods().Lister().List(labels.Everything())
	if err != nil {
		return nil, err
	}
	for _, pod := range pods {
		if workload(pod) == metacontroller && pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			name, namespace, found := strings.Cut(parsed.Hostname(), ".")
			if !found {
				namespace = pod.Namespace
			}
			return c.running(admission.Service{Namespace: namespace, Name: name})
		}
	}
	return nil, nil
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

// attach asks the hook about a namespace, and makes, changes and removes what it says. Only what
// this decorator itself has attached is changed or removed.
func (c *Cluster) attach(
	ctx context.Context,
	d decorator,
	environment []string,
	namespace *corev1.Namespace,
) error {
	parent, err := asUnstructured(namespace, "v1", "Namespace")
	if err != nil {
		return err
	}
	attached, err := c.attached(ctx, d, parent)
	if err != nil {
		return err
	}
	related, err := c.related(ctx, d, environment, parent)
	if err != nil {
		return err
	}
	var answer struct {
		Attachments []*unstructured.Unstructured `json:"attachments"`
	}
	request := map[string]any{
		"controller": d.object, "object": parent, "attachments": attached, "related": related, "finalizing": false,
	}
	if err := c.callHook(ctx, environment, d.spec.Hooks.Sync, request, &answer); err != nil {
		return err
	}
	for _, child := range answer.Attachments {
		child.SetAnnotations(merged(child.GetAnnotations(), decoratorAnnotation, d.object.GetName()))
		child.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(parent, parent.GroupVersionKind())})
	}
	return each(d.spec.Attachments, func(rule attachment) error {
		return c.reconcile(ctx, rule, namespace.Name, attached[c.groupOf(rule)], answer.Attachments)
	})
}

func (c *Cluster) reconcile(
	ctx context.Context,
	rule attachment,
	namespace string,
	there map[string]*unstructured.Unstructured,
	wanted []*unstructured.Unstructured,
) error {
	client := c.dynamic.Resource(rule.resource()).Namespace(namespace)
	left := maps.Clone(there)
	for _, child := range wanted {
		if groupName(child) != c.groupOf(rule) {
			continue
		}
		key := namespace + "/" + child.GetName()
		_, exists := there[key]
		delete(left, key)
		if exists && rule.UpdateStrategy.Method != "InPlace" {
			continue // OnDelete
		}
		options := metav1.ApplyOptions{FieldManager: metacontroller, Force: true}
		if _, err := client.Apply(ctx, child.GetName(), child, options); err != nil {
			return err
		}
	}
	for _, child := range left {
		if err := client.Delete(ctx, child.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// attached gives what the decorator has attached to the namespace, by kind and name.
func (c *Cluster) attached(ctx context.Context, d decorator, parent *unstructured.Unstructured) (objectMap, error) {
	found := objectMap{}
	for _, rule := range d.spec.Attachments {
		group := map[string]*unstructured.Unstructured{}
		list, err := c.dynamic.Resource(rule.resource()).Namespace(parent.GetName()).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			owner := metav1.GetControllerOf(&list.Items[i])
			ours := list.Items[i].GetAnnotations()[decoratorAnnotation] == d.object.GetName()
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
	d decorator,
	environment []string,
	parent *unstructured.Unstructured,
) (objectMap, error) {
	found := objectMap{}
	if d.spec.Hooks.Customize == nil {
		return found, nil
	}
	var answer struct {
		RelatedResources []struct {
			attachment
			Namespace string   `json:"namespace"`
			Names     []string `json:"names"`
		} `json:"relatedResources"`
	}
	request := map[string]any{"controller": d.object, "parent": parent}
	if err := c.callHook(ctx, environment, d.spec.Hooks.Customize, request, &answer); err != nil {
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

func groupName(object *unstructured.Unstructured) string {
	return object.GetKind() + "." + object.GetAPIVersion()
}

func merged(annotations map[string]string, key, value string) map[string]string {
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	return annotations
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
