package play

import (
	"context"
	"encoding/json"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Facts on a Profile's plugins: kubeflow/kubeflow v1.10.0, components/profile-controller/controllers,
// plugin_iam.go. With annotateOnly it writes one annotation to one account; without, it would also
// change the role's trust policy in AWS, which the program never asks for.
const (
	awsPlugin      = "AwsIamForServiceAccount"
	roleAnnotation = "eks.amazonaws.com/role-arn"
	editor         = "default-editor"
)

// awsRole is the role that a Profile's plugin asks for, or empty.
func awsRole(profile *unstructured.Unstructured) string {
	plugins, _, _ := unstructured.NestedSlice(profile.Object, "spec", "plugins")
	for _, item := range plugins {
		plugin, _ := item.(map[string]any)
		if plugin["kind"] == awsPlugin {
			role, _, _ := unstructured.NestedString(plugin, "spec", "awsIamRole")
			return role
		}
	}
	return ""
}

// applyPlugins gives the profile's account the role of its plugin, after the account is there.
func (c *Cluster) applyPlugins(ctx context.Context, profile *unstructured.Unstructured) error {
	role := awsRole(profile)
	if role == "" {
		return nil
	}
	accounts := c.client.CoreV1().ServiceAccounts(profile.GetName())
	account, err := accounts.Get(ctx, editor, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && account.Annotations[roleAnnotation] == role {
		return nil
	}
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{
		roleAnnotation: role,
	}}})
	if err != nil {
		return err
	}
	_, err = accounts.Patch(ctx, editor, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: profileManager})
	return err
}
