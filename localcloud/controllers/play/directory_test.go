package play

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPodsOfADeploymentShareItsName(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: "web-5d4f-x", Labels: map[string]string{"pod-template-hash": "5d4f"},
		OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web-5d4f", Controller: &yes}},
	}}
	if got := workload(pod); got != "web" {
		t.Errorf("a Deployment's pod is of %q", got)
	}
	pod.OwnerReferences[0] = metav1.OwnerReference{Kind: "StatefulSet", Name: "db", Controller: &yes}
	if got := workload(pod); got != "db" {
		t.Errorf("a StatefulSet's pod is of %q", got)
	}
	pod.OwnerReferences = nil
	if got := workload(pod); got != "web-5d4f-x" {
		t.Errorf("a lone pod is of %q", got)
	}
}
