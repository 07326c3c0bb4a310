package play

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
)

// Facts on metacontroller: metacontroller/metacontroller v4.11.22, pkg/controller/decorator/controller.go,
// pkg/controller/common/manage_children.go and pkg/dynamic/apply/apply.go. Played is the one DecoratorController
// that a release has, of Pipelines, whose hook is in pipelines.go; the one that takes its place with artifacts in S3
// is run (hook.go), and no other program. A change that somebody else makes to a child
// stays until the hook asks for another child.
const (
	metacontroller      = "metacontroller"
	decoratorAnnotation = "metacontroller.k8s.io/decorator-controller"
	childAnnotation     = "metacontroller.k8s.io/last-applied-configuration"
	inPlace             = "InPlace"
)

type decoratorSpec struct {
	Resources []struct {
		APIVersion    string                `json:"apiVersion"`
		Resource      string                `json:"resource"`
		LabelSelector *metav1.LabelSelector `json:"labelSelector"`
	} `json:"resources"`
	Attachments []attachment `json:"attachments"`
	Hooks       struct {
		Sync      webhook  `json:"sync"`
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

func (c *Cluster) playMetacontroller() error {
	core, apps := c.informers.Core().V1(), c.informers.Apps().V1()
	l, err := c.play("metacontroller", c.syncMetacontroller, core.Namespaces().Informer(), core.Secrets().Informer(),
		core.ConfigMaps().Informer(), core.Services().Informer(), core.ServiceAccounts().Informer(),
		apps.Deployments().Informer(), apps.StatefulSets().Informer())
	if err != nil {
		return err
	}
	c.kinds.want(l, decorators)
	return nil
}

func (c *Cluster) syncMetacontroller(ctx context.Context) error {
	runner, err := c.metacontroller()
	if err != nil || runner == nil {
		return err
	}
	_, objects := c.kinds.list(decorators)
	return each(objects, func(object *unstructured.Unstructured) error {
		var decorator struct {
			Spec decoratorSpec `json:"spec"`
		}
		if err := fromUnstructured(object, &decorator); err != nil {
			return err
		}
		if err := c.decorate(ctx, runner.Namespace, object, decorator.Spec); err != nil {
			return fmt.Errorf("playing the DecoratorController %s: %w", object.GetName(), err)
		}
		return nil
	})
}

// metacontroller gives the StatefulSet that runs it and has a ready pod, or nil.
func (c *Cluster) metacontroller() (*appsv1.StatefulSet, error) {
	sets, err := c.informers.Apps().V1().StatefulSets().Lister().List(labels.Everything())
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		if set.Name == metacontroller && set.Status.ReadyReplicas > 0 {
			return set, nil
		}
	}
	return nil, nil
}

// decorate brings what the hook asks for into each namespace that the decorator selects, while the hook's pod runs.
func (c *Cluster) decorate(
	ctx context.Context,
	runner string,
	decorator *unstructured.Unstructured,
	spec decoratorSpec,
) error {
	hook, err := url.Parse(spec.Hooks.Sync.Webhook.URL)
	if err != nil {
		return err
	}
	service := hookService(hook.Hostname(), runner)
	pod, err := c.running(service)
	if err != nil || pod == nil || service.Name != pipelinesHook {
		return err
	}
	namespaces, err := c.decorated(spec)
	if err != nil || len(namespaces) == 0 {
		return err
	}
	// The hook that this project brings is run; that of a release is played.
	environment, err := c.hookEnvironment(ctx, pod)
	if err != nil {
		return err
	}
	settings, err := c.pipelinesSettings(ctx, pod)
	if err != nil {
		return err
	}
	return each(namespaces, func(namespace *corev1.Namespace) error {
		var children []*unstructured.Unstructured
		var err error
		if environment != nil {
			news := false
			children, news, err = c.hookChildren(ctx, decorator, spec, environment, pod, namespace)
			if err == nil && !news {
				return nil
			}
		} else {
			children, err = c.pipelinesChildren(namespace.Name, settings)
		}
		if err != nil {
			return err
		}
		for _, child := range children {
			child.SetAnnotations(withLabels(child.GetAnnotations(), map[string]string{
				decoratorAnnotation: decorator.GetName(),
			}))
		}
		return c.manageChildren(ctx, namespace, decorator.GetName(), spec, children)
	})
}

// hookService is the Service of a URL's host, which a pod in the namespace would reach.
func hookService(host, namespace string) admission.Service {
	parts := strings.Split(host, ".")
	if len(parts) > 1 {
		namespace = parts[1]
	}
	return admission.Service{Namespace: namespace, Name: parts[0]}
}

// decorated gives the namespaces that a decorator selects and that are not going.
func (c *Cluster) decorated(spec decoratorSpec) ([]*corev1.Namespace, error) {
	var found []*corev1.Namespace
	for _, resource := range spec.Resources {
		if resource.APIVersion != "v1" || resource.Resource != "namespaces" {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(resource.LabelSelector)
		if err != nil {
			return nil, err
		}
		namespaces, err := c.informers.Core().V1().Namespaces().Lister().List(selector)
		if err != nil {
			return nil, err
		}
		for _, namespace := range namespaces {
			if namespace.DeletionTimestamp == nil {
				found = append(found, namespace)
			}
		}
	}
	return found, nil
}

// manageChildren creates what is missing, updates in place what the strategy lets it, and deletes what the hook no
// longer asks for.
func (c *Cluster) manageChildren(
	ctx context.Context,
	parent *corev1.Namespace,
	decorator string,
	spec decoratorSpec,
	wanted []*unstructured.Unstructured,
) error {
	asked := map[string]bool{}
	for _, child := range wanted {
		asked[child.GetKind()+"/"+child.GetName()] = true
	}
	for _, attachment := range spec.Attachments {
		kind, observed, err := c.attached(attachment.Resource, parent.Name)
		if err != nil {
			return err
		}
		version, err := schema.ParseGroupVersion(attachment.APIVersion)
		if err != nil {
			return err
		}
		client := c.dynamic.Resource(version.WithResource(attachment.Resource)).Namespace(parent.Name)
		ours := map[string]metav1.Object{}
		there := map[string]bool{}
		for _, object := range observed {
			there[object.GetName()] = true
			if metav1.IsControlledBy(object, parent) && object.GetAnnotations()[decoratorAnnotation] == decorator {
				ours[object.GetName()] = object
			}
		}
		for name, object := range ours {
			if !asked[kind+"/"+name] && object.GetDeletionTimestamp() == nil {
				if err := client.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
					return err
				}
			}
		}
		for _, child := range wanted {
			if child.GetKind() != kind {
				continue
			}
			text, err := json.Marshal(child.Object)
			if err != nil {
				return err
			}
			child.SetAnnotations(withLabels(child.GetAnnotations(), map[string]string{childAnnotation: string(text)}))
			found := ours[child.GetName()]
			switch {
			case found == nil && !there[child.GetName()]:
				child.SetOwnerReferences([]metav1.OwnerReference{
					*metav1.NewControllerRef(parent, corev1.SchemeGroupVersion.WithKind("Namespace")),
				})
				_, err = client.Create(ctx, child, metav1.CreateOptions{FieldManager: metacontroller})
				if apierrors.IsAlreadyExists(err) {
					err = nil // somebody else's, or the cache was a moment behind
				}
			case found != nil && attachment.UpdateStrategy.Method == inPlace &&
				found.GetAnnotations()[childAnnotation] != string(text):
				err = replaceChild(ctx, client, child)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
