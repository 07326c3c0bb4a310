package provider

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"kubeflow/localcloud/kubernetes/internal/fakeapi"
)

func TestCheckFillsInNameAndNamespace(t *testing.T) {
	_, engine := one(t)
	inputs, failure := engine.check(urn(configMap, "settings"), nil, object{"data": object{"a": nil, "b": "c"}})
	if failure != "" {
		t.Fatal(failure)
	}
	metadata := inputs["metadata"].(object)
	name := metadata["name"].(string)
	if !strings.HasPrefix(name, "settings-") || len(name) != len("settings-")+8 || metadata["namespace"] != "default" ||
		metadata["annotations"].(object)["pulumi.com/autonamed"] != "true" || inputs["apiVersion"] != "v1" || inputs["kind"] != "ConfigMap" {
		t.Errorf("got %v", inputs)
	}
	if data := inputs["data"].(object); !reflect.DeepEqual(data, object{"b": "c"}) {
		t.Errorf("a null was sent on: %v", data)
	}
	again, _ := engine.check(urn(configMap, "settings"), inputs, object{"data": object{"b": "d"}})
	if again["metadata"].(object)["name"] != name {
		t.Errorf("the name %s became %v", name, again["metadata"])
	}
	if unchanged, _ := engine.check(urn(configMap, "settings"), inputs, inputs); !reflect.DeepEqual(unchanged, inputs) {
		t.Errorf("%v became %v", inputs, unchanged)
	}
}

func TestCheckGivesNoNamespaceToWhatHasNone(t *testing.T) {
	_, engine := one(t)
	engine.check(urn("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "p"), nil, object{"metadata": object{"name": "profiles.kubeflow.org"},
		"spec": object{"group": "kubeflow.org", "scope": "Cluster", "names": object{"kind": "Profile", "plural": "profiles"}, "versions": []any{object{"name": "v1"}}}})
	for _, kind := range []string{"kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "kubernetes:kubeflow.org/v1:Profile", "kubernetes:core/v1:Namespace"} {
		inputs, failure := engine.check(urn(kind, "x"), nil, object{"metadata": object{"name": "x"}})
		if failure != "" || inputs["metadata"].(object)["namespace"] != nil {
			t.Errorf("%s: got %v, %s", kind, inputs, failure)
		}
	}
}

func TestCheckRefusesWhatWouldBeIgnored(t *testing.T) {
	_, engine := one(t)
	for says, inputs := range map[string]object{
		"annotation pulumi.com/waitfor is not served": {"metadata": object{"name": "a", "annotations": object{"pulumi.com/waitfor": "condition=Ready"}}},
		`pulumi.com/waitFor says "Ready"`:             {"metadata": object{"name": "a", "annotations": object{"pulumi.com/waitFor": "Ready"}}},
		"kind Secret does not fit the type":           {"kind": "Secret", "metadata": object{"name": "a"}},
	} {
		if _, failure := engine.check(urn(configMap, "a"), nil, inputs); !strings.Contains(failure, says) {
			t.Errorf("%s: got %q", says, failure)
		}
	}
	if _, failure := engine.check(urn("kubernetes:helm.sh/v3:Release", "a"), nil, object{}); !strings.Contains(failure, "is not served by this stand-in") {
		t.Errorf("got %q", failure)
	}
	if _, failure := engine.check(urn("kubernetes:core/v1:NamespacePatch", "a"), nil, object{}); !strings.Contains(failure, "a patch needs metadata.name") {
		t.Errorf("got %q", failure)
	}
}

func TestSecretsAreSecretOnTheWayInAndOut(t *testing.T) {
	api, engine := one(t)
	inputs, failure := engine.check(urn("kubernetes:core/v1:Secret", "s"), nil,
		object{"metadata": object{"name": "s"}, "stringData": object{"password": "hunter2"}})
	if failure != "" {
		t.Fatal(failure)
	}
	if want := secret(object{"password": "aHVudGVyMg=="}); !reflect.DeepEqual(inputs["data"], want) || inputs["stringData"] != nil {
		t.Errorf("got the inputs %v", inputs)
	}
	_, state, err := engine.create(urn("kubernetes:core/v1:Secret", "s"), inputs)
	if err != nil {
		t.Fatal(err)
	}
	if state["data"] != nil {
		t.Errorf("the inputs hold the data, and so does the state %v", state)
	}
	if sent := api.Object("/api/v1/namespaces/default/secrets/s")["data"]; !reflect.DeepEqual(sent, object{"password": "aHVudGVyMg=="}) {
		t.Errorf("sent %v", sent)
	}
	_, state, err = engine.create(urn(configMap, "c"), config("c", object{"open": "1", "closed": secret("2")}))
	if err != nil {
		t.Fatal(err)
	}
	if state["data"] != nil {
		t.Errorf("got the state %v", state)
	}
}

func (e *engine) diff(kind string, olds, news object) *pulumirpc.DiffResponse {
	e.t.Helper()
	response, err := e.client.Diff(e.t.Context(), &pulumirpc.DiffRequest{Urn: urn(kind, "x"), Id: "x", OldInputs: bag(e.t, olds), News: bag(e.t, news)})
	if err != nil {
		e.t.Fatal(err)
	}
	return response
}

func TestDiff(t *testing.T) {
	api, strict := one(t)
	mutable := attach(t, serve(t), object{"kubeconfig": api.Kubeconfig(t), "enableConfigMapMutable": "true"})
	named := config("c", object{"a": "1"})
	autonamed := object{"metadata": object{"name": "c-1", "annotations": object{"pulumi.com/autonamed": "true"}}, "data": object{"a": "1"}}
	autonamedAfter := object{"metadata": object{"name": "c-1", "annotations": object{"pulumi.com/autonamed": "true"}}, "data": object{"a": "2"}}
	role := "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
	for name, test := range map[string]struct {
		engine      *engine
		kind        string
		olds, news  object
		changed     []string
		replaced    []string
		deleteFirst bool
	}{
		"no change":               {strict, configMap, named, named, nil, nil, false},
		"a default namespace":     {strict, configMap, object{"metadata": object{"name": "c"}}, object{"metadata": object{"name": "c", "namespace": "default"}}, nil, nil, false},
		"a namespace of nobody":   {strict, role, object{"metadata": object{"name": "c", "namespace": "x"}}, object{"metadata": object{"name": "c"}}, nil, nil, false},
		"data":                    {strict, configMap, named, config("c", object{"a": "2"}), []string{"data.a"}, []string{"data.a"}, true},
		"data that may change":    {mutable, configMap, named, config("c", object{"a": "2"}), []string{"data.a"}, nil, false},
		"data of a made-up name":  {strict, configMap, autonamed, autonamedAfter, []string{"data.a"}, []string{"data.a"}, false},
		"another name":            {strict, configMap, named, config("d", object{"a": "1"}), []string{"metadata.name"}, []string{"metadata.name"}, false},
		"replicas":                {strict, deployment, object{"metadata": object{"name": "d"}, "spec": object{"replicas": 1}}, object{"metadata": object{"name": "d"}, "spec": object{"replicas": 2}}, []string{"spec.replicas"}, nil, false},
		"the same data, unfolded": {strict, "kubernetes:core/v1:Secret", object{"metadata": object{"name": "s"}, "data": secret(object{"a": "Yg=="})}, object{"metadata": object{"name": "s"}, "stringData": object{"a": "b"}}, nil, nil, false},
		"a secret's data":         {strict, "kubernetes:core/v1:Secret", object{"metadata": object{"name": "s"}, "data": secret(object{"a": "Yg=="})}, object{"metadata": object{"name": "s"}, "data": secret(object{"a": "Yw=="})}, []string{"data.a"}, []string{"data.a"}, true},
		"a patch of a selector":   {strict, "kubernetes:apps/v1:DeploymentPatch", object{"metadata": object{"name": "d"}}, object{"metadata": object{"name": "d"}, "spec": object{"selector": object{"a": "b"}}}, []string{"spec"}, nil, false},
	} {
		response := test.engine.diff(test.kind, test.olds, test.news)
		var changed []string
		for path := range response.GetDetailedDiff() {
			changed = append(changed, path)
		}
		if !slices.Equal(changed, test.changed) || !slices.Equal(response.GetReplaces(), test.replaced) ||
			response.GetDeleteBeforeReplace() != test.deleteFirst || (response.GetChanges() == pulumirpc.DiffResponse_DIFF_SOME) != (len(test.changed) > 0) {
			t.Errorf("%s: got %v", name, response)
		}
	}
}

func TestReadTellsDriftFromWhatOthersWrote(t *testing.T) {
	api, engine := one(t)
	live := config("c", object{"a": "changed"})
	live["metadata"].(object)["labels"] = object{"theirs": "1"}
	api.Put(configPath+"c", live)
	read := func(id string, inputs object) *pulumirpc.ReadResponse {
		response, err := engine.client.Read(t.Context(), &pulumirpc.ReadRequest{Urn: urn(configMap, "c"), Id: id, Inputs: bag(t, inputs),
			Properties: bag(t, object{"__fieldManager": "pulumi-kubernetes-00000000"})})
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	refreshed := read("default/c", config("c", object{"a": "1"}))
	if got := refreshed.GetInputs().AsMap(); !reflect.DeepEqual(got, config("c", object{"a": "changed"})) {
		t.Errorf("got the inputs %v", got)
	}
	if got := refreshed.GetProperties().AsMap()["__fieldManager"]; got != "pulumi-kubernetes-00000000" {
		t.Errorf("the owner of the fields became %v", got)
	}
	imported := read("default/c", object{}).GetInputs().AsMap()
	if imported["metadata"].(object)["uid"] != nil || imported["metadata"].(object)["labels"].(object)["theirs"] != "1" {
		t.Errorf("imported %v", imported)
	}
	if gone := read("default/nobody", config("nobody", nil)); gone.GetId() != "" {
		t.Errorf("got %v for an object that is gone", gone)
	}
}

func TestSettingsAreCheckedByName(t *testing.T) {
	for says, settings := range map[string]object{
		"kubeConfig is not known":                     {"kubeConfig": "x"},
		"renderYamlToDirectory is not served":         {"renderYamlToDirectory": "/tmp"},
		"enableServerSideApply is false":              {"enableServerSideApply": "false"},
		"upsertExistingObjects is often: it must be":  {"upsertExistingObjects": "often"},
		"kubeClientSettings cannot be used: rate":     {"kubeClientSettings": `{"rate": 5}`},
		"kubeClientSettings cannot be used: qps is 0": {"kubeClientSettings": object{"qps": 0}},
	} {
		response, err := checkConfig(&pulumirpc.CheckRequest{News: bag(t, settings)})
		if err != nil || len(response.GetFailures()) != 1 || !strings.Contains(response.GetFailures()[0].GetReason(), says) {
			t.Errorf("%s: got %v, %v", says, response.GetFailures(), err)
		}
	}
	good, failures := readSettings(object{"kubeClientSettings": `{"qps": 2000, "burst": 3000, "timeout": 60}`, "enableConfigMapMutable": true, "version": "4.34.2"})
	if len(failures) > 0 || good.access.QPS != 2000 || good.access.Burst != 3000 || good.access.Timeout.Seconds() != 60 || !good.rules.ConfigMapMutable {
		t.Errorf("got %+v, %v", good, failures)
	}
}

func TestAnotherClusterReplacesAllThatIsOnIt(t *testing.T) {
	first, second := fakeapi.Start(t), fakeapi.Start(t)
	a, again, b := first.Kubeconfig(t), first.Kubeconfig(t), second.Kubeconfig(t)
	for name, test := range map[string]struct {
		olds, news object
		changes    bool
		replaces   []string
	}{
		"nothing":                {object{"kubeconfig": a}, object{"kubeconfig": a}, false, nil},
		"another file":           {object{"kubeconfig": a}, object{"kubeconfig": again}, true, nil},
		"another cluster":        {object{"kubeconfig": a}, object{"kubeconfig": b}, true, []string{"kubeconfig"}},
		"not known yet":          {object{"kubeconfig": a}, object{"kubeconfig": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}, true, []string{"kubeconfig"}},
		"said to be the same":    {object{"kubeconfig": a, "clusterIdentifier": "x"}, object{"kubeconfig": b, "clusterIdentifier": "x"}, true, nil},
		"said to be another":     {object{"kubeconfig": a, "clusterIdentifier": "x"}, object{"kubeconfig": a, "clusterIdentifier": "y"}, true, []string{"clusterIdentifier"}},
		"only the client's pace": {object{"kubeconfig": a}, object{"kubeconfig": a, "kubeClientSettings": `{"qps":5}`}, true, nil},
	} {
		response, err := diffConfig(&pulumirpc.DiffRequest{OldInputs: bag(t, test.olds), News: bag(t, test.news)})
		if err != nil || (response.GetChanges() == pulumirpc.DiffResponse_DIFF_SOME) != test.changes || !slices.Equal(response.GetReplaces(), test.replaces) {
			t.Errorf("%s: got %v, %v", name, response, err)
		}
	}
}
