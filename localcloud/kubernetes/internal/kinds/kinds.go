// Package kinds knows what can be said of a resource from its type alone: which Kubernetes kind a Pulumi type token names, which
// built-in kinds have no namespace, and which fields cannot be changed in place.
package kinds

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Token is what a Pulumi type token says, such as kubernetes:apps/v1:Deployment.
type Token struct {
	Group, Version, Kind string
}

var tokenForm = regexp.MustCompile(`^kubernetes:([a-z0-9][a-z0-9.-]*)/(v[0-9][a-z0-9]*):([A-Z][A-Za-z0-9]*)$`)

// Types of the package that are not Kubernetes objects but programs that make some.
var programs = []string{"kubernetes:helm.sh/", "kubernetes:yaml", "kubernetes:kustomize", "kubernetes:helm"}

// ParseToken reads a Pulumi type token; the error is one sentence for the program's author.
func ParseToken(token string) (Token, error) {
	for _, prefix := range programs {
		if strings.HasPrefix(token, prefix) {
			return Token{}, fmt.Errorf("type %s is not served by this stand-in for the kubernetes plugin, which takes plain objects only: "+
				"render it to objects first, or install the official plugin", token)
		}
	}
	parts := tokenForm.FindStringSubmatch(token)
	if parts == nil {
		return Token{}, fmt.Errorf("type %s is not of the form kubernetes:GROUP/VERSION:KIND, such as kubernetes:apps/v1:Deployment", token)
	}
	group := parts[1]
	if group == "core" {
		group = ""
	}
	return Token{Group: group, Version: parts[2], Kind: parts[3]}, nil
}

// Resolve says which kind the object of this token is and whether the resource is a patch of an object that others own: the type of
// a patch is named after the kind with Patch behind it. Fields that the object leaves out are taken from the token.
func (t Token) Resolve(apiVersion, kind string) (schema.GroupVersionKind, bool, error) {
	gvk := schema.GroupVersionKind{Group: t.Group, Version: t.Version, Kind: t.Kind}
	if apiVersion != "" && apiVersion != gvk.GroupVersion().String() {
		return gvk, false, fmt.Errorf("apiVersion %s does not fit the type, which says %s: make them the same", apiVersion, gvk.GroupVersion())
	}
	bare, patch := strings.CutSuffix(t.Kind, "Patch")
	switch {
	case kind == t.Kind || kind == "" && !patch:
		patch = false
	case patch && (kind == bare || kind == ""):
		gvk.Kind = bare
	default:
		return gvk, false, fmt.Errorf("kind %s does not fit the type, which says %s: make them the same", kind, t.Kind)
	}
	if strings.HasSuffix(gvk.Kind, "List") {
		return gvk, false, fmt.Errorf("kind %s is a list, which cannot be created as such: give its items one by one", gvk.Kind)
	}
	return gvk, patch, nil
}

// Built-in kinds without a namespace (`kubectl api-resources --namespaced=false`, Kubernetes 1.35), so that a preview need not ask a
// cluster that may not exist yet.
var clusterScoped = map[string]string{
	"":                             "Namespace Node PersistentVolume ComponentStatus",
	"admissionregistration.k8s.io": "MutatingWebhookConfiguration ValidatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding MutatingAdmissionPolicy MutatingAdmissionPolicyBinding",
	"apiextensions.k8s.io":         "CustomResourceDefinition",
	"apiregistration.k8s.io":       "APIService",
	"authentication.k8s.io":        "SelfSubjectReview TokenReview",
	"authorization.k8s.io":         "SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview",
	"certificates.k8s.io":          "CertificateSigningRequest ClusterTrustBundle",
	"flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
	"internal.apiserver.k8s.io":    "StorageVersion",
	"networking.k8s.io":            "IngressClass IPAddress ServiceCIDR",
	"node.k8s.io":                  "RuntimeClass",
	"rbac.authorization.k8s.io":    "ClusterRole ClusterRoleBinding",
	"resource.k8s.io":              "DeviceClass ResourceSlice DeviceTaintRule",
	"scheduling.k8s.io":            "PriorityClass",
	"storage.k8s.io":               "CSIDriver CSINode StorageClass VolumeAttachment VolumeAttributesClass",
	"storagemigration.k8s.io":      "StorageVersionMigration",
}

// Groups whose every kind is built in, so that a kind not listed above has a namespace.
var builtIn = map[string]bool{"apps": true, "batch": true, "autoscaling": true, "policy": true, "events.k8s.io": true,
	"coordination.k8s.io": true, "discovery.k8s.io": true}

// Namespaced says whether objects of a built-in kind have a namespace; known is false for kinds that only a cluster can tell.
func Namespaced(gk schema.GroupKind) (namespaced, known bool) {
	names, listed := clusterScoped[gk.Group]
	for name := range strings.FieldsSeq(names) {
		if name == gk.Kind {
			return false, true
		}
	}
	return true, listed || builtIn[gk.Group]
}

// IsCRD says whether the kind is the one that defines kinds.
func IsCRD(gk schema.GroupKind) bool {
	return gk.Group == "apiextensions.k8s.io" && gk.Kind == "CustomResourceDefinition"
}
