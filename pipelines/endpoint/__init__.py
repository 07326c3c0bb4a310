"""A Kubeflow somewhere: signing in to its dashboard, and its Pipelines API."""
