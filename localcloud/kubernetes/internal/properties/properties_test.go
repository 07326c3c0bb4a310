package properties

import (
	"reflect"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/sig"
	"google.golang.org/protobuf/types/known/structpb"
)

const unknownText = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

func secret(value any) map[string]any { return map[string]any{sig.Key: sig.Secret, "value": value} }

func bag(t *testing.T, object map[string]any) *structpb.Struct {
	t.Helper()
	result, err := structpb.NewStruct(object)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestSecretsSurviveTheWayThroughAPlainObject(t *testing.T) {
	sent := bag(t, map[string]any{
		"metadata": map[string]any{"name": "a", "labels": nil},
		"spec":     map[string]any{"password": secret("hunter2"), "size": 3.0},
		"list":     []any{"x", secret("y")},
	})
	object, secrets, err := Decode(sent)
	if err != nil {
		t.Fatal(err)
	}
	plain := map[string]any{"metadata": map[string]any{"name": "a"}, "spec": map[string]any{"password": "hunter2", "size": 3.0}, "list": []any{"x", "y"}}
	if !reflect.DeepEqual(object, plain) {
		t.Errorf("got the object %v, want %v", object, plain)
	}
	back, err := Encode(object, secrets)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"metadata": map[string]any{"name": "a"}, "spec": map[string]any{"password": secret("hunter2"), "size": 3.0},
		"list": secret([]any{"x", "y"})}
	if !reflect.DeepEqual(back.AsMap(), want) {
		t.Errorf("got the properties %v, want %v", back.AsMap(), want)
	}
}

func TestAnAssetIsRefusedByItsPlace(t *testing.T) {
	_, _, err := Decode(bag(t, map[string]any{"data": map[string]any{"file": map[string]any{sig.Key: sig.AssetSig}}}))
	if err == nil || err.Error() != "data: file: an asset, an archive or a resource is not a value of a Kubernetes object; give its text or its name" {
		t.Errorf("got %v", err)
	}
}

func TestUnknownsAreFoundAtAnyDepth(t *testing.T) {
	for name, test := range map[string]struct {
		value any
		want  bool
	}{
		"plain":   {map[string]any{"a": []any{"b", 1.0}}, false},
		"text":    {unknownText, true},
		"in list": {map[string]any{"a": []any{map[string]any{"b": unknownText}}}, true},
	} {
		if got := HasUnknown(test.value); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestStringDataIsFoldedIntoData(t *testing.T) {
	object := map[string]any{"apiVersion": "v1", "kind": "Secret", "data": map[string]any{"a": "b2xk", "b": "a2VwdA=="},
		"stringData": map[string]any{"a": "new"}}
	FoldStringData(object)
	want := map[string]any{"apiVersion": "v1", "kind": "Secret", "data": map[string]any{"a": "bmV3", "b": "a2VwdA=="}}
	if !reflect.DeepEqual(object, want) {
		t.Errorf("got %v, want %v", object, want)
	}
	unknown := map[string]any{"apiVersion": "v1", "kind": "Secret", "stringData": map[string]any{"a": unknownText}}
	FoldStringData(unknown)
	if unknown["stringData"] == nil || unknown["data"] != nil {
		t.Errorf("a value that is not known yet was encoded: %v", unknown)
	}
}

func TestDataOfASecretIsSecretThoughNobodySaidSo(t *testing.T) {
	object := map[string]any{"apiVersion": "v1", "kind": "Secret", "data": map[string]any{"a": "bmV3"}, "type": "Opaque"}
	back, err := Encode(object, WithSecretKind(object, nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := back.AsMap(); !reflect.DeepEqual(got["data"], secret(map[string]any{"a": "bmV3"})) || got["type"] != "Opaque" {
		t.Errorf("got %v", got)
	}
	config := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"a": "b"}}
	if WithSecretKind(config, nil) != nil {
		t.Error("a ConfigMap's data is not secret")
	}
}

func TestBagsAreTheSameOnlyIfEqualToTheLetter(t *testing.T) {
	whole := func() map[string]any {
		return map[string]any{"text": "a", "number": 1.0, "on": true, "none": nil, "list": []any{"x", 2.0},
			"object": map[string]any{"inner": []any{map[string]any{"deep": "b"}}}, "secret": secret("y")}
	}
	if !Same(bag(t, whole()), bag(t, whole())) {
		t.Error("a copy is not the same")
	}
	for name, value := range map[string]any{
		"text": "b", "number": 2.0, "on": false, "none": "now", "list": []any{"x", 2.0, 3.0},
		"object": map[string]any{"inner": []any{map[string]any{"deep": "c"}}}, "secret": "y", "added": 1.0,
	} {
		other := whole()
		other[name] = value
		if Same(bag(t, whole()), bag(t, other)) || Same(bag(t, other), bag(t, whole())) {
			t.Errorf("another %s is the same", name)
		}
	}
	if Same(nil, bag(t, whole())) || Same(bag(t, whole()), nil) {
		t.Error("nothing is the same as something")
	}
}
