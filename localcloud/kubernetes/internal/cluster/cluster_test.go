package cluster

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeflow/localcloud/kubernetes/internal/fakeapi"
)

type object = fakeapi.Object

func connect(t *testing.T, kubeconfig string) *Client {
	t.Helper()
	client, err := Connect(Access{Kubeconfig: kubeconfig, QPS: 1000, Burst: 1000, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestKindsAreAskedForOnceAndAgainOnlyForNewOnes(t *testing.T) {
	api := fakeapi.Start(t)
	client := connect(t, api.Kubeconfig(t))
	config, dog := schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, schema.GroupVersionKind{Group: "example.org", Version: "v1", Kind: "Dog"}
	for range 20 {
		if _, err := client.Target(t.Context(), config, "", "a"); err != nil {
			t.Fatal(err)
		}
	}
	if asked := len(api.Requests("DISCOVER")); asked != 2 {
		t.Errorf("20 known kinds took %d requests, want 2", asked)
	}
	var missing *meta.NoKindMatchError
	if _, err := client.Target(t.Context(), dog, "", "a"); !errors.As(err, &missing) {
		t.Errorf("got %v for a kind that is not served", err)
	}
	api.Serve("example.org/v1", fakeapi.Kind{Name: "Dog", Resource: "dogs"})
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := client.Target(t.Context(), dog, "", "a"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if asked := len(api.Requests("DISCOVER")); asked > 10 {
		t.Errorf("50 askers at once took %d requests", asked)
	}
}

func TestKindsOfACRDAreKnownFromIt(t *testing.T) {
	api := fakeapi.Start(t)
	client := connect(t, api.Kubeconfig(t))
	client.Learn(object{"spec": object{"group": "kubeflow.org", "scope": "Cluster", "names": object{"kind": "Profile", "plural": "profiles"},
		"versions": []any{object{"name": "v1beta1"}}}})
	target, err := client.Target(t.Context(), schema.GroupVersionKind{Group: "kubeflow.org", Version: "v1beta1", Kind: "Profile"}, "ignored", "me")
	if err != nil || target.path() != "/apis/kubeflow.org/v1beta1/profiles/me" || target.String() != "me" {
		t.Errorf("got %s, %v", target.path(), err)
	}
	if asked := api.Requests(""); len(asked) > 0 {
		t.Errorf("it asked %v", asked)
	}
}

func TestAWatchThatExpiresIsTakenUpAgain(t *testing.T) {
	api := fakeapi.Start(t)
	client := connect(t, api.Kubeconfig(t))
	path := "/api/v1/namespaces/default/configmaps/a"
	api.Put(path, object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "a"}, "data": object{"step": "1"}})
	target := Target{GVK: schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, Resource: "configmaps", Namespaced: true, Namespace: "default", Name: "a"}
	live, err := client.Get(t.Context(), target, false)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for api.Watchers() == 0 {
			time.Sleep(time.Millisecond)
		}
		api.Expire()
		api.Put(path, object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "a"}, "data": object{"step": "2"}})
	}()
	var steps []string
	err = client.Follow(t.Context(), target, live["metadata"].(object)["resourceVersion"].(string), Whole, func(seen map[string]any) (bool, error) {
		step := seen["data"].(map[string]any)["step"].(string)
		steps = append(steps, step)
		return step == "2", nil
	})
	if err != nil || len(steps) == 0 || steps[len(steps)-1] != "2" {
		t.Errorf("got %v, %v", steps, err)
	}
}

// settings stores a ConfigMap, and gives its path, itself as a target and its version.
func settings(api *fakeapi.Server) (string, Target, string) {
	path := "/api/v1/namespaces/default/configmaps/a"
	api.Put(path, object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "a"}})
	target := Target{GVK: schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, Resource: "configmaps", Namespaced: true, Namespace: "default", Name: "a"}
	return path, target, api.Object(path)["metadata"].(object)["resourceVersion"].(string)
}

func TestAWatchOfWhatHasNotChangedForLongGoesOnAfterARestart(t *testing.T) {
	api := fakeapi.Start(t)
	client := connect(t, api.Kubeconfig(t))
	path, target, version := settings(api)
	api.Expire()
	go func() {
		for len(api.Requests("watch=true")) < 2 || api.Watchers() == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
		api.Remove(path)
	}()
	gone := false
	err := client.Follow(t.Context(), target, version, Identity, func(seen map[string]any) (bool, error) {
		gone = seen == nil
		return gone, nil
	})
	if watches := api.Requests("watch=true"); err != nil || !gone || len(watches) != 2 {
		t.Errorf("got gone %v, %v after %v", gone, err, watches)
	}
}

func TestAWatchEndsWithItsContextAndTellsOfTheEnd(t *testing.T) {
	api := fakeapi.Start(t)
	client := connect(t, api.Kubeconfig(t))
	path, target, version := settings(api)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := client.Follow(ctx, target, version, Identity, func(map[string]any) (bool, error) { return false, nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	go func() {
		for api.Watchers() == 0 {
			time.Sleep(time.Millisecond)
		}
		api.Remove(path)
	}()
	gone := false
	err := client.Follow(t.Context(), target, version, Identity, func(seen map[string]any) (bool, error) {
		gone = seen == nil
		return gone, nil
	})
	if err != nil || !gone {
		t.Errorf("got gone %v, %v", gone, err)
	}
}

func TestAWatchDoesNotOutliveItsServerForLong(t *testing.T) {
	api := fakeapi.Start(t)
	client := connect(t, api.Kubeconfig(t))
	client.silence = 100 * time.Millisecond
	_, target, version := settings(api)
	go func() {
		for api.Watchers() == 0 {
			time.Sleep(time.Millisecond)
		}
		api.CloseClientConnections()
		api.Close()
	}()
	err := client.Follow(t.Context(), target, version, Identity, func(map[string]any) (bool, error) { return false, nil })
	if err == nil || !strings.Contains(err.Error(), "the API server at "+api.URL+" has not answered for") {
		t.Errorf("got %v", err)
	}
}

func TestOneClusterIsTheSameThroughTwoKubeconfigs(t *testing.T) {
	a, b := fakeapi.Start(t), fakeapi.Start(t)
	first, second, other := Access{Kubeconfig: a.Kubeconfig(t)}, Access{Kubeconfig: a.Kubeconfig(t)}, Access{Kubeconfig: b.Kubeconfig(t)}
	if !SameCluster(first, second) {
		t.Error("two kubeconfigs of one cluster differ")
	}
	if SameCluster(first, other) {
		t.Error("two clusters are the same")
	}
	if SameCluster(first, Access{Kubeconfig: "/no/such/file"}) {
		t.Error("a kubeconfig that is not there is the same as one that is")
	}
}

func TestAClusterThatCannotBeReachedIsSaidInOneSentence(t *testing.T) {
	api := fakeapi.Start(t)
	kubeconfig := api.Kubeconfig(t)
	api.Close()
	err := connect(t, kubeconfig).Reachable(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the API server at "+api.URL+" does not answer") {
		t.Errorf("got %v", err)
	}
	for kubeconfig, says := range map[string]string{
		"/no/such/file":                       "the kubeconfig cannot be read",
		"{not yaml":                           "the kubeconfig is not one",
		`{"apiVersion":"v1","kind":"Config"}`: "the kubeconfig names no cluster that can be used",
	} {
		if _, err := Connect(Access{Kubeconfig: kubeconfig}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", kubeconfig, err)
		}
	}
}
