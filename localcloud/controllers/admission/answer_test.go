package admission

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"
)

func body(t *testing.T, reply answer) map[string]any {
	t.Helper()
	text, err := json.Marshal(reply.body)
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]any
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func TestAReviewIsAllowedInTheVersionThatAsked(t *testing.T) {
	for _, version := range []string{"admission.k8s.io/v1", "admission.k8s.io/v1beta1"} {
		reply := respond(http.MethodPost, "/mutate", []byte(`{"apiVersion":"`+version+`","kind":"AdmissionReview","request":{
			"uid":"7","name":"web","namespace":"team","operation":"UPDATE","dryRun":true,"subResource":"scale",
			"kind":{"group":"apps","version":"v1","kind":"Deployment"},"userInfo":{"username":"admin"}}}`))
		want := map[string]any{"apiVersion": version, "kind": "AdmissionReview",
			"response": map[string]any{"uid": "7", "allowed": true}}
		if got := body(t, reply); reply.status != http.StatusOK || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d %v, want %v", version, reply.status, got, want)
		}
		if c := reply.call; c.Group != "apps" || c.Kind != "Deployment/scale" || c.Name != "web" || c.Namespace != "team" ||
			c.Operation != "UPDATE" || !c.DryRun || c.User != "admin" || c.Allowed == nil || !*c.Allowed {
			t.Errorf("recorded as %+v", c)
		}
	}
}

func TestObjectsAreConvertedByTheirVersion(t *testing.T) {
	reply := respond(
		http.MethodPost,
		"/convert",
		[]byte(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview",
		"request":{"uid":"8","desiredAPIVersion":"team.dev/v2","objects":[
			{"apiVersion":"team.dev/v1","kind":"Job","spec":{"size":3}},{"apiVersion":"team.dev/v1","kind":"Job"}]}}`),
	)
	response := body(t, reply)["response"].(map[string]any)
	want := []any{
		map[string]any{"apiVersion": "team.dev/v2", "kind": "Job", "spec": map[string]any{"size": 3.0}},
		map[string]any{"apiVersion": "team.dev/v2", "kind": "Job"},
	}
	if !reflect.DeepEqual(response["convertedObjects"], want) || response["uid"] != "8" ||
		response["result"].(map[string]any)["status"] != "Success" {
		t.Errorf("converted to %v", response)
	}
}

func TestAnAggregatedGroupIsServedEmpty(t *testing.T) {
	reply := respond(http.MethodGet, "/apis/metrics.k8s.io/v1beta1", nil)
	if got := body(t, reply); reply.status != http.StatusOK || got["groupVersion"] != "metrics.k8s.io/v1beta1" ||
		len(got["resources"].([]any)) != 0 {
		t.Errorf("%d %v", reply.status, got)
	}
	if reply := respond(http.MethodGet, "/apis/metrics.k8s.io/v1beta1/nodes", nil); reply.status != http.StatusNotFound {
		t.Errorf("an object of an empty group: %d", reply.status)
	}
}

func TestWhatIsNoReviewIsRefused(t *testing.T) {
	for text, status := range map[string]int{
		`not JSON`: http.StatusBadRequest,
		`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`:       http.StatusBadRequest,
		`{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview"}`:  http.StatusBadRequest,
		`{"apiVersion":"v1","kind":"Pod"}`:                                    http.StatusNotFound,
		`{"apiVersion":"evil.dev/v1","kind":"AdmissionReview","request":{}} `: http.StatusNotFound,
	} {
		if reply := respond(http.MethodPost, "/", []byte(text)); reply.status != status || reply.call.Reason == "" {
			t.Errorf("%s: %d (%s), want %d and a reason", text, reply.status, reply.call.Reason, status)
		}
	}
}
