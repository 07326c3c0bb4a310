"""What manifests/tokens leaves open: the issuer of the cluster's tokens for service accounts."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.kubeflow.login import accepted
from ordering.manifests.objects import Manifest

COMPONENT = Path("manifests", "tokens")

AUDIENCE = "pipelines.kubeflow.org"
"""What a token must be for: Pipelines' own audience, so that no token for the API server opens the gateway, and none
that the gateway passes on opens the API server (kubeflow/pipelines 2.16, `ServiceAccountTokenVolumeCredentials`)."""


@dataclass(frozen=True, kw_only=True)
class TokenIssuer:
    """Who issues the tokens: an URL, or what stands for one that is not known yet.

    `keys` are its keys as JSON, where Istio cannot fetch them: from an API server with a certificate of its own.
    """

    url: Any
    keys: str | None


def accept_tokens(objects: Iterable[Manifest], issuer: TokenIssuer) -> list[Manifest]:
    """The objects with the issuer filled in; the given ones are left as they are.

    A service account is known as `system:serviceaccount:NAMESPACE:NAME`, and has no groups.
    """
    rule = accepted(issuer.url, [AUDIENCE], user="sub", groups="groups")
    if issuer.keys is not None:
        rule["jwks"] = issuer.keys
    return [
        {**one, "spec": {**one["spec"], "jwtRules": [rule]}}
        if (one["kind"], one["metadata"]["name"]) == ("RequestAuthentication", "service-accounts")
        else one
        for one in objects
    ]
