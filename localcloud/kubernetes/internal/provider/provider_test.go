package provider

import (
	"reflect"
	"strings"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"

	"kubeflow/localcloud/kubernetes/internal/fakeapi"
)

const (
	configMap  = "kubernetes:core/v1:ConfigMap"
	deployment = "kubernetes:apps/v1:Deployment"
	configPath = "/api/v1/namespaces/default/configmaps/"
)

func config(name string, data object) object {
	return object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": name, "namespace": "default"}, "data": data}
}

func workload(annotations object) object {
	return object{"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": object{"name": "d", "namespace": "default", "generation": 1, "annotations": annotations}, "spec": object{"replicas": 1}}
}

func one(t *testing.T) (*fakeapi.Server, *engine) {
	t.Helper()
	api := fakeapi.Start(t)
	return api, attach(t, serve(t), object{"kubeconfig": api.Kubeconfig(t)})
}

func impatient(t *testing.T) {
	before := patience
	patience = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond}
	t.Cleanup(func() { patience = before })
}

func TestEachConnectionHasItsOwnCluster(t *testing.T) {
	address := serve(t)
	first, second := fakeapi.Start(t), fakeapi.Start(t)
	a, b := attach(t, address, object{"kubeconfig": first.Kubeconfig(t)}), attach(t, address, object{"kubeconfig": second.Kubeconfig(t)})
	for engine, name := range map[*engine]string{a: "one", b: "two"} {
		if _, _, err := engine.create(urn(configMap, name), config(name, object{"k": "v"})); err != nil {
			t.Fatal(err)
		}
	}
	if first.Object(configPath+"one") == nil || second.Object(configPath+"two") == nil || first.Object(configPath+"two") != nil {
		t.Error("the objects are not in the clusters that they were meant for")
	}
}

func TestCreateSendsTheObjectOnceAndKeepsWhatBecameOfIt(t *testing.T) {
	api, engine := one(t)
	id, state, err := engine.create(urn(configMap, "c"), config("c", object{"k": "v"}))
	if err != nil || id != "default/c" {
		t.Fatalf("got id %q, %v", id, err)
	}
	if got := api.Requests("/configmaps"); len(got) != 1 || !strings.HasPrefix(got[0], "POST ") || !strings.Contains(got[0], "fieldManager=pulumi-kubernetes-") {
		t.Errorf("it asked %v", got)
	}
	if state["metadata"].(object)["uid"] == "" || !strings.HasPrefix(state["__fieldManager"].(string), "pulumi-kubernetes-") {
		t.Errorf("got the state %v", state)
	}
}

func TestAnObjectThatIsThereIsTakenOverOnlyIfTheProviderSaysSo(t *testing.T) {
	api, engine := one(t)
	api.Put(configPath+"c", config("c", object{"theirs": "1"}))
	if _, _, err := engine.create(urn(configMap, "c"), config("c", object{"k": "v"})); err == nil || !strings.Contains(err.Error(), "set upsertExistingObjects on the provider to take it over") {
		t.Errorf("got %v", err)
	}
	upserting := attach(t, serve(t), object{"kubeconfig": api.Kubeconfig(t), "upsertExistingObjects": "true", "enablePatchForce": "true"})
	if _, _, err := upserting.create(urn(configMap, "c"), config("c", object{"k": "v"})); err != nil {
		t.Fatal(err)
	}
	if data := api.Object(configPath + "c")["data"].(object); data["k"] != "v" || data["theirs"] != "1" {
		t.Errorf("got %v", data)
	}
	if len(api.Requests("force=true")) != 1 {
		t.Errorf("it asked %v", api.Requests("configmaps"))
	}
}

func TestOnlyWhatMayStillComeIsTriedAgain(t *testing.T) {
	impatient(t)
	api, engine := one(t)
	inputs := config("c", object{"k": "v"})
	inputs["metadata"] = object{"name": "c", "namespace": "later"}
	go func() {
		for !engine.said("trying again") {
			time.Sleep(time.Millisecond)
		}
		api.Put("/api/v1/namespaces/later", object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "later"}})
	}()
	patience = append(patience, 5*time.Second)
	if _, _, err := engine.create(urn(configMap, "c"), inputs); err != nil {
		t.Errorf("got %v, though the namespace came", err)
	}
	api.Refuse(fakeapi.Refusal{Text: "POST /api/v1/namespaces/default/configmaps", Code: 500, Reason: "InternalError",
		Message: `failed calling webhook "x.y": no endpoints available`, Times: 2})
	_, _, err := engine.create(urn(configMap, "w"), config("w", nil))
	if err == nil || !strings.Contains(err.Error(), "ConfigMap default/w was not created") || !strings.Contains(err.Error(), "failed calling webhook") {
		t.Errorf("got %v", err)
	}
	if tries := len(api.Requests("POST /api/v1/namespaces/default/configmaps")); tries != 1 {
		t.Errorf("a webhook's refusal was tried %d times", tries)
	}
}

func TestAKindThatNobodyServesIsNamed(t *testing.T) {
	impatient(t)
	_, engine := one(t)
	_, _, err := engine.create(urn("kubernetes:example.org/v1:Dog", "rex"), object{"metadata": object{"name": "rex", "namespace": "default"}})
	if err == nil || !strings.Contains(err.Error(), "the cluster does not serve kind Dog of example.org/v1: create the CustomResourceDefinition first") {
		t.Errorf("got %v", err)
	}
}

func TestACreateWaitsUntilTheObjectIsReady(t *testing.T) {
	api, engine := one(t)
	path := "/apis/apps/v1/namespaces/default/deployments/d"
	api.React(func(verb, at string, made object) func() {
		if verb != "POST" || at != path {
			return nil
		}
		return func() {
			for !engine.said("waiting for Deployment default/d") {
				time.Sleep(time.Millisecond)
			}
			made["status"] = object{"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
				"conditions": []any{object{"type": "Available", "status": "True"}, object{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}}}
			api.Put(path, made)
		}
	})
	_, state, err := engine.create(urn(deployment, "d"), workload(object{}))
	if err != nil {
		t.Fatal(err)
	}
	if ready := state["status"].(object)["readyReplicas"]; ready != 1.0 {
		t.Errorf("the state is of before it was ready: %v", state["status"])
	}
}

func TestAnObjectThatDoesNotGetReadyStaysInTheState(t *testing.T) {
	_, engine := one(t)
	_, _, err := engine.create(urn(deployment, "d"), workload(object{"pulumi.com/timeoutSeconds": "1", "pulumi.com/waitFor": "condition=Available"}))
	failed := initFailed(t, err)
	if failed.GetId() != "default/d" || failed.GetProperties().AsMap()["metadata"].(object)["name"] != "d" {
		t.Errorf("kept %v", failed)
	}
	want := "Deployment default/d was created but is not ready: it took longer than 1s; last seen: condition Available is not there yet"
	if got := failed.GetReasons(); len(got) != 1 || got[0] != want {
		t.Errorf("got the reasons %q, want %q", got, want)
	}
}

func TestCancelEndsAWaitAtOnceAndOnlyItsOwn(t *testing.T) {
	api := fakeapi.Start(t)
	address := serve(t)
	cancelled, other := attach(t, address, object{"kubeconfig": api.Kubeconfig(t)}), attach(t, address, object{"kubeconfig": api.Kubeconfig(t)})
	go func() {
		for !cancelled.said("waiting for") {
			time.Sleep(time.Millisecond)
		}
		_, _ = cancelled.client.Cancel(t.Context(), &emptypb.Empty{})
	}()
	_, _, err := cancelled.create(urn(deployment, "d"), workload(object{}))
	if failed := initFailed(t, err); !strings.Contains(failed.GetReasons()[0], "the operation was cancelled") {
		t.Errorf("got %v", failed.GetReasons())
	}
	if _, _, err := other.create(urn(configMap, "c"), config("c", nil)); err != nil {
		t.Errorf("another engine's work was cancelled too: %v", err)
	}
}

func TestDeleteWaitsForFinalizers(t *testing.T) {
	api, engine := one(t)
	held := config("c", nil)
	held["metadata"].(object)["finalizers"] = []any{"example.org/hold"}
	api.Put(configPath+"c", held)
	remove := func(seconds float64) error {
		_, err := engine.client.Delete(t.Context(), &pulumirpc.DeleteRequest{Urn: urn(configMap, "c"), Id: "default/c", OldInputs: bag(t, config("c", nil)), Timeout: seconds})
		return err
	}
	if err := remove(0.1); err == nil || !strings.Contains(err.Error(), "ConfigMap default/c was not deleted: it is still there after 100ms, held by its finalizers (example.org/hold)") {
		t.Errorf("got %v", err)
	}
	go func() {
		for api.Watchers() == 0 {
			time.Sleep(time.Millisecond)
		}
		api.Remove(configPath + "c")
	}()
	if err := remove(10); err != nil {
		t.Error(err)
	}
	if err := remove(10); err != nil {
		t.Errorf("an object that is gone already: %v", err)
	}
}

func TestDeleteKnowsAnObjectThatWentAtOnceFromOneThatIsStillThere(t *testing.T) {
	api, engine := one(t)
	service := object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "s", "namespace": "default"}}
	api.Put("/api/v1/namespaces/default/services/s", service)
	request := &pulumirpc.DeleteRequest{Urn: urn("kubernetes:core/v1:Service", "s"), Id: "default/s", OldInputs: bag(t, service), Timeout: 2}
	if _, err := engine.client.Delete(t.Context(), request); err != nil {
		t.Error(err)
	}
}

func TestAPatchNeedsItsObjectAndGivesItUpAgain(t *testing.T) {
	impatient(t)
	api, engine := one(t)
	patch := object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "other", "labels": object{"a": "b"}}}
	patchURN := urn("kubernetes:core/v1:NamespacePatch", "p")
	if _, _, err := engine.create(patchURN, patch); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("got %v for an object that is not there", err)
	}
	api.Put("/api/v1/namespaces/other", object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "other"}})
	id, state, err := engine.create(patchURN, patch)
	if err != nil || id != "other" {
		t.Fatalf("got %q, %v", id, err)
	}
	_, err = engine.client.Delete(t.Context(), &pulumirpc.DeleteRequest{Urn: patchURN, Id: id, OldInputs: bag(t, patch), Properties: bag(t, state)})
	if err != nil {
		t.Fatal(err)
	}
	manager := "fieldManager=" + state["__fieldManager"].(string)
	if len(api.Requests("DELETE")) > 0 || len(api.Requests(manager)) != 2 || api.Object("/api/v1/namespaces/other") == nil {
		t.Errorf("it asked %v", api.Requests(""))
	}
}

func TestAPreviewTouchesNothing(t *testing.T) {
	api, engine := one(t)
	inputs := config("c", object{"k": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"})
	created, err := engine.client.Create(t.Context(), &pulumirpc.CreateRequest{Urn: urn(configMap, "c"), Properties: bag(t, inputs), Preview: true})
	if err != nil || !reflect.DeepEqual(created.GetProperties().AsMap(), inputs) || created.GetId() != "" {
		t.Errorf("got %v, %v", created, err)
	}
	updated, err := engine.client.Update(t.Context(), &pulumirpc.UpdateRequest{Urn: urn(configMap, "c"), Id: "default/c", News: bag(t, inputs), Preview: true})
	if err != nil || !reflect.DeepEqual(updated.GetProperties().AsMap(), inputs) {
		t.Errorf("got %v, %v", updated, err)
	}
	if asked := api.Requests(""); len(asked) > 0 {
		t.Errorf("it asked %v", asked)
	}
}

func TestAnUnreachableClusterStopsAnUpdateAndNotAPreview(t *testing.T) {
	api := fakeapi.Start(t)
	kubeconfig := api.Kubeconfig(t)
	api.Close()
	engine := attach(t, serve(t), object{"kubeconfig": kubeconfig})
	if _, failure := engine.check(urn(configMap, "c"), nil, config("c", nil)); failure != "" {
		t.Error(failure)
	}
	if _, err := engine.client.Create(t.Context(), &pulumirpc.CreateRequest{Urn: urn(configMap, "c"), Properties: bag(t, config("c", nil)), Preview: true}); err != nil {
		t.Error(err)
	}
	if _, _, err := engine.create(urn(configMap, "c"), config("c", nil)); err == nil || !strings.Contains(err.Error(), "the configured Kubernetes cluster is unreachable: the API server at "+api.URL+" does not answer") {
		t.Errorf("got %v", err)
	}
	forgiving := attach(t, serve(t), object{"kubeconfig": kubeconfig, "deleteUnreachable": true})
	if _, err := forgiving.client.Delete(t.Context(), &pulumirpc.DeleteRequest{Urn: urn(configMap, "c"), Id: "default/c", OldInputs: bag(t, config("c", nil))}); err != nil {
		t.Error(err)
	}
}

// kept is the state of an object that was sent as `inputs` and became `live`.
func kept(t *testing.T, kind string, inputs, live object) object {
	t.Helper()
	r, err := readResource(urn(kind, "x"), bag(t, inputs))
	if err != nil {
		t.Fatal(err)
	}
	state, err := outputs(r, r.object, live, "m")
	if err != nil {
		t.Fatal(err)
	}
	return state.AsMap()
}

func TestStateHoldsWhatTheInputsDoNot(t *testing.T) {
	inputs := config("c", object{"k": "v"})
	inputs["metadata"].(object)["labels"] = object{"app": "c"}
	live := object{"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": object{"name": "c", "uid": "1", "resourceVersion": "7", "labels": object{"app": "c"}, "annotations": object{"theirs": "1"}},
		"data":     object{"k": "v"}, "status": object{"phase": "Active", "conditions": []any{object{"type": "Ready", "status": "True"}}}}
	want := object{"metadata": object{"name": "c", "uid": "1", "annotations": object{"theirs": "1"}}, "status": object{"phase": "Active"}, managerKey: "m"}
	if got := kept(t, configMap, inputs, live); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	live["status"] = object{"note": strings.Repeat("x", largest)}
	delete(want, "status")
	if got := kept(t, configMap, inputs, live); !reflect.DeepEqual(got, want) {
		t.Errorf("of much that was added, got %.200v, want %v", got, want)
	}
	const service = "kubernetes:core/v1:Service"
	address := object{"clusterIP": "172.20.0.7"}
	if got := kept(t, service, object{"spec": object{"type": "ClusterIP"}}, object{"spec": address})["spec"]; !reflect.DeepEqual(got, address) {
		t.Errorf("a Service's address is not in the state: %v", got)
	}
	filled := object{"metadata": object{"name": "s"}, "data": object{"token": "ZmlsbGVk"}}
	if got := kept(t, "kubernetes:core/v1:Secret", object{}, filled)["data"]; !reflect.DeepEqual(got, secret(filled["data"])) {
		t.Errorf("what somebody else filled in is not secret: %v", got)
	}
}

func TestStateOfADefinitionIsItsIdentity(t *testing.T) {
	_, engine := one(t)
	crd := object{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": object{"name": "dogs.example.org"},
		"spec": object{"group": "example.org", "scope": "Cluster", "names": object{"kind": "Dog", "plural": "dogs"}, "versions": []any{object{"name": "v1"}}}}
	_, state, err := engine.create(urn("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "dogs"), crd)
	if err != nil || state["spec"] != nil || state["metadata"].(object)["name"] != "dogs.example.org" {
		t.Errorf("got %v, %v", state, err)
	}
}

func TestAPodSaysWhatIsWrongWithIt(t *testing.T) {
	ready := []any{object{"type": "PodScheduled", "status": "True"}, object{"type": "Ready", "status": "True"}}
	unready := []any{object{"type": "PodScheduled", "status": "True"}, object{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}}
	pulling := []any{object{"name": "main", "state": object{"waiting": object{"reason": "ImagePullBackOff", "message": "no such image"}}}}
	for want, status := range map[string]object{
		"": {"conditions": ready},
		"ContainersNotReady, container main: ImagePullBackOff no such image": {"conditions": unready, "containerStatuses": pulling},
		"Unschedulable 0/5 nodes are available":                              {"conditions": []any{object{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/5 nodes are available"}}},
	} {
		if got := troubleOf(object{"status": status}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAnUpdatedCRDThatIsEstablishedAlreadyIsNotWaitedFor(t *testing.T) {
	api, engine := one(t)
	path := "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/dogs.example.org"
	crd := object{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": object{"name": "dogs.example.org", "annotations": object{"pulumi.com/waitFor": "condition=Established", "pulumi.com/timeoutSeconds": "5"}},
		"spec":     object{"group": "example.org", "scope": "Cluster", "names": object{"kind": "Dog", "plural": "dogs"}, "versions": []any{object{"name": "v1"}}},
		"status":   object{"conditions": []any{object{"type": "Established", "status": "True"}}}}
	api.Put(path, crd)
	kind := urn("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "dogs")
	if _, err := engine.client.Update(t.Context(), &pulumirpc.UpdateRequest{Urn: kind, Id: "dogs.example.org", News: bag(t, crd)}); err != nil {
		t.Fatal(err)
	}
	if writes := api.Requests("PUT"); len(writes) != 1 || len(api.Requests("watch=true")) > 0 {
		t.Errorf("it asked %v", api.Requests(""))
	}
}
