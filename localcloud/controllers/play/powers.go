package play

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// may asks the API server whether a pod's account may do one of these to a resource: in the namespace, or in
// the cluster where that is empty; to the object of that name, if one is given.
func (c *Cluster) may(
	ctx context.Context,
	pod *corev1.Pod,
	group, resource, namespace, name string,
	verbs ...string,
) (bool, error) {
	for _, verb := range verbs {
		review, err := c.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "system:serviceaccount:" + pod.Namespace + ":" + pod.Spec.ServiceAccountName,
				Groups: []string{
					"system:serviceaccounts", "system:serviceaccounts:" + pod.Namespace, "system:authenticated",
				},
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Group: group, Resource: resource, Namespace: namespace, Name: name, Verb: verb,
				},
			},
		}, metav1.CreateOptions{})
		if err != nil || review.Status.Allowed {
			return err == nil, err
		}
	}
	return false, nil
}
