"""Which of AWS's APIs the nodes and pods of a stack ask, and what endpoints of them are called."""

from infra.settings import Settings

# EKS user guide, "Deploy private clusters with limited internet access". Layers of images come from S3, which has an
# endpoint of its own in each network. A database, a file system's mount targets and the control plane have addresses in
# the VPC.
_ALWAYS = ("ec2", "ecr.api", "ecr.dkr", "eks", "elasticloadbalancing", "logs", "sts")


def services(stack: Settings) -> tuple[str, ...]:
    """The APIs that nodes and pods of a stack ask, as endpoints are named after them, but for S3."""
    asked = list(_ALWAYS)
    if stack.nodes.autoscaling == "cluster-autoscaler":
        asked.append("autoscaling")
    if stack.cluster.pod_access == "pod-identity":
        # Its agent asks there for the pods of its node.
        asked.append("eks-auth")
    if stack.files == "efs":
        asked.append("elasticfilesystem")
    if stack.monitoring.kind == "cloudwatch":
        asked.append("monitoring")
    if stack.sagemaker:
        asked += ["sagemaker.api", "sagemaker.runtime"]
    return tuple(sorted(asked))


def endpoint_service(region: str, service: str) -> str:
    """What AWS calls the endpoints of an API, outside of China.

    >>> endpoint_service("us-west-2", "ecr.api")
    'com.amazonaws.us-west-2.ecr.api'
    """
    return f"com.amazonaws.{region}.{service}"
