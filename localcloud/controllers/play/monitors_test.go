package play

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestAPrometheusHasAClaimForEachOfItsPods(t *testing.T) {
	prometheus := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus",
		"metadata": map[string]any{"name": "k8s", "namespace": "monitoring", "uid": "1"},
		"spec": map[string]any{
			"replicas": int64(2), "image": "prometheus:1", "serviceAccountName": "prometheus-k8s",
			"storage": map[string]any{"volumeClaimTemplate": map[string]any{"spec": map[string]any{
				"accessModes": []any{"ReadWriteOnce"},
				"resources":   map[string]any{"requests": map[string]any{"storage": "50Gi"}},
			}}},
		},
	}}
	set, err := monitorSetOf(prometheus, "prometheus")
	if err != nil {
		t.Fatal(err)
	}
	if set.Name != "prometheus-k8s" || *set.Spec.Replicas != 2 || len(set.Spec.VolumeClaimTemplates) != 1 {
		t.Fatalf("made %s with %d pods and %v", set.Name, *set.Spec.Replicas, set.Spec.VolumeClaimTemplates)
	}
	claim := set.Spec.VolumeClaimTemplates[0]
	if claim.Name != "prometheus-k8s-db" || claim.Spec.Resources.Requests.Storage().String() != "50Gi" {
		t.Errorf("claims %s of %s", claim.Name, claim.Spec.Resources.Requests.Storage())
	}
	if owner := set.OwnerReferences[0]; owner.Kind != "Prometheus" || owner.Name != "k8s" {
		t.Errorf("belongs to %s %s", owner.Kind, owner.Name)
	}
}
