package play

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestTheStoredVersionOfAnEstablishedCRDIsWatched(t *testing.T) {
	crd := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{"group": "kubeflow.org", "names": map[string]any{"plural": "profiles"}, "versions": []any{
			map[string]any{"name": "v1", "served": true, "storage": false},
			map[string]any{"name": "v2", "served": false, "storage": false},
			map[string]any{"name": "v1beta1", "served": true, "storage": true},
		}},
	}}
	if _, established := servedResource(crd); established {
		t.Error("Established without saying so")
	}
	setCondition(crd, "Established", "True", "", "")
	if resource, established := servedResource(crd); !established ||
		resource.String() != "kubeflow.org/v1beta1, Resource=profiles" {
		t.Errorf("watches %s (%t)", resource, established)
	}
}
