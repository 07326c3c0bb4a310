package kinds

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestTokensNameKinds(t *testing.T) {
	for _, test := range []struct {
		token, apiVersion, kind string
		want                    schema.GroupVersionKind
		patch                   bool
	}{
		{"kubernetes:core/v1:ConfigMap", "v1", "ConfigMap", schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, false},
		{"kubernetes:apps/v1:Deployment", "", "", schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, false},
		{"kubernetes:kubeflow.org/v1beta1:Profile", "kubeflow.org/v1beta1", "Profile",
			schema.GroupVersionKind{Group: "kubeflow.org", Version: "v1beta1", Kind: "Profile"}, false},
		{"kubernetes:core/v1:NamespacePatch", "v1", "Namespace", schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, true},
		{"kubernetes:core/v1:NamespacePatch", "", "", schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, true},
		{"kubernetes:example.org/v1:DogPatch", "example.org/v1", "DogPatch",
			schema.GroupVersionKind{Group: "example.org", Version: "v1", Kind: "DogPatch"}, false},
	} {
		token, err := ParseToken(test.token)
		if err != nil {
			t.Fatalf("%s: %v", test.token, err)
		}
		got, patch, err := token.Resolve(test.apiVersion, test.kind)
		if err != nil || got != test.want || patch != test.patch {
			t.Errorf("%s with kind %q: got %v, patch %v, error %v", test.token, test.kind, got, patch, err)
		}
	}
}

func TestWhatIsNoKindIsRefusedInOneSentence(t *testing.T) {
	for _, test := range []struct{ token, apiVersion, kind, says string }{
		{"kubernetes:helm.sh/v3:Release", "", "", "is not served by this stand-in"},
		{"kubernetes:yaml/v2:ConfigGroup", "", "", "is not served by this stand-in"},
		{"kubernetes:kustomize/v2:Directory", "", "", "is not served by this stand-in"},
		{"kubernetes:ConfigMap", "", "", "is not of the form kubernetes:GROUP/VERSION:KIND"},
		{"kubernetes:core/v1:ConfigMap", "v2", "ConfigMap", "apiVersion v2 does not fit the type, which says v1"},
		{"kubernetes:core/v1:ConfigMap", "v1", "Secret", "kind Secret does not fit the type, which says ConfigMap"},
		{"kubernetes:core/v1:ConfigMapList", "v1", "ConfigMapList", "give its items one by one"},
	} {
		token, err := ParseToken(test.token)
		if err == nil {
			_, _, err = token.Resolve(test.apiVersion, test.kind)
		}
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s, %s, %s: got %v", test.token, test.apiVersion, test.kind, err)
		}
	}
}

func TestScopeOfBuiltInKindsNeedsNoCluster(t *testing.T) {
	for _, test := range []struct {
		gk                schema.GroupKind
		namespaced, known bool
	}{
		{schema.GroupKind{Kind: "Namespace"}, false, true},
		{schema.GroupKind{Kind: "ConfigMap"}, true, true},
		{schema.GroupKind{Group: "apps", Kind: "Deployment"}, true, true},
		{schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}, false, true},
		{schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "Role"}, true, true},
		{schema.GroupKind{Group: "kubeflow.org", Kind: "Profile"}, true, false},
	} {
		if namespaced, known := Namespaced(test.gk); namespaced != test.namespaced && test.known || known != test.known {
			t.Errorf("%v: got namespaced %v, known %v", test.gk, namespaced, known)
		}
	}
}

func TestImmutableFields(t *testing.T) {
	paths := func(rules Rules, gk schema.GroupKind, patch, fixed bool) []string {
		var result []string
		for _, path := range rules.Immutable(gk, patch, fixed) {
			result = append(result, strings.Join(path, "."))
		}
		return result
	}
	config, deployment := schema.GroupKind{Kind: "ConfigMap"}, schema.GroupKind{Group: "apps", Kind: "Deployment"}
	for name, test := range map[string]struct {
		got  []string
		want string
		has  bool
	}{
		"a name always":                     {paths(Rules{}, schema.GroupKind{Group: "a.b", Kind: "C"}, false, false), "metadata.name", true},
		"a selector":                        {paths(Rules{}, deployment, false, false), "spec.selector", true},
		"not a selector in a patch":         {paths(Rules{}, deployment, true, false), "spec.selector", false},
		"data of a ConfigMap":               {paths(Rules{}, config, false, false), "data", true},
		"not data where it may change":      {paths(Rules{ConfigMapMutable: true}, config, false, false), "data", false},
		"data of an object said immutable":  {paths(Rules{ConfigMapMutable: true}, config, false, true), "data", true},
		"data of a Secret":                  {paths(Rules{ConfigMapMutable: true}, schema.GroupKind{Kind: "Secret"}, false, false), "data", true},
		"not the size of a claim":           {paths(Rules{}, schema.GroupKind{Kind: "PersistentVolumeClaim"}, false, false), "spec.resources", false},
		"the class of a claim":              {paths(Rules{}, schema.GroupKind{Kind: "PersistentVolumeClaim"}, false, false), "spec.storageClassName", true},
		"the provisioner of a StorageClass": {paths(Rules{}, schema.GroupKind{Group: "storage.k8s.io", Kind: "StorageClass"}, false, false), "provisioner", true},
	} {
		if slices.Contains(test.got, test.want) != test.has {
			t.Errorf("%s: got %v", name, test.got)
		}
	}
}
