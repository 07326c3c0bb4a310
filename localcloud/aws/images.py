"""What ECR fetches by itself: pull-through cache rules, and templates of the repositories that it makes.

terraform-provider-aws (main of late 2025), internal/service/ecr: pull_through_cache_rule.go and
repository_creation_template.go.
"""

from typing import Any

from localcloud.aws.names import lower_parameters, tag_list, tag_map
from localcloud.aws.session import client
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties


def _api(call: Call) -> Any:
    return client(call, "ecr")


# -- rules ---------------------------------------------------------------------------------------------------------

_SIGN_IN = "credentialArn customRoleArn"
_RULE = f"ecrRepositoryPrefix upstreamRegistryUrl upstreamRepositoryPrefix {_SIGN_IN}"


def _create_rule(call: Call) -> str:
    _api(call).create_pull_through_cache_rule(**lower_parameters(call.inputs, _RULE))
    return str(call.inputs["ecrRepositoryPrefix"])


def _setup_rule(call: Call) -> None:
    if call.old and call.changed(*_SIGN_IN.split()):
        wanted = lower_parameters(call.inputs, _SIGN_IN)
        _api(call).update_pull_through_cache_rule(ecrRepositoryPrefix=call.id, **wanted)


def _read_rule(call: Call) -> Properties | None:
    found = _api(call).describe_pull_through_cache_rules(ecrRepositoryPrefixes=[call.id])["pullThroughCacheRules"][0]
    return {"upstreamRepositoryPrefix": "ROOT", **lower_parameters(found, f"{_RULE} registryId")}


# -- templates -----------------------------------------------------------------------------------------------------

_TEMPLATE = (
    "description imageTagMutability imageTagMutabilityExclusionFilters lifecyclePolicy repositoryPolicy customRoleArn"
)


def _template(call: Call) -> dict[str, Any]:
    wanted = lower_parameters(call.inputs, _TEMPLATE, appliedFors="appliedFor")
    if call.inputs.get("encryptionConfigurations"):
        wanted["encryptionConfiguration"] = call.inputs["encryptionConfigurations"][0]
    if call.inputs.get("resourceTags"):
        wanted["resourceTags"] = tag_list(call.inputs["resourceTags"])
    return wanted


def _create_template(call: Call) -> str:
    _api(call).create_repository_creation_template(prefix=call.inputs["prefix"], **_template(call))
    return str(call.inputs["prefix"])


def _setup_template(call: Call) -> None:
    if call.old:
        _api(call).update_repository_creation_template(prefix=call.id, **_template(call))


def _read_template(call: Call) -> Properties | None:
    answer = _api(call).describe_repository_creation_templates(prefixes=[call.id])
    found = answer["repositoryCreationTemplates"][0]
    encryption = found.get("encryptionConfiguration")
    return {
        "imageTagMutability": "MUTABLE",
        **lower_parameters(found, f"prefix {_TEMPLATE}", appliedFor="appliedFors"),
        "encryptionConfigurations": [encryption] if encryption else None,
        "resourceTags": tag_map(found.get("resourceTags")) or None,
        "registryId": answer.get("registryId"),
    }


KINDS = [
    Kind(
        token="aws:ecr/pullThroughCacheRule:PullThroughCacheRule",
        create=_create_rule,
        setup=_setup_rule,
        read=_read_rule,
        delete=lambda call: _api(call).delete_pull_through_cache_rule(ecrRepositoryPrefix=call.id),
        replaces=names("ecrRepositoryPrefix upstreamRegistryUrl upstreamRepositoryPrefix"),
        computed=names("upstreamRepositoryPrefix"),
    ),
    Kind(
        token="aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate",
        create=_create_template,
        setup=_setup_template,
        read=_read_template,
        delete=lambda call: _api(call).delete_repository_creation_template(prefix=call.id),
        replaces=names("prefix"),
        defaults={"imageTagMutability": "MUTABLE"},
        documents=names("lifecyclePolicy repositoryPolicy"),
        unordered=names("appliedFors"),
    ),
]
