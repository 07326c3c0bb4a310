"""Whether pipelines' steps may start SageMaker jobs."""

from infra.settings.model import ClusterSettings, KubeflowSettings
from infra.settings.raw import RawSettings


def read_sagemaker(raw: RawSettings, cluster: ClusterSettings, kubeflow: KubeflowSettings, *, profiles: bool) -> bool:
    """Whether they may; it takes roles for their service accounts, and names that tell profiles apart.

    Without `profiles`, steps run as an account that has its role only where artifacts are in S3.
    """
    if not raw.boolean("sagemaker"):
        return False
    if cluster.pod_access == "node":
        raw.problem(
            "sagemaker",
            "needs a role for each service account, or any pod could pass on any role of jobs, and podAccess is node; "
            "set that to irsa or pod-identity.",
        )
    elif not cluster.has_roles:
        raw.problem(
            "sagemaker",
            "needs roles for service accounts, so the cluster's OIDC provider; set clusterOidcProviderArn, or "
            "podAccess to pod-identity.",
        )
    if not profiles and kubeflow.artifacts != "s3":
        raw.problem("sagemaker", "needs kubeflowArtifacts s3 where there are no profiles; set that, too.")
    for namespace in kubeflow.profile_namespaces:
        if "--" in namespace:
            raw.problem(
                "sagemaker", f"tells profiles apart by two dashes, and {namespace!r} has two; rename the profile."
            )
    return True
