package play

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAVolumeIsForItsClaimInItsZone(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kubeflow", Name: "mysql", UID: "7"},
		Spec: corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("20Gi")},
			}},
	}
	retain := corev1.PersistentVolumeReclaimRetain
	volume := volumeFor(
		claim,
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "gp3"}, ReclaimPolicy: &retain},
		"us-west-2b",
	)
	if volume.Name != "pvc-7" || volume.Spec.ClaimRef.UID != "7" || volume.Spec.Capacity.Storage().String() != "20Gi" ||
		volume.Spec.PersistentVolumeReclaimPolicy != retain || volume.Spec.StorageClassName != "gp3" ||
		volume.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values[0] != "us-west-2b" {
		t.Errorf("made %+v", volume)
	}
	volume = volumeFor(claim, &storagev1.StorageClass{}, "")
	if volume.Spec.NodeAffinity != nil ||
		volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		t.Errorf("without zone and policy made %+v", volume.Spec)
	}
}
