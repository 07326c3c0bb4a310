package play

import (
	"context"
	"encoding/base64"
	"encoding/json"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"kubeflow-on-pulumi.local/localcloud/controllers/admission"
)

// Operators that sign for themselves put their authority into their own definitions as well, where those convert
// between versions (metallb/metallb, internal/k8s/webhook.go, by open-policy-agent/cert-controller's rotator).

var conversionClient = []string{"spec", "conversion", "webhook", "clientConfig"}

func (c *Cluster) playConversions() error {
	core := c.informers.Core().V1()
	_, err := c.play("conversions", c.syncConversions, c.crds(), core.Pods().Informer(), core.Services().Informer())
	return err
}

func (c *Cluster) syncConversions(ctx context.Context) error {
	return each(c.crds().GetStore().List(), func(object any) error {
		found := object.(*metav1.PartialObjectMetadata)
		// A definition is read once for each generation: all of Kubeflow's are 10 MB.
		if asksForInjection(found.Annotations) || found.DeletionTimestamp != nil ||
			c.converted[found.UID] == found.Generation {
			return nil
		}
		whole, err := c.dynamic.Resource(crdResource).Get(ctx, found.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		client, converts, _ := unstructured.NestedMap(whole.Object, conversionClient...)
		if bundle, _ := client["caBundle"].(string); !converts || bundle != "" {
			c.converted[found.UID] = whole.GetGeneration()
			return nil
		}
		return c.fillConversion(ctx, whole, client)
	})
}

// fillConversion writes the authority into a definition if what converts for it runs.
func (c *Cluster) fillConversion(ctx context.Context, crd *unstructured.Unstructured, client map[string]any) error {
	namespace, _, _ := unstructured.NestedString(client, "service", "namespace")
	named, _, _ := unstructured.NestedString(client, "service", "name")
	service := admission.Service{Namespace: namespace, Name: named}
	pod, err := c.running(service)
	if err != nil || pod == nil {
		return err
	}
	if err := c.keepSecrets(ctx, service, pod); err != nil {
		return err
	}
	encoded := base64.StdEncoding.EncodeToString(c.Authority.Bundle())
	patch, err := json.Marshal(nested(conversionClient, map[string]any{"caBundle": encoded}))
	if err != nil {
		return err
	}
	written, err := c.dynamic.Resource(crdResource).Patch(
		ctx, crd.GetName(), types.MergePatchType, patch, metav1.PatchOptions{FieldManager: process(pod)},
	)
	if err != nil {
		return err
	}
	c.converted[crd.GetUID()] = written.GetGeneration()
	c.Log.Info("operator signed its conversion", "definition", crd.GetName(), "backend", process(pod))
	return nil
}
