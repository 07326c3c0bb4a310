package play

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"kubeflow-on-pulumi.local/localcloud/controllers/authority/authoritytest"
)

func TestOnlyAnAuthorityIsInjected(t *testing.T) {
	if usable(&corev1.Secret{Data: map[string][]byte{"ca.crt": []byte("junk")}}) != nil ||
		usable(&corev1.Secret{}) != nil {
		t.Error("junk would be injected")
	}
	ca := authoritytest.New(t)
	if got := usable(&corev1.Secret{Data: map[string][]byte{"ca.crt": ca.Bundle()}}); string(got) != string(ca.Bundle()) {
		t.Error("an authority would not be injected")
	}
}

func TestAPatchNestsItsValue(t *testing.T) {
	want := map[string]any{"spec": map[string]any{"conversion": map[string]any{"caBundle": "x"}}}
	if got := nested([]string{"spec", "conversion"}, map[string]any{"caBundle": "x"}); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}
