package play

import (
	"bytes"
	"context"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
)

// configuration is a webhook configuration of either kind, as a copy that may be changed.
type configuration struct {
	meta    *metav1.ObjectMeta
	mutates bool
	hooks   []hook
	update  func(context.Context, metav1.UpdateOptions) error
}

const registrationGroup = "admissionregistration.k8s.io"

// resource is the name of its kind in requests.
func (f configuration) resource() string {
	if f.mutates {
		return "mutatingwebhookconfigurations"
	}
	return "validatingwebhookconfigurations"
}

// hook points into one webhook of a configuration.
type hook struct {
	name       string
	client     *admissionregistrationv1.WebhookClientConfig
	rules      *[]admissionregistrationv1.RuleWithOperations
	namespaces **metav1.LabelSelector
	policy     **admissionregistrationv1.FailurePolicyType
	again      **admissionregistrationv1.ReinvocationPolicyType // nil: it only validates
}

// service is what the webhook calls; false for one with an address outside the cluster.
func (h hook) service() (admission.Service, bool) {
	if h.client.Service == nil {
		return admission.Service{}, false
	}
	return admission.Service{Namespace: h.client.Service.Namespace, Name: h.client.Service.Name}, true
}

// trust sets the bundle and tells whether that changed anything.
func (h hook) trust(bundle []byte) bool {
	if bytes.Equal(h.client.CABundle, bundle) {
		return false
	}
	h.client.CABundle = bundle
	return true
}

// fresh tells whether a cached object is worth looking at: it is not being deleted, and not
// one of which a newer version was just written here, on which another write would only conflict.
func (c *Cluster) fresh(cached metav1.Object) bool {
	written, ok := c.replaced.Load(cached.GetUID())
	return cached.GetDeletionTimestamp() == nil && !(ok && written == cached.GetResourceVersion())
}

// configurations gives every webhook configuration that is fresh.
func (c *Cluster) configurations() ([]configuration, error) {
	registration := c.informers.Admissionregistration().V1()
	mutating, err := registration.MutatingWebhookConfigurations().Lister().List(labels.Everything())
	if err != nil {
		return nil, err
	}
	validating, err := registration.ValidatingWebhookConfigurations().Lister().List(labels.Everything())
	if err != nil {
		return nil, err
	}
	var all []configuration
	for _, cached := range mutating {
		if c.fresh(cached) {
			all = append(all, c.mutating(cached.DeepCopy()))
		}
	}
	for _, cached := range validating {
		if c.fresh(cached) {
			all = append(all, c.validating(cached.DeepCopy()))
		}
	}
	return all, nil
}

// replace remembers which version of an object a successful write has replaced.
func (c *Cluster) replace(object metav1.Object, err error) error {
	if err == nil {
		c.replaced.Store(object.GetUID(), object.GetResourceVersion())
	}
	return err
}

func (c *Cluster) mutating(object *admissionregistrationv1.MutatingWebhookConfiguration) configuration {
	made := configuration{meta: &object.ObjectMeta, mutates: true}
	made.update = func(ctx context.Context, options metav1.UpdateOptions) error {
		_, err := c.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Update(ctx, object, options)
		return c.replace(object, err)
	}
	for i := range object.Webhooks {
		h := &object.Webhooks[i]
		made.hooks = append(made.hooks, hook{
			h.Name, &h.ClientConfig, &h.Rules, &h.NamespaceSelector, &h.FailurePolicy, &h.ReinvocationPolicy,
		})
	}
	return made
}

func (c *Cluster) validating(object *admissionregistrationv1.ValidatingWebhookConfiguration) configuration {
	made := configuration{meta: &object.ObjectMeta, update: func(ctx context.Context, options metav1.UpdateOptions) error {
		_, err := c.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Update(ctx, object, options)
		return c.replace(object, err)
	}}
	for i := range object.Webhooks {
		h := &object.Webhooks[i]
		made.hooks = append(made.hooks, hook{
			h.Name, &h.ClientConfig, &h.Rules, &h.NamespaceSelector, &h.FailurePolicy, nil,
		})
	}
	return made
}
