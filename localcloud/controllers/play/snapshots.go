package play

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// The snapshot controller and the sidecar of the volume driver (kubernetes-csi/external-snapshotter 8.7,
// pkg/common-controller and pkg/utils), for volumes of the EBS CSI driver. A snapshot is whole at once, holds nothing,
// and no volume is made from one; one that was there before (volumeSnapshotContentName) is not bound.
const (
	snapshots            = "volumesnapshots.snapshot.storage.k8s.io"
	snapshotContents     = "volumesnapshotcontents.snapshot.storage.k8s.io"
	snapshotClasses      = "volumesnapshotclasses.snapshot.storage.k8s.io"
	defaultSnapshotClass = "snapshot.storage.kubernetes.io/is-default-class"
	contentProtection    = "snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection"
	snapshotController   = "snapshot-controller"
)

var snapshotProtection = []string{
	"snapshot.storage.kubernetes.io/volumesnapshot-as-source-protection",
	"snapshot.storage.kubernetes.io/volumesnapshot-bound-protection",
}

func (c *Cluster) playSnapshots() error {
	core := c.informers.Core().V1()
	l, err := c.play(
		"snapshots",
		c.syncSnapshots,
		core.PersistentVolumeClaims().Informer(),
		core.PersistentVolumes().Informer(),
	)
	if err != nil {
		return err
	}
	c.kinds.want(l, snapshots, snapshotContents, snapshotClasses)
	return nil
}

func (c *Cluster) syncSnapshots(ctx context.Context) error {
	resource, objects := c.kinds.list(snapshots)
	return each(objects, func(snapshot *unstructured.Unstructured) error {
		return c.syncSnapshot(ctx, resource, snapshot)
	})
}

func (c *Cluster) syncSnapshot(
	ctx context.Context,
	resource schema.GroupVersionResource,
	snapshot *unstructured.Unstructured,
) error {
	client := c.dynamic.Resource(resource).Namespace(snapshot.GetNamespace())
	options := metav1.UpdateOptions{FieldManager: snapshotController}
	held := slices.DeleteFunc(snapshot.GetFinalizers(), func(one string) bool {
		return slices.Contains(snapshotProtection, one)
	})
	if snapshot.GetDeletionTimestamp() != nil {
		if len(held) == len(snapshot.GetFinalizers()) {
			return nil
		}
		if err := c.dropContent(ctx, snapshot); err != nil {
			return err
		}
		snapshot.SetFinalizers(held)
		_, err := client.Update(ctx, snapshot, options)
		return ignoreGone(err)
	}
	if ready, _, _ := unstructured.NestedBool(snapshot.Object, "status", "readyToUse"); ready {
		return nil
	}
	if wanted := append(held, snapshotProtection...); len(wanted) != len(snapshot.GetFinalizers()) {
		snapshot.SetFinalizers(wanted)
		_, err := client.Update(ctx, snapshot, options)
		return ignoreGone(err) // the write wakes this part again
	}
	status := map[string]any{}
	volume, class, err := c.snapshotSource(snapshot)
	switch {
	case err != nil:
		if message, _, _ := unstructured.NestedString(
			snapshot.Object, "status", "error", "message",
		); message == err.Error() {
			return nil
		}
		status["readyToUse"] = false
		status["error"] = map[string]any{"message": err.Error(), "time": now()}
	case class == nil:
		return nil
	default:
		if err := c.makeContent(ctx, snapshot, volume, class); err != nil {
			return err
		}
		status["boundVolumeSnapshotContentName"] = contentName(snapshot)
		status["creationTime"] = now()
		status["readyToUse"] = true
		size := volume.Spec.Capacity[corev1.ResourceStorage]
		status["restoreSize"] = size.String()
	}
	snapshot.Object["status"] = status
	_, err = client.UpdateStatus(ctx, snapshot, options)
	return ignoreGone(err)
}

// snapshotSource is the volume to take and the class to take it by. Without either, and without an error, there is
// nothing to do.
func (c *Cluster) snapshotSource(
	snapshot *unstructured.Unstructured,
) (*corev1.PersistentVolume, *unstructured.Unstructured, error) {
	source, _, _ := unstructured.NestedString(snapshot.Object, "spec", "source", "persistentVolumeClaimName")
	if source == "" {
		return nil, nil, nil
	}
	core := c.informers.Core().V1()
	claim, err := core.PersistentVolumeClaims().Lister().PersistentVolumeClaims(snapshot.GetNamespace()).Get(source)
	if err != nil {
		return nil, nil, fmt.Errorf("failed to retrieve PVC %s from the lister: %w", source, err)
	}
	if claim.Status.Phase != corev1.ClaimBound {
		return nil, nil, fmt.Errorf("the PVC %s is not yet bound to a PV, will not attempt to take a snapshot", source)
	}
	volume, err := core.PersistentVolumes().Lister().Get(claim.Spec.VolumeName)
	if err != nil {
		return nil, nil, fmt.Errorf("failed to retrieve PV %s from the API server: %w", claim.Spec.VolumeName, err)
	}
	if volume.Spec.CSI == nil || volume.Spec.CSI.Driver != ebsDriver {
		return nil, nil, fmt.Errorf("cannot find CSI PersistentVolumeSource for volume %s", volume.Name)
	}
	_, classes := c.kinds.list(snapshotClasses)
	name, named, _ := unstructured.NestedString(snapshot.Object, "spec", "volumeSnapshotClassName")
	for _, class := range classes {
		if driver, _, _ := unstructured.NestedString(class.Object, "driver"); driver == ebsDriver &&
			(named && class.GetName() == name || !named && class.GetAnnotations()[defaultSnapshotClass] == "true") {
			return volume, class, nil
		}
	}
	if !named {
		return nil, nil, fmt.Errorf("cannot find default snapshot class")
	}
	return nil, nil, fmt.Errorf("failed to retrieve snapshot class %s from the informer", name)
}

func (c *Cluster) makeContent(
	ctx context.Context,
	snapshot *unstructured.Unstructured,
	volume *corev1.PersistentVolume,
	class *unstructured.Unstructured,
) error {
	resource, _ := c.kinds.list(snapshotContents)
	if resource.Empty() {
		return fmt.Errorf("the watch of %s has not begun", snapshotContents)
	}
	policy, _, _ := unstructured.NestedString(class.Object, "deletionPolicy")
	content := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": resource.GroupVersion().String(),
		"kind":       "VolumeSnapshotContent",
		"metadata": map[string]any{
			"name": contentName(snapshot), "finalizers": []any{contentProtection},
		},
		"spec": map[string]any{
			"deletionPolicy":          policy,
			"driver":                  ebsDriver,
			"source":                  map[string]any{"volumeHandle": volume.Spec.CSI.VolumeHandle},
			"volumeSnapshotClassName": class.GetName(),
			"volumeSnapshotRef": map[string]any{
				"apiVersion": snapshot.GetAPIVersion(), "kind": snapshot.GetKind(), "uid": string(snapshot.GetUID()),
				"namespace": snapshot.GetNamespace(), "name": snapshot.GetName(),
			},
		},
	}}
	_, err := c.dynamic.Resource(resource).Create(ctx, content, metav1.CreateOptions{FieldManager: snapshotController})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// dropContent deletes what a snapshot that goes is bound to, unless that is to be retained.
func (c *Cluster) dropContent(ctx context.Context, snapshot *unstructured.Unstructured) error {
	resource, _ := c.kinds.list(snapshotContents)
	if resource.Empty() {
		return nil
	}
	client := c.dynamic.Resource(resource)
	content, err := client.Get(ctx, contentName(snapshot), metav1.GetOptions{})
	if err != nil {
		return ignoreGone(err)
	}
	if policy, _, _ := unstructured.NestedString(content.Object, "spec", "deletionPolicy"); policy != "Delete" {
		return nil
	}
	if err := client.Delete(ctx, content.GetName(), metav1.DeleteOptions{}); err != nil {
		return ignoreGone(err)
	}
	free := []byte(`{"metadata":{"finalizers":null}}`)
	options := metav1.PatchOptions{FieldManager: snapshotController}
	_, err = client.Patch(ctx, content.GetName(), types.MergePatchType, free, options)
	return ignoreGone(err)
}

func contentName(snapshot *unstructured.Unstructured) string {
	return "snapcontent-" + string(snapshot.GetUID())
}
