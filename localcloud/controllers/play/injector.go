package play

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"kubeflow-on-pulumi.local/localcloud/controllers/authority"
)

// Annotations by which an object asks for a caBundle; https://cert-manager.io/docs/concepts/ca-injector/
const (
	injectFromCertificate = "cert-manager.io/inject-ca-from"
	injectFromSecret      = "cert-manager.io/inject-ca-from-secret"
	injectFromAPIServer   = "cert-manager.io/inject-apiserver-ca"
)

// The injector updates the whole object: its feature ServerSideApply is off by default. It calls itself so
// in its user agent. Facts from cert-manager 1.19.4, pkg/controller/cainjector/reconciler.go,
// internal/cainjector/feature/features.go and pkg/util/useragent.go.
const injectorManager = "cert-manager-cainjector"

func asksForInjection(annotations map[string]string) bool {
	return annotations[injectFromCertificate] != "" || annotations[injectFromSecret] != "" ||
		annotations[injectFromAPIServer] == "true"
}

func (c *Cluster) playInjector() error {
	registration := c.informers.Admissionregistration().V1()
	l, err := c.play("injector", c.syncInjector,
		c.informers.Apps().V1().Deployments().Informer(), c.informers.Core().V1().Secrets().Informer(),
		registration.MutatingWebhookConfigurations().Informer(), registration.ValidatingWebhookConfigurations().Informer(),
		c.crds(), c.metadata.ForResource(apiServiceResource).Informer())
	if err != nil {
		return err
	}
	c.kinds.want(l, certificates)
	return nil
}

// syncInjector plays cert-manager's own webhook, which writes the Secret of its authority, and the
// injector, which copies authorities into what asks for them.
func (c *Cluster) syncInjector(ctx context.Context) error {
	webhook, err := c.available(named(certManagerWebhook))
	if err != nil {
		return err
	}
	if webhook != nil {
		if err := c.writeWebhookAuthority(ctx, webhook); err != nil {
			return err
		}
	}
	injector, err := c.available(named(certManagerInject))
	if err != nil || injector == nil {
		return err
	}
	configurations, err := c.configurations()
	if err != nil {
		return err
	}
	if err := each(configurations, func(found configuration) error {
		bundle := c.bundleFor(found.meta.Annotations)
		changed := false
		for _, h := range found.hooks {
			changed = bundle != nil && h.trust(bundle) || changed
		}
		if !changed {
			return nil
		}
		err := found.update(ctx, metav1.UpdateOptions{FieldManager: injectorManager})
		if err == nil {
			c.Log.Info("injected", "configuration", found.meta.Name)
		}
		return err
	}); err != nil {
		return err
	}
	if err := c.injectOthers(ctx, crdResource, "spec", "conversion", "webhook", "clientConfig"); err != nil {
		return err
	}
	return c.injectOthers(ctx, apiServiceResource, "spec")
}

// injectOthers puts caBundle into the map at the path of those objects of a resource that ask for it
// and have that map. Only their metadata is watched: all CRDs of Kubeflow are 10 MB.
func (c *Cluster) injectOthers(ctx context.Context, resource schema.GroupVersionResource, path ...string) error {
	objects := c.metadata.ForResource(resource).Informer().GetStore().List()
	return each(objects, func(object any) error {
		found := object.(*metav1.PartialObjectMetadata)
		bundle := c.bundleFor(found.Annotations)
		if bundle == nil || found.DeletionTimestamp != nil || c.settled(resource, found, bundle) {
			return nil
		}
		whole, err := c.dynamic.Resource(resource).Get(ctx, found.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if target, ok, _ := unstructured.NestedMap(whole.Object, path...); ok {
			if encoded := base64.StdEncoding.EncodeToString(bundle); target["caBundle"] != encoded {
				patch, err := json.Marshal(nested(path, map[string]any{"caBundle": encoded}))
				if err != nil {
					return err
				}
				if whole, err = c.dynamic.Resource(resource).Patch(ctx, found.Name, types.MergePatchType, patch,
					metav1.PatchOptions{FieldManager: injectorManager}); err != nil {
					return err
				}
				c.Log.Info("injected", "resource", resource.Resource, "name", found.Name)
			}
		}
		c.injected[resource.Resource+"/"+found.Name] = injection{whole.GetResourceVersion(), string(bundle)}
		return nil
	})
}

// injection is the state of an object in which nothing was left to inject.
type injection struct{ version, bundle string }

func (c *Cluster) settled(resource schema.GroupVersionResource, object metav1.Object, bundle []byte) bool {
	return c.injected[resource.Resource+"/"+object.GetName()] == injection{object.GetResourceVersion(), string(bundle)}
}

// bundleFor gives the authority that the annotations ask for, nil while there is none.
func (c *Cluster) bundleFor(annotations map[string]string) []byte {
	if from, ok := annotations[injectFromCertificate]; ok {
		namespace, certificate, _ := strings.Cut(from, "/")
		_, objects := c.kinds.list(certificates)
		for _, object := range objects {
			if object.GetNamespace() != namespace || object.GetName() != certificate {
				continue
			}
			spec, err := readCertificate(object)
			if err != nil {
				return nil
			}
			secret := c.secret(namespace, spec.SecretName)
			if secret == nil || secret.Annotations[certificateNameAnnotation] != certificate {
				return nil
			}
			return usable(secret)
		}
		return nil
	}
	if from, ok := annotations[injectFromSecret]; ok {
		namespace, secretName, _ := strings.Cut(from, "/")
		secret := c.secret(namespace, secretName)
		if secret == nil || secret.Annotations[directInjectionAnnotation] != "true" {
			return nil
		}
		return usable(secret)
	}
	if annotations[injectFromAPIServer] == "true" {
		return c.config.CAData
	}
	return nil
}

func (c *Cluster) secret(namespace, name string) *corev1.Secret {
	secret, err := c.informers.Core().V1().Secrets().Lister().Secrets(namespace).Get(name)
	if err != nil {
		return nil
	}
	return secret
}

// usable is the authority in a Secret, nil if it is not one: the API server would refuse it.
func usable(secret *corev1.Secret) []byte {
	bundle := bytes.TrimSpace(secret.Data["ca.crt"])
	if _, err := authority.Parse(bundle); err != nil {
		return nil
	}
	return secret.Data["ca.crt"]
}

// writeWebhookAuthority writes the Secret that cert-manager's webhook makes when it starts; its
// arguments name it.
func (c *Cluster) writeWebhookAuthority(ctx context.Context, webhook *appsv1.Deployment) error {
	secretName := "cert-manager-webhook-ca"
	for _, container := range webhook.Spec.Template.Spec.Containers {
		for _, argument := range container.Args {
			if value, ok := strings.CutPrefix(argument, "--dynamic-serving-ca-secret-name="); ok {
				secretName = value
			}
		}
	}
	if existing := c.secret(webhook.Namespace, secretName); existing != nil &&
		bytes.Equal(existing.Data["ca.crt"], c.Authority.Bundle()) {
		return nil
	}
	pair, err := c.Authority.Issue(authority.Request{CommonName: "cert-manager-webhook-ca", CA: true})
	if err != nil {
		return err
	}
	err = c.applySecret(ctx, &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: webhook.Namespace, Name: secretName,
			Annotations: map[string]string{directInjectionAnnotation: "true"}},
		Data: map[string][]byte{
			"ca.crt":                c.Authority.Bundle(),
			corev1.TLSCertKey:       pair.Certificate,
			corev1.TLSPrivateKeyKey: pair.Key,
		},
	}, certManagerWebhook)
	if err != nil {
		return fmt.Errorf("the authority of %s: %w", name(webhook), err)
	}
	return nil
}

// nested wraps the value in maps, outermost key first.
func nested(path []string, value map[string]any) map[string]any {
	for i := len(path) - 1; i >= 0; i-- {
		value = map[string]any{path[i]: value}
	}
	return value
}
