package play

import (
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

var yes = true

func podSpec() *corev1.PodSpec {
	secret := func(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }
	return &corev1.PodSpec{
		Volumes: []corev1.Volume{
			{
				VolumeSource: corev1.VolumeSource{
					Secret: &corev1.SecretVolumeSource{SecretName: "tls", Items: []corev1.KeyToPath{{Key: "tls.crt"}}},
				},
			},
			{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "maybe", Optional: &yes}}},
			{
				VolumeSource: corev1.VolumeSource{
					ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: secret("settings")},
				},
			},
			{VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			{VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}},
				{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: secret("root")}},
				{Secret: &corev1.SecretProjection{LocalObjectReference: secret("token")}},
			}}}},
		},
		InitContainers: []corev1.Container{
			{EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: secret("login")}}}},
		},
		Containers: []corev1.Container{{
			EnvFrom: []corev1.EnvFromSource{
				{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: secret("flags"), Optional: &yes}},
			},
			Env: []corev1.EnvVar{
				{Name: "PLAIN", Value: "1"},
				{
					ValueFrom: &corev1.EnvVarSource{
						SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: secret("login"), Key: "password"},
					},
				},
				{
					ValueFrom: &corev1.EnvVarSource{
						ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: secret("settings"), Key: "mode"},
					},
				},
			},
		}},
	}
}

func TestAPodNeedsAllItNamesAndDoesNotCallOptional(t *testing.T) {
	nothing := func(string, string) ([]string, bool) { return nil, false }
	got := missing(needs(podSpec()), nothing)
	want := []string{
		"Secret tls (tls.crt)",
		"ConfigMap settings",
		"ConfigMap root",
		"Secret token",
		"Secret login",
		"Secret login (password)",
		"ConfigMap settings (mode)",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("needs %q\nwant  %q", got, want)
	}
}

func TestAKeyThatIsNotThereHoldsThePodToo(t *testing.T) {
	there := map[string][]string{
		"Secret/tls": {"tls.crt"}, "Secret/token": nil, "Secret/login": {"password"},
		"ConfigMap/settings": {"other"}, "ConfigMap/root": nil,
	}
	keysOf := func(kind, name string) ([]string, bool) { keys, ok := there[kind+"/"+name]; return keys, ok }
	if got := missing(needs(podSpec()), keysOf); !reflect.DeepEqual(got, []string{"ConfigMap settings (mode)"}) {
		t.Errorf("still waits for %q", got)
	}
	there["ConfigMap/settings"] = []string{"mode"}
	if got := missing(needs(podSpec()), keysOf); got != nil {
		t.Errorf("still waits for %q", got)
	}
}

func TestStartUpTimesFollowTheSeedAndTheWorkload(t *testing.T) {
	seen := map[time.Duration]bool{}
	for seed := range int64(400) {
		wait := delay(seed, "kubeflow", "katib")
		if wait < 20*time.Second || wait > 60*time.Second || wait != wait.Truncate(time.Second) {
			t.Fatalf("seed %d: %s", seed, wait)
		}
		if wait != delay(seed, "kubeflow", "katib") {
			t.Fatal("two answers to one question")
		}
		seen[wait] = true
	}
	if len(seen) != 41 {
		t.Errorf("%d of the 41 times from 20 to 60 s ever occur", len(seen))
	}
}
