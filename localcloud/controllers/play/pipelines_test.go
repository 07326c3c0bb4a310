package play

import (
	"reflect"
	"testing"
)

func TestTheHookAsksForWhatItsSettingsSay(t *testing.T) {
	for _, one := range []struct {
		settings pipelinesSettings
		want     []string
	}{
		{pipelinesSettings{}, []string{
			"ConfigMap/metadata-grpc-configmap", "ConfigMap/artifact-repositories", "ConfigMap/kfp-launcher",
			"Secret/mlpipeline-minio-artifact",
		}},
		{pipelinesSettings{proxy: true, version: "2.16.0"}, []string{
			"ConfigMap/metadata-grpc-configmap", "ConfigMap/artifact-repositories", "ConfigMap/kfp-launcher",
			"Secret/mlpipeline-minio-artifact", "Deployment/ml-pipeline-ui-artifact", "Service/ml-pipeline-ui-artifact",
		}},
		{pipelinesSettings{keys: map[string]any{"accesskey": "c3RhY2s="}}, []string{
			"ConfigMap/metadata-grpc-configmap", "Secret/mlpipeline-minio-artifact",
		}},
	} {
		children, err := (&Cluster{}).pipelinesChildren("ann", one.settings)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, child := range children {
			got = append(got, child.GetKind()+"/"+child.GetName())
		}
		if !reflect.DeepEqual(got, one.want) {
			t.Errorf("%+v: %v", one.settings, got)
		}
	}
}

func TestTheFrontendsImageIsTheOneThatTheProgramNames(t *testing.T) {
	for program, want := range map[string]string{
		"": "otherwise",
		`frontend_image or os.environ.get("FRONTEND_IMAGE", "registry.example/frontend")`: "registry.example/frontend",
	} {
		if got := frontendImage(program, "otherwise"); got != want {
			t.Errorf("%q names %s", program, got)
		}
	}
}

func TestAHooksHostIsFoundInItsNamespace(t *testing.T) {
	for host, want := range map[string]string{
		"hook": "kubeflow/hook", "hook.other": "other/hook", "hook.other.svc.cluster.local": "other/hook",
	} {
		if got := hookService(host, "kubeflow").String(); got != want {
			t.Errorf("%s leads to %s", host, got)
		}
	}
}

func TestAMergeReplacesAllButMaps(t *testing.T) {
	into := map[string]any{"a": map[string]any{"x": 1, "y": 2}, "b": []any{1}, "c": 3}
	merge(into, map[string]any{"a": map[string]any{"y": 4}, "b": []any{2, 3}})
	want := map[string]any{"a": map[string]any{"x": 1, "y": 4}, "b": []any{2, 3}, "c": 3}
	if !reflect.DeepEqual(into, want) {
		t.Errorf("merged to %v", into)
	}
}
