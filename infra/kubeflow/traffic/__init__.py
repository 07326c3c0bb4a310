"""Which network paths a platform needs, which its NetworkPolicies close, and the policies that open those again.

Pure functions over parsed objects. `calls` says who calls whom, `policies` whether a path is open, `paths` adds what is
missing. Only ingress is looked at: no release of Kubeflow has a policy with Egress.
"""

from infra.kubeflow.traffic.paths import with_open_paths

__all__ = ["with_open_paths"]
