"""IAM documents as the rules read them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Actions that AWS gives no narrower resource than `*` (Service Authorization Reference).
_WITHOUT_RESOURCE = (
    "autoscaling:describe",
    "ec2:describe",
    "ec2:getinstancetypesfrominstancerequirements",
    "ecr:getauthorizationtoken",
    "s3:listallmybuckets",
    "sts:getcalleridentity",
)


def allowed(document: Any) -> Iterator[Mapping[str, Any]]:
    """The statements of a policy (JSON or parsed) that allow something; none of one that is not known yet."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return
    if isinstance(document, Mapping):
        for statement in listed(document.get("Statement")):
            if isinstance(statement, Mapping) and statement.get("Effect") == "Allow":
                yield statement


def listed(value: Any) -> list[Any]:
    """IAM writes one item plain and several as a list: always a list here."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def wildcards(document: Any) -> Iterator[str]:
    """What is too wide in a permission policy."""
    for statement in allowed(document):
        actions = [str(action).lower() for action in listed(statement.get("Action"))]
        if "NotAction" in statement:
            yield "allows all actions but some; list those that are needed"
        for action in actions:
            if action == "*" or action.endswith(":*"):
                yield f"allows the actions {action}; list those that are needed"
        if (
            "*" in listed(statement.get("Resource"))
            and not statement.get("Condition")
            and not all(action.startswith(_WITHOUT_RESOURCE) for action in actions)
        ):
            yield f"allows {_some(actions)} on every resource (`*`); name the resources, or add a condition"
        if "NotResource" in statement:
            yield "allows actions on all resources but some; name the resources"


def open_principals(document: Any) -> Iterator[str]:
    """Who is let in without having been named, by a trust policy or the policy of a bucket, repository or key."""
    for statement in allowed(document):
        principal = statement.get("Principal")
        condition = statement.get("Condition")
        named = principal.values() if isinstance(principal, Mapping) else [principal]
        if any("*" in listed(names) for names in named) and not condition:
            yield "lets everybody in (principal `*`); name who may"
        federated = listed(principal.get("Federated")) if isinstance(principal, Mapping) else []
        if any(":oidc-provider/" in str(name) for name in federated) and not _has_subject(condition):
            yield "lets every service account of the cluster take the role; add a condition on the token's `sub`"


def _has_subject(condition: Any) -> bool:
    for tests in condition.values() if isinstance(condition, Mapping) else ():
        for key, values in tests.items() if isinstance(tests, Mapping) else ():
            if str(key).endswith(":sub") and not any(str(value) == "*" for value in listed(values)):
                return True
    return False


def _some(actions: Iterable[str]) -> str:
    names = sorted(actions)
    return ", ".join(names[:3]) + (" and more" if len(names) > 3 else "")
