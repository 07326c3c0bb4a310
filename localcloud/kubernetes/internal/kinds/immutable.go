package kinds

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Rules says which changes of an object mean a new object instead of an update in place.
type Rules struct {
	ConfigMapMutable, SecretMutable bool
}

// Fields whose change replaces the object, as the official plugin has them (v4.34, provider/pkg/provider/diff.go); `*` stands for
// every element of a list.
var immutable = map[schema.GroupKind]string{
	{Group: "apps", Kind: "Deployment"}:  "spec.selector",
	{Group: "apps", Kind: "DaemonSet"}:   "spec.selector",
	{Group: "apps", Kind: "StatefulSet"}: "spec.podManagementPolicy spec.revisionHistoryLimit spec.selector spec.serviceName spec.volumeClaimTemplates",
	{Group: "batch", Kind: "Job"}:        "spec.completions spec.parallelism spec.selector spec.template",
	{Kind: "PersistentVolume"}: "spec.awsElasticBlockStore spec.azureDisk spec.azureFile spec.cephfs spec.cinder spec.csi spec.fc spec.flexVolume " +
		"spec.flocker spec.gcePersistentDisk spec.glusterfs spec.hostPath spec.iscsi spec.local spec.nfs spec.photonPersistentDisk " +
		"spec.portworxVolume spec.quobyte spec.rbd spec.scaleIO spec.storageos spec.vsphereVolume",
	{Kind: "PersistentVolumeClaim"}: "spec.accessModes spec.selector spec.storageClassName spec.volumeName",
	{Kind: "Pod"}: "spec.affinity spec.automountServiceAccountToken spec.dnsConfig spec.dnsPolicy spec.enableServiceLinks spec.hostAliases " +
		"spec.hostIPC spec.hostNetwork spec.hostPID spec.hostname spec.imagePullSecrets spec.nodeName spec.nodeSelector spec.overhead " +
		"spec.preemptionPolicy spec.priority spec.priorityClassName spec.readinessGates spec.restartPolicy spec.runtimeClassName " +
		"spec.schedulerName spec.securityContext spec.serviceAccount spec.serviceAccountName spec.shareProcessNamespace spec.subdomain " +
		"spec.terminationGracePeriodSeconds spec.volumes spec.containers.* spec.initContainers.*",
	{Kind: "ResourceQuota"}: "spec.scopes",
	{Kind: "Secret"}:        "type",
	{Kind: "Service"}:       "spec.clusterIP",
	{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}:        "roleRef",
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}: "roleRef",
	{Group: "storage.k8s.io", Kind: "StorageClass"}:                  "parameters provisioner",
}

// Immutable lists the fields of this object whose change replaces it, each as a path. A patch of somebody else's object is replaced
// only when it is to patch another object.
func (r Rules) Immutable(gk schema.GroupKind, patch, immutableObject bool) [][]string {
	fields := "metadata.name metadata.namespace"
	if !patch {
		fields += " " + immutable[gk]
		if gk == (schema.GroupKind{Kind: "ConfigMap"}) && (immutableObject || !r.ConfigMapMutable) {
			fields += " data binaryData"
		}
		if gk == (schema.GroupKind{Kind: "Secret"}) && (immutableObject || !r.SecretMutable) {
			fields += " data stringData"
		}
	}
	var paths [][]string
	for field := range strings.FieldsSeq(fields) {
		paths = append(paths, strings.Split(field, "."))
	}
	return paths
}
