"""Whom roles trust: told where a run changes it, for a preview shows no more of it than that a role is updated."""

from collections.abc import Iterable

from ops.steps import Step

ROLE = "aws:iam/role:Role"


def sentences(steps: Iterable[Step]) -> list[str]:
    """One that names the roles of which these steps change who may take them, if there are any."""
    changed = [
        step.name
        for step in steps
        if step.type == ROLE
        and step.change == "update"
        and any(path.startswith("assumeRolePolicy") for path in step.paths)
    ]
    if not changed:
        return []
    one = len(changed) == 1
    return [
        f"Who may take {'a role' if one else f'{len(changed)} roles'} changes: {', '.join(sorted(changed))}. Pods that "
        "run keep what they have until that expires."
    ]
