"""What a stack exports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pulumi


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What the stack exports, by these names; None for what a stack on an existing cluster, or without a cloud, lacks.

    `pipelines_image` is the image that was set for pipelines' steps, if any. `dashboard_logout` is where a browser ends
    its session with the company's issuer, too, and `token_issuer` whose tokens programs may bring. `node_pools` say of
    each what pods must know to run there (`infra.settings.groups.described`). `address` is where people open the
    platform, and `address_records` are the records that somebody has to make for it, in words. `sagemaker_role_arns`
    are the roles of SageMaker jobs, by namespace. `pod_access` is how pods get at AWS.
    """

    cluster_name: str
    kubeconfig: pulumi.Output[str] | None
    oidc_provider_arn: pulumi.Input[str] | None
    vpc_id: pulumi.Output[str] | None
    bucket: pulumi.Output[str] | None
    repository_url: pulumi.Output[str] | None
    pipelines_image: str | None
    runner_role_arns: Mapping[str, pulumi.Output[str]]
    node_pools: Mapping[str, Mapping[str, Any]] | None
    sagemaker_role_arns: Mapping[str, pulumi.Output[str]]
    pod_access: str | None
    region: str | None
    dashboard_user: str
    dashboard_password: pulumi.Output[str] | None
    dashboard_logout: pulumi.Input[str] | None
    token_issuer: pulumi.Input[str] | None
    kubeflow_release: str
    dashboard: str
    dashboard_service: str | None
    address: str | None
    address_records: Sequence[pulumi.Output[str]]

    def export(self) -> None:
        for field in fields(self):
            pulumi.export(field.name, getattr(self, field.name))
