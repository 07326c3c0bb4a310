"""What pipelines and the stack agree on: names in the bucket, the experiment, the image."""

# Everything that pipelines read and write in the stack's bucket is under this prefix; the roles of their service
# accounts are granted this prefix and nothing else.
BUCKET_PREFIX = "pipelines/"

DATASETS_PREFIX = f"{BUCKET_PREFIX}datasets/"
MODELS_PREFIX = f"{BUCKET_PREFIX}models/"

EXPERIMENT = "kubeflow-on-pulumi"

# The image's name where no registry is known: for a compiled file that is to run where the image was loaded by hand.
IMAGE_REPOSITORY = "kubeflow-on-pulumi/pipeline"

# The resource that a GPU is requested as; EKS's accelerated nodes offer NVIDIA's.
ACCELERATOR = "nvidia.com/gpu"


def object_uri(bucket: str, prefix: str, name: str) -> str:
    """The `s3://` URI of an object under one of the prefixes above."""
    return f"s3://{bucket}/{prefix}{name}"
