"""Which of AWS's APIs the nodes and pods of a stack ask."""

from infra.settings import Settings

# EKS user guide, "Deploy private clusters with limited internet access"; roles of service accounts ask STS. Layers of
# images come from S3, which has an endpoint of its own in each network.
_ALWAYS = ("ec2", "ecr.api", "ecr.dkr", "eks", "elasticloadbalancing", "logs", "sts")


def services(stack: Settings) -> tuple[str, ...]:
    """The APIs that nodes and pods of a stack ask, as endpoints are named after them, but for S3."""
    options = {
        "autoscaling": stack.nodes.autoscaling == "cluster-autoscaler",
        "elasticfilesystem": stack.files == "efs",
        "monitoring": stack.monitoring.kind == "cloudwatch",
        "sagemaker.api": stack.sagemaker,
    }
    return tuple(sorted({*_ALWAYS, *(name for name, is_on in options.items() if is_on)}))
