package play

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
)

// fromUnstructured reads an object into what is wanted of it.
func fromUnstructured(object *unstructured.Unstructured, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into)
}

// unstructuredClient gives a dynamic client the methods of a typed one.
type unstructuredClient struct{ client dynamic.ResourceInterface }

func (u unstructuredClient) Get(
	ctx context.Context,
	name string,
	options metav1.GetOptions,
) (*unstructured.Unstructured, error) {
	return u.client.Get(ctx, name, options)
}

func (u unstructuredClient) Create(
	ctx context.Context,
	object *unstructured.Unstructured,
	options metav1.CreateOptions,
) (*unstructured.Unstructured, error) {
	return u.client.Create(ctx, object, options)
}

func (u unstructuredClient) Update(
	ctx context.Context,
	object *unstructured.Unstructured,
	options metav1.UpdateOptions,
) (*unstructured.Unstructured, error) {
	return u.client.Update(ctx, object, options)
}
