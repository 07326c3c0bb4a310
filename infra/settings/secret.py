"""Secrets among the settings: stored encrypted, or refused."""

from collections.abc import Collection

from infra.settings.raw import RawSettings


def check_encrypted(raw: RawSettings, project: str, stack: str, key: str, secret_keys: Collection[str]) -> None:
    """Notes a problem where a key is stored in plain text; `secret_keys` are the full keys that are not."""
    if f"{project}:{key}" not in secret_keys:
        raw.problem(key, f"is stored in plain text; run {command(stack, key)} to encrypt it.")


def command(stack: str, key: str) -> str:
    """What to type to set a secret, as Markdown."""
    if key == "dashboardPassword":
        return f"`make password STACK={stack}`"
    return f"`pulumi config set --secret {key} --stack {stack}`"
