package play

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestOnlyTheProjectsOwnHookIsRun(t *testing.T) {
	program := filepath.Join(t.TempDir(), "sync.py")
	if err := os.WriteFile(program, []byte("ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kubeflow"}, Spec: corev1.PodSpec{
		Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "code"},
		}}}},
		Containers: []corev1.Container{{Env: []corev1.EnvVar{{Name: "S3_BUCKET", Value: "b"}}}},
	}}
	for code, wanted := range map[string][]string{"ours": {"S3_BUCKET=b"}, "print('anything')": nil} {
		configMap := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kubeflow", Name: "code"}, Data: map[string]string{"sync.py": code},
		}
		c := &Cluster{Options: Options{Hook: Hook{Program: program}}, client: fake.NewClientset(configMap)}
		got, err := c.hookEnvironment(context.Background(), pod)
		if err != nil || len(got) != len(wanted) || len(got) == 1 && got[0] != wanted[0] {
			t.Errorf("%s: the environment is %q (%v)", code, got, err)
		}
	}
}

func TestTheHookSeesItsOwnEnvironmentAndNothingOfOurs(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "sync.py")
	code := "def answer(path, asked, environ):\n    return {'path': path, 'asked': asked, 'names': sorted(environ)}\n"
	if err := os.WriteFile(program, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OURS", "secret")
	c := &Cluster{Options: Options{Hook: Hook{Python: python, Program: program}}}
	asked := &webhook{}
	asked.Webhook.URL = "http://controller/sync"
	var answer struct {
		Path  string
		Asked map[string]string
		Names []string
	}
	request := map[string]string{"object": "x"}
	if err := c.callHook(context.Background(), []string{"A=1"}, asked, request, &answer); err != nil {
		t.Fatal(err)
	}
	for _, name := range answer.Names {
		if name == "OURS" {
			t.Error("the hook saw this process's environment")
		}
	}
	if answer.Path != "/sync" || answer.Asked["object"] != "x" {
		t.Errorf("the hook was asked %+v", answer)
	}
}
