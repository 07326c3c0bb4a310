"""What may stand in the annotation `pulumi.com/waitFor`, checked before an object is sent.

pulumi-kubernetes reads the annotation once the object is in the cluster, so what it cannot read fails the run with the
object made. It takes `condition=TYPE`, `condition=TYPE=STATUS`, `jsonpath={PATH}`, `jsonpath={PATH}=VALUE`, or a JSON
list of these (provider/pkg/metadata/overrides.go and provider/pkg/jsonpath/jsonpath.go at 4.32). The path is RFC 9535,
not kubectl's dialect: no `range`, no backslash before a dot, and the value is compared as it stands, quotes included.
"""

import json
import re

_NAME = r"[A-Za-z_\u0080-\U0010FFFF][\w\u0080-\U0010FFFF]*"
_TEXT = r"'(?:[^'\\]|\\.)*'" + "|" + r'"(?:[^"\\]|\\.)*"'
# A filter: text, or anything else but brackets, or brackets with such in them.
_FILTER = rf"\?(?:{_TEXT}|[^\[\]'\"]|\[(?:{_TEXT}|[^\[\]'\"])*\])+"
_INDEX = r"-?\d+|(?:-?\d+)?:(?:-?\d+)?(?::(?:-?\d+)?)?"
_SELECTOR = rf"\s*(?:{_TEXT}|\*|{_INDEX}|{_FILTER})\s*"
_SEGMENT = rf"\.{{1,2}}(?:\*|{_NAME})|(?:\.\.)?\[{_SELECTOR}(?:,{_SELECTOR})*\]"
_PATH = re.compile(rf"\$?(?:{_SEGMENT})+")
_CONDITION = re.compile(r"[^=\s]+(?:=[^=\s]+)?")


def fault(value: str) -> str | None:
    """What is wrong with a value of the annotation, in words that follow it; None when it can be waited for."""
    try:
        listed = json.loads(value)
    except ValueError:
        return _expression_fault(value)
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        return "is JSON, but not a list of texts"
    if not listed:
        return "is an empty list"
    return next((f"holds {one!r}, which {why}" for one in listed if (why := _expression_fault(one))), None)


def _expression_fault(expression: str) -> str | None:
    kind, _, rest = expression.partition("=")
    if kind == "condition":
        return None if _CONDITION.fullmatch(rest) else "is not condition=TYPE or condition=TYPE=STATUS"
    if kind != "jsonpath":
        return "begins with neither condition= nor jsonpath="
    path, brace, behind = rest.rpartition("}")
    if not (brace and path.startswith("{")):
        return "has a path that is not in braces, as in jsonpath={.status.phase}=Running"
    path = path[1:].strip()
    bare = re.sub(_TEXT, "", path)
    if path.startswith("range ") or "{" in bare:
        return "has a range, which only kubectl's own dialect knows: name one path"
    if "\\" in bare:
        return "has a backslash: write a name with a dot as ['name.with.dots']"
    if not _PATH.fullmatch(path):
        return "has a path that RFC 9535 does not know: a name with a sign in it is written ['a-name']"
    if behind and not re.fullmatch("=[^=]+", behind):
        return "is not jsonpath={PATH} or jsonpath={PATH}=VALUE"
    if behind[1:2] in ("'", '"'):
        return f"has quotes around its value, which would be compared as well: write {behind[1:].strip(behind[1])}"
    return None
