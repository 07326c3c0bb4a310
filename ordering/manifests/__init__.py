"""Files to Kubernetes objects."""
