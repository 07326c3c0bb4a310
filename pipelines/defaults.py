"""What pipelines and the stack agree on: names in the bucket, the experiment, the image."""

# Steps run as a profile's `default-editor`, which may use the profile's own part of the bucket and the shared one
# (infra/identity.py).
DATASETS_PREFIX = "shared/datasets/"

EXPERIMENT = "kubeflow-on-pulumi"

# The image's name where no registry is known: for a compiled file that is to run where the image was loaded by hand.
IMAGE_REPOSITORY = "kubeflow-on-pulumi/pipeline"

# The resource that a GPU is requested as; EKS's accelerated nodes offer NVIDIA's.
ACCELERATOR = "nvidia.com/gpu"


def object_uri(bucket: str, prefix: str, name: str) -> str:
    """The `s3://` URI of an object under one of the prefixes above."""
    return f"s3://{bucket}/{prefix}{name}"


def models_prefix(namespace: str | None) -> str:
    """Where a profile keeps the models that it publishes; without a profile, where everybody's are."""
    return f"private/{namespace}/models/" if namespace else "shared/models/"
