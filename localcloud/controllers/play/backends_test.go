package play

import (
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

func TestACABundleIsWrittenOnlyWhenItDiffers(t *testing.T) {
	client := admissionregistrationv1.WebhookClientConfig{}
	h := hook{client: &client}
	if !h.trust([]byte("a")) || string(client.CABundle) != "a" {
		t.Error("an empty bundle stayed")
	}
	if h.trust([]byte("a")) {
		t.Error("the same bundle counted as a change")
	}
	if !h.trust([]byte("b")) {
		t.Error("another bundle was not taken")
	}
}
