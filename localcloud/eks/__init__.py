"""The `eks` package: components whose children are `aws` resources, and whose kubeconfig is the local plane's."""
