package play

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// What a claim needs of the EBS CSI driver is its provisioner. Binding, the choice of a node and the
// protection of what is in use are Kubernetes' own and run for real; fake nodes attach nothing.
const (
	ebsDriver             = "ebs.csi.aws.com"
	provisionerAnnotation = "volume.kubernetes.io/storage-provisioner" // set by kube-controller-manager: it asks
	selectedNode          = "volume.kubernetes.io/selected-node"       // set by kube-scheduler
	provisionedBy         = "pv.kubernetes.io/provisioned-by"
)

func (c *Cluster) playVolumes() error {
	core := c.informers.Core().V1()
	_, err := c.play(
		"volumes",
		c.syncVolumes,
		core.PersistentVolumeClaims().Informer(),
		core.PersistentVolumes().Informer(),
		c.informers.Storage().V1().StorageClasses().Informer(),
	)
	return err
}

func (c *Cluster) syncVolumes(ctx context.Context) error {
	claims, err := c.informers.Core().V1().PersistentVolumeClaims().Lister().List(labels.Everything())
	if err != nil {
		return err
	}
	volumes, err := c.informers.Core().V1().PersistentVolumes().Lister().List(labels.Everything())
	if err != nil {
		return err
	}
	err = each(claims, func(claim *corev1.PersistentVolumeClaim) error { return c.provision(ctx, claim) })
	if err != nil {
		return err
	}
	return each(volumes, func(volume *corev1.PersistentVolume) error { return c.reclaim(ctx, volume) })
}

// provision makes the volume that a claim asks for.
func (c *Cluster) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	if claim.Spec.VolumeName != "" || claim.DeletionTimestamp != nil || claim.Spec.StorageClassName == nil ||
		claim.Annotations[provisionerAnnotation] != ebsDriver {
		return nil
	}
	class, err := c.informers.Storage().V1().StorageClasses().Lister().Get(*claim.Spec.StorageClassName)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	late := class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	if late && claim.Annotations[selectedNode] == "" {
		return nil
	}
	if _, err := c.informers.Core().V1().PersistentVolumes().Lister().Get(volumeName(claim)); !apierrors.IsNotFound(err) {
		return err // made already, or unknown
	}
	zone, err := c.zone(ctx, claim.Annotations[selectedNode])
	if err != nil {
		return err
	}
	_, err = c.client.CoreV1().
		PersistentVolumes().
		Create(ctx, volumeFor(claim, class, zone), metav1.CreateOptions{FieldManager: ebsDriver})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err == nil {
		c.Log.Info("provisioned", "claim", name(claim), "volume", volumeName(claim))
	}
	return err
}

// zone of a node, empty when it has none or no node was chosen.
func (c *Cluster) zone(ctx context.Context, node string) (string, error) {
	if node == "" {
		return "", nil
	}
	found, err := c.client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return found.Labels[corev1.LabelTopologyZone], nil
}

func volumeName(claim *corev1.PersistentVolumeClaim) string { return "pvc-" + string(claim.UID) }

// volumeFor is the volume for a claim; like an EBS volume it stays in the zone it was made in.
func volumeFor(
	claim *corev1.PersistentVolumeClaim,
	class *storagev1.StorageClass,
	zone string,
) *corev1.PersistentVolume {
	reclaim := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		reclaim = *class.ReclaimPolicy
	}
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: volumeName(claim), Annotations: map[string]string{provisionedBy: ebsDriver}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: corev1.ResourceList{
				corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage],
			},
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			StorageClassName:              class.Name,
			MountOptions:                  class.MountOptions,
			PersistentVolumeReclaimPolicy: reclaim,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name,
				UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: ebsDriver, VolumeHandle: "vol-" + string(claim.UID), FSType: "ext4",
			}},
		},
	}
	if zone != "" {
		volume.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{
				Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{zone},
			}}}},
		}}
	}
	return volume
}

// reclaim removes a volume whose claim is gone, if its class said so.
func (c *Cluster) reclaim(ctx context.Context, volume *corev1.PersistentVolume) error {
	if volume.Annotations[provisionedBy] != ebsDriver || volume.DeletionTimestamp != nil ||
		volume.Status.Phase != corev1.VolumeReleased ||
		volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		return nil
	}
	err := c.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &volume.UID},
	})
	return ignoreGone(err)
}
