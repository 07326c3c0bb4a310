package drift

import (
	"reflect"
	"testing"
)

type object = map[string]any

func TestWhatOthersWroteIsNoDrift(t *testing.T) {
	for name, test := range map[string]struct{ inputs, live object }{
		"defaults":              {object{"spec": object{"replicas": 1.0}}, object{"spec": object{"replicas": int64(1), "paused": false}, "status": object{"x": "y"}}},
		"defaults in elements":  {object{"ports": []any{object{"port": 80.0}}}, object{"ports": []any{object{"port": int64(80), "protocol": "TCP"}}}},
		"a caBundle":            {object{"webhooks": []any{object{"name": "a", "clientConfig": object{"service": object{"name": "s"}}}}}, object{"webhooks": []any{object{"name": "a", "clientConfig": object{"caBundle": "Q0E=", "service": object{"name": "s", "port": int64(443)}}}}}},
		"elements of others":    {object{"containers": []any{object{"name": "main"}}}, object{"containers": []any{object{"name": "istio-proxy"}, object{"name": "main", "image": "x"}}}},
		"finalizers of others":  {object{"finalizers": []any{"mine"}}, object{"finalizers": []any{"theirs", "mine"}}},
		"gathered rules":        {object{"kind": "ClusterRole", "aggregationRule": object{}, "rules": []any{}}, object{"aggregationRule": object{}, "rules": []any{object{"verbs": []any{"get"}}}}},
		"a shipped status":      {object{"status": object{"storedVersions": []any{}}}, object{"status": object{"storedVersions": []any{"v1"}}}},
		"quantities":            {object{"cpu": "0.5", "memory": "1024Mi"}, object{"cpu": "500m", "memory": "1Gi"}},
		"base64 in lines":       {object{"data": object{"a": "aGVs\nbG8=\n"}}, object{"data": object{"a": "aGVsbG8="}}},
		"empty fields":          {object{"a": object{"b": object{}}, "c": []any{}, "d": "", "e": false}, object{}},
		"a list that is null":   {object{"rules": []any{}}, object{"rules": nil}},
		"a namespace of nobody": {object{"kind": "ClusterRole", "metadata": object{"name": "a", "namespace": "b"}}, object{"metadata": object{"name": "a"}}},
	} {
		if got := Inputs(test.inputs, test.live); !reflect.DeepEqual(got, test.inputs) {
			t.Errorf("%s: got %v, want %v", name, got, test.inputs)
		}
	}
}

func TestWhatSomebodyChangedIsDrift(t *testing.T) {
	for name, test := range map[string]struct{ inputs, live, want object }{
		"a value":            {object{"spec": object{"replicas": 1.0}}, object{"spec": object{"replicas": int64(3)}}, object{"spec": object{"replicas": int64(3)}}},
		"a field that went":  {object{"data": object{"a": "x", "b": "y"}}, object{"data": object{"b": "y"}}, object{"data": object{"b": "y"}}},
		"all that went":      {object{"data": object{"a": "x"}}, object{}, object{}},
		"in a named element": {object{"l": []any{object{"name": "a", "v": "1"}, object{"name": "b", "v": "2"}}}, object{"l": []any{object{"name": "a", "v": "1"}, object{"name": "b", "v": "3"}}}, object{"l": []any{object{"name": "a", "v": "1"}, object{"name": "b", "v": "3"}}}},
		"a lost element":     {object{"l": []any{object{"name": "a"}, object{"name": "b"}}}, object{"l": []any{object{"name": "a"}}}, object{"l": []any{object{"name": "a"}}}},
		"another type":       {object{"a": "x"}, object{"a": object{"b": "c"}}, object{"a": object{"b": "c"}}},
		"in a plain list":    {object{"args": []any{"a", "b"}}, object{"args": []any{"a", "c"}}, object{"args": []any{"a", "c"}}},
	} {
		if got := Inputs(test.inputs, test.live); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func TestAnImportTakesWhatAProgramWouldSay(t *testing.T) {
	got := Imported(object{"apiVersion": "apps/v1", "kind": "Deployment", "spec": object{"replicas": int64(1)}, "status": object{"replicas": int64(1)},
		"metadata": object{"name": "a", "uid": "1", "resourceVersion": "2", "managedFields": []any{}, "annotations": object{"deployment.kubernetes.io/revision": "1"}}})
	want := object{"apiVersion": "apps/v1", "kind": "Deployment", "spec": object{"replicas": int64(1)}, "metadata": object{"name": "a"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
