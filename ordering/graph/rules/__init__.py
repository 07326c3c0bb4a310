"""What needs what. A rule is a function in this tuple; adding one is adding a function.

Each takes the facts of a platform and yields findings: needs, gates, what is named and nowhere, and warnings.
"""

from collections.abc import Callable, Iterator

from ordering.graph.edges import Finding
from ordering.graph.rules.access import (
    account_needs_secrets,
    aggregate_needs_parts,
    binding_needs_account,
    binding_needs_role,
    token_needs_account,
    workload_needs_account,
    workload_needs_permissions,
    workload_needs_watched_kinds,
)
from ordering.graph.rules.admission import (
    backend_needs_configuration,
    injector_needs_network_plugin,
    object_needs_webhook,
    webhook_needs_backend,
    webhook_needs_certificate,
)
from ordering.graph.rules.api import (
    api_service_needs_backend,
    custom_resource_needs_conversion,
    custom_resource_needs_definition,
    custom_resource_needs_maker,
    object_needs_api_service,
    object_needs_namespace,
    object_needs_profile,
    service_selects_workloads,
)
from ordering.graph.rules.authorities import backend_needs_own_webhook, job_needs_webhook
from ordering.graph.rules.certificates import (
    certificate_needs_issuer,
    issuer_needs_cert_manager,
    issuer_needs_secret,
    workload_needs_certificate,
)
from ordering.graph.rules.classes import (
    claim_needs_storage,
    ingress_needs_class,
    snapshot_needs_class,
    workload_needs_priority,
)
from ordering.graph.rules.controllers import (
    cache_deployer_needs_signer,
    custom_resource_needs_controller,
    object_needs_declared,
)
from ordering.graph.rules.facts import Facts
from ordering.graph.rules.hooks import hooks_keep_their_order
from ordering.graph.rules.policies import (
    binding_needs_parameters,
    binding_needs_policy,
    object_needs_policy,
    policy_needs_parameter_kind,
)
from ordering.graph.rules.workloads import (
    stateful_set_needs_service,
    workload_needs_limits,
    workload_needs_network_policies,
    workload_needs_references,
)

Rule = Callable[[Facts], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    object_needs_namespace,
    custom_resource_needs_definition,
    custom_resource_needs_maker,
    binding_needs_role,
    aggregate_needs_parts,
    binding_needs_account,
    workload_needs_account,
    workload_needs_permissions,
    workload_needs_watched_kinds,
    account_needs_secrets,
    token_needs_account,
    workload_needs_references,
    stateful_set_needs_service,
    claim_needs_storage,
    ingress_needs_class,
    workload_needs_priority,
    snapshot_needs_class,
    workload_needs_network_policies,
    workload_needs_limits,
    workload_needs_certificate,
    certificate_needs_issuer,
    issuer_needs_secret,
    issuer_needs_cert_manager,
    webhook_needs_backend,
    webhook_needs_certificate,
    injector_needs_network_plugin,
    object_needs_webhook,
    backend_needs_configuration,
    backend_needs_own_webhook,
    job_needs_webhook,
    binding_needs_policy,
    policy_needs_parameter_kind,
    binding_needs_parameters,
    object_needs_policy,
    custom_resource_needs_conversion,
    api_service_needs_backend,
    object_needs_api_service,
    custom_resource_needs_controller,
    object_needs_profile,
    object_needs_declared,
    service_selects_workloads,
    cache_deployer_needs_signer,
    hooks_keep_their_order,
)

__all__ = ["RULES", "Facts", "Rule"]
