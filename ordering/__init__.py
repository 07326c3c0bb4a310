"""Kubernetes manifests and the order to send them in: nothing here knows of Pulumi, AWS or Kubeflow's settings.

`manifests` reads a folder or a file as kustomize does, `graph` says what needs what, `plan` tells it to people.
"""
