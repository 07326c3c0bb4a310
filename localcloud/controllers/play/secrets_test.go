package play

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	core "k8s.io/client-go/testing"
)

// allowed is what accounts of the test may do with Secrets: a verb alone, or a verb and a name.
type allowed map[string][]string

func secretsMade(t *testing.T, may allowed, pods ...*corev1.Pod) []string {
	t.Helper()
	var objects []runtime.Object
	for _, pod := range pods {
		objects = append(objects, pod)
	}
	client := fake.NewClientset(objects...)
	client.PrependReactor("create", "subjectaccessreviews", func(action core.Action) (bool, runtime.Object, error) {
		review := action.(core.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview).DeepCopy()
		asked := review.Spec.ResourceAttributes
		given := may[review.Spec.User[len("system:serviceaccount:a:"):]]
		review.Status.Allowed = asked.Namespace == "a" && asked.Resource == "secrets" &&
			(slices.Contains(given, asked.Verb) || slices.Contains(given, asked.Verb+" "+asked.Name))
		return true, review, nil
	})
	c := &Cluster{
		Options: Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))},
		client:  client, informers: informers.NewSharedInformerFactory(client, 0),
	}
	c.informers.Core().V1().Pods().Informer()
	c.informers.Core().V1().Secrets().Informer()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.informers.Start(ctx.Done())
	c.informers.WaitForCacheSync(ctx.Done())
	if err := c.syncSecrets(ctx); err != nil {
		t.Fatal(err)
	}
	secrets, err := client.CoreV1().Secrets("a").List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var made []string
	for _, secret := range secrets.Items {
		for key := range secret.Data {
			made = append(made, secret.Name+"/"+key)
		}
	}
	slices.Sort(made)
	return made
}

func podOf(name string, phase corev1.PodPhase, spec corev1.PodSpec) *corev1.Pod {
	spec.NodeName, spec.ServiceAccountName = "node", name
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name}, Spec: spec, Status: corev1.PodStatus{Phase: phase},
	}
}

func mounting(secret string, optional *bool) corev1.PodSpec {
	source := corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret, Optional: optional}}
	return corev1.PodSpec{Volumes: []corev1.Volume{{VolumeSource: source}}}
}

func reading(secret, key string) []corev1.Container {
	selector := &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key}
	return []corev1.Container{{Env: []corev1.EnvVar{{ValueFrom: &corev1.EnvVarSource{SecretKeyRef: selector}}}}}
}

func TestAWorkloadMakesTheSecretThatItNamesAndOthersMount(t *testing.T) {
	told := corev1.PodSpec{Containers: []corev1.Container{{Env: []corev1.EnvVar{{Name: "NAME", Value: "shared"}}}}}
	waits := podOf("waits", corev1.PodPending, mounting("shared", nil))
	whole := []string{"shared/ca.crt", "shared/ca.key", "shared/tls.crt", "shared/tls.key"}
	for _, given := range []struct {
		like  string
		maker *corev1.Pod
		may   []string
		want  []string
	}{
		{"KEDA's operator", podOf("maker", corev1.PodRunning, mounting("shared", &yes)), []string{"create"}, whole},
		{"MetalLB's controller", podOf("maker", corev1.PodRunning, told), []string{"create", "get"}, whole},
		{"one that is yet to start", podOf("maker", corev1.PodPending, told), []string{"create"}, nil},
		{"one that may not", podOf("maker", corev1.PodRunning, told), []string{"get"}, nil},
		{"one that is for others", podOf("maker", corev1.PodRunning, corev1.PodSpec{}), []string{"create", "get"}, nil},
		{"one whose role names it", podOf("maker", corev1.PodRunning, corev1.PodSpec{}),
			[]string{"create", "get shared"}, whole},
	} {
		if got := secretsMade(t, allowed{"maker": given.may}, given.maker, waits); !slices.Equal(got, given.want) {
			t.Errorf("%s: %q, want %q", given.like, got, given.want)
		}
	}
}

func TestAnInitContainerMakesWhatTheOthersRead(t *testing.T) {
	may := allowed{"redis": {"create", "get shared"}}
	redis := corev1.PodSpec{InitContainers: []corev1.Container{{Name: "init"}}, Containers: reading("shared", "auth")}
	if got := secretsMade(t, may, podOf("redis", corev1.PodPending, redis)); !slices.Equal(got, []string{"shared/auth"}) {
		t.Errorf("made %q", got)
	}
	redis.InitContainers = reading("shared", "auth")
	if got := secretsMade(t, may, podOf("redis", corev1.PodPending, redis)); got != nil {
		t.Errorf("made %q, for which it waits itself", got)
	}
}
