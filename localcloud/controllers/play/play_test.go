package play

import (
	"reflect"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubeflow-on-pulumi.local/localcloud/controllers/authority"
	"kubeflow-on-pulumi.local/localcloud/controllers/authority/authoritytest"
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

func TestPodsOfADeploymentShareItsName(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: "web-5d4f-x", Labels: map[string]string{"pod-template-hash": "5d4f"},
		OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web-5d4f", Controller: &yes}},
	}}
	if got := workload(pod); got != "web" {
		t.Errorf("a Deployment's pod is of %q", got)
	}
	pod.OwnerReferences[0] = metav1.OwnerReference{Kind: "StatefulSet", Name: "db", Controller: &yes}
	if got := workload(pod); got != "db" {
		t.Errorf("a StatefulSet's pod is of %q", got)
	}
	pod.OwnerReferences = nil
	if got := workload(pod); got != "web-5d4f-x" {
		t.Errorf("a lone pod is of %q", got)
	}
}

func TestKnativeCompletesItsWebhookOnce(t *testing.T) {
	webhook := admissionregistrationv1.ValidatingWebhook{
		Name: "config.webhook.serving.knative.dev",
		ClientConfig: admissionregistrationv1.WebhookClientConfig{
			Service: &admissionregistrationv1.ServiceReference{Namespace: "knative-serving", Name: "webhook"},
		},
	}
	h := hook{webhook.Name, &webhook.ClientConfig, &webhook.Rules, &webhook.NamespaceSelector}
	if !h.complete(knativeHooks[webhook.Name]) {
		t.Fatal("an empty webhook was left empty")
	}
	if len(webhook.Rules) != 1 || webhook.Rules[0].Resources[0] != "configmaps/*" ||
		*webhook.ClientConfig.Service.Path != "/config-validation" ||
		webhook.NamespaceSelector.MatchExpressions[0].Key != knativeExclude {
		t.Errorf("completed to %+v", webhook)
	}
	if h.complete(knativeHooks[webhook.Name]) {
		t.Error("a complete webhook was changed")
	}
}

func TestRenderedRulesOfKnativeStay(t *testing.T) {
	rendered := createdOrUpdated(admissionregistrationv1.AllScopes, "serving.knative.dev", "*", "services")
	webhook := admissionregistrationv1.MutatingWebhook{Name: "webhook.serving.knative.dev", Rules: rendered,
		ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{}}}
	filled := hook{webhook.Name, &webhook.ClientConfig, &webhook.Rules, &webhook.NamespaceSelector}
	filled.complete(knativeHooks[webhook.Name])
	if !reflect.DeepEqual(webhook.Rules, rendered) {
		t.Errorf("rules became %+v", webhook.Rules)
	}
}

func TestACABundleIsWrittenOnlyWhenItDiffers(t *testing.T) {
	client := admissionregistrationv1.WebhookClientConfig{}
	h := hook{client: &client}
	if !h.trust([]byte("a")) || string(client.CABundle) != "a" {
		t.Error("an empty bundle stayed")
	}
	if h.trust([]byte("a")) {
		t.Error("the same bundle counted as a change")
	}
	if !h.trust([]byte("b")) {
		t.Error("another bundle was not taken")
	}
}

func TestASecretIsIssuedAnewWhenItIsForSomethingElse(t *testing.T) {
	ca := authoritytest.New(t)
	spec := certificateSpec{DNSNames: []string{"a.b.svc"}}
	pair, err := ca.Issue(spec.request())
	if err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{certificateNameAnnotation: "cert"}},
		Data:       map[string][]byte{"tls.crt": pair.Certificate, "ca.crt": ca.Bundle()},
	}
	if current(secret, "cert", spec, ca.Bundle()) == nil {
		t.Error("a good certificate was refused")
	}
	if current(secret, "other", spec, ca.Bundle()) != nil {
		t.Error("another Certificate's Secret was taken")
	}
	if current(secret, "cert", certificateSpec{DNSNames: []string{"c.b.svc"}}, ca.Bundle()) != nil {
		t.Error("a certificate for other names was taken")
	}
	if current(secret, "cert", spec, authoritytest.New(t).Bundle()) != nil {
		t.Error("another authority's certificate was taken")
	}
	secret.Data["tls.crt"] = []byte("junk")
	if current(secret, "cert", spec, ca.Bundle()) != nil {
		t.Error("junk was taken")
	}
}

func TestOnlyAnAuthorityIsInjected(t *testing.T) {
	if usable(&corev1.Secret{Data: map[string][]byte{"ca.crt": []byte("junk")}}) != nil ||
		usable(&corev1.Secret{}) != nil {
		t.Error("junk would be injected")
	}
	ca := authoritytest.New(t)
	if got := usable(&corev1.Secret{Data: map[string][]byte{"ca.crt": ca.Bundle()}}); string(got) != string(ca.Bundle()) {
		t.Error("an authority would not be injected")
	}
}

func TestAPatchNestsItsValue(t *testing.T) {
	want := map[string]any{"spec": map[string]any{"conversion": map[string]any{"caBundle": "x"}}}
	if got := nested([]string{"spec", "conversion"}, map[string]any{"caBundle": "x"}); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestACertificateReadsItsSpec(t *testing.T) {
	spec, err := readCertificate(&unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"secretName": "tls", "dnsNames": []any{"a"}, "ipAddresses": []any{"10.0.0.1"}, "duration": "2h", "isCA": true,
		"issuerRef": map[string]any{"name": "self"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	request := spec.request()
	if spec.SecretName != "tls" || spec.IssuerRef.Kind != "Issuer" || request.Lifetime != 2*time.Hour || !request.CA ||
		request.IPs[0].String() != "10.0.0.1" {
		t.Errorf("read as %+v", spec)
	}
	if _, err := authority.Parse(nil); err == nil {
		t.Error("nothing was parsed as a certificate")
	}
}

func TestAConditionMovesItsTimeOnlyWithItsStatus(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": []any{
		map[string]any{"type": "Ready", "status": "False", "lastTransitionTime": "2020-01-01T00:00:00Z"},
	}}}}
	if !setCondition(object, "Ready", "False", "Waiting", "not yet") {
		t.Error("a new reason is a change")
	}
	moment := func() any {
		conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
		return conditions[0].(map[string]any)["lastTransitionTime"]
	}
	if moment() != "2020-01-01T00:00:00Z" {
		t.Error("the time moved without the status")
	}
	if setCondition(object, "Ready", "False", "Waiting", "not yet") {
		t.Error("the same condition counted as a change")
	}
	if !setCondition(object, "Ready", "True", "Ready", "") || conditionStatus(object, "Ready") != "True" ||
		moment() == "2020-01-01T00:00:00Z" {
		t.Error("the status did not move")
	}
}

func TestTheStoredVersionOfAnEstablishedCRDIsWatched(t *testing.T) {
	crd := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{"group": "kubeflow.org", "names": map[string]any{"plural": "profiles"}, "versions": []any{
			map[string]any{"name": "v1", "served": true, "storage": false},
			map[string]any{"name": "v2", "served": false, "storage": false},
			map[string]any{"name": "v1beta1", "served": true, "storage": true},
		}},
	}}
	if _, established := servedResource(crd); established {
		t.Error("Established without saying so")
	}
	setCondition(crd, "Established", "True", "", "")
	if resource, established := servedResource(crd); !established ||
		resource.String() != "kubeflow.org/v1beta1, Resource=profiles" {
		t.Errorf("watches %s (%t)", resource, established)
	}
}

func TestAVolumeIsForItsClaimInItsZone(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kubeflow", Name: "mysql", UID: "7"},
		Spec: corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("20Gi")},
			}},
	}
	retain := corev1.PersistentVolumeReclaimRetain
	volume := volumeFor(
		claim,
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "gp3"}, ReclaimPolicy: &retain},
		"us-west-2b",
	)
	if volume.Name != "pvc-7" || volume.Spec.ClaimRef.UID != "7" || volume.Spec.Capacity.Storage().String() != "20Gi" ||
		volume.Spec.PersistentVolumeReclaimPolicy != retain || volume.Spec.StorageClassName != "gp3" ||
		volume.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values[0] != "us-west-2b" {
		t.Errorf("made %+v", volume)
	}
	volume = volumeFor(claim, &storagev1.StorageClass{}, "")
	if volume.Spec.NodeAffinity != nil ||
		volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		t.Errorf("without zone and policy made %+v", volume.Spec)
	}
}

func TestAProfilesNamespaceTakesLabelsAndDropsEmptyOnes(t *testing.T) {
	profile := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "kubeflow.org/v1", "kind": "Profile",
		"metadata": map[string]any{"name": "ann", "uid": "3"}}}
	spec := profileSpec{}
	spec.Owner.Name = "ann@example.com"
	namespace := profileNamespace(
		profile,
		spec,
		map[string]string{"istio-injection": "", "pipelines.kubeflow.org/enabled": "true"},
	)
	if want := map[string]string{"pipelines.kubeflow.org/enabled": "true"}; !reflect.DeepEqual(namespace.Labels, want) {
		t.Errorf("labels %v", namespace.Labels)
	}
	owner := namespace.OwnerReferences[0]
	if namespace.Name != "ann" || namespace.Annotations["owner"] != "ann@example.com" || owner.Kind != "Profile" ||
		owner.UID != "3" || !*owner.Controller {
		t.Errorf("made %+v", namespace.ObjectMeta)
	}
}
