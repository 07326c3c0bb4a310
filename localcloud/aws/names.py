"""Between Pulumi's property names and the parameters of AWS's operations."""

from typing import Any

from localcloud.providers.values import Properties


def parameters(inputs: Properties, names: str, **renamed: str) -> dict[str, Any]:
    """Parameters from inputs: `cidrBlock` as CidrBlock; `renamed` gives the odd ones by the input's name."""
    given = {name: name[0].upper() + name[1:] for name in names.split()} | renamed
    return {to: inputs[name] for name, to in given.items() if inputs.get(name) is not None}


def lower_parameters(inputs: Properties, names: str, **renamed: str) -> dict[str, Any]:
    """The same for services whose parameters are camelCase themselves (EKS, ECR)."""
    given = {name: name for name in names.split()} | renamed
    return {to: inputs[name] for name, to in given.items() if inputs.get(name) is not None}


def upper(value: Any, /, **renamed: str) -> Any:
    """A nested input with PascalCase names, list properties renamed as given."""
    if isinstance(value, dict):
        return {
            renamed.get(key, key[0].upper() + key[1:]): upper(item, **renamed)
            for key, item in value.items()
            if item is not None
        }
    return [upper(item, **renamed) for item in value] if isinstance(value, list) else value


def lower(value: Any, /, **renamed: str) -> Any:
    """A nested answer of AWS's with camelCase names, list properties renamed as given."""
    if isinstance(value, dict):
        return {renamed.get(key, key[0].lower() + key[1:]): lower(item, **renamed) for key, item in value.items()}
    return [lower(item, **renamed) for item in value] if isinstance(value, list) else value


def properties(answer: dict[str, Any], names: str, **renamed: str) -> Properties:
    """Outputs from an answer: CidrBlock as `cidrBlock`; `renamed` gives the odd ones by the output's name."""
    given = {name: name[0].upper() + name[1:] for name in names.split()} | renamed
    return {to: answer[name] for to, name in given.items() if answer.get(name) is not None}


def tag_list(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as a list of pairs."""
    return [{key: name, value: text} for name, text in sorted(tags.items())]


def tag_map(tags: list[dict[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Tags as a map; AWS's own (`aws:…`) are left out, as the official provider does."""
    return {tag[key]: tag[value] for tag in tags or [] if not tag[key].startswith("aws:")}


def tagged(tags: dict[str, str]) -> Properties:
    """The two tag outputs: `tags` only when there are some."""
    return {"tagsAll": tags, **({"tags": tags} if tags else {})}
