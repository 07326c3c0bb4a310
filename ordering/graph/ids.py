"""What an object is called: `apiVersion/kind/namespace/name`, with an empty namespace kept empty."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from ordering.errors import UserError
from ordering.manifests.objects import Manifest


class ObjectId(NamedTuple):
    """An object's identity as it is rendered; ids sort by these four texts."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.api_version}/{self.kind}/{self.namespace}/{self.name}"

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def title(self) -> str:
        """How reasons and messages name it: `Kind namespace/name`, or `Kind name`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def id_of(manifest: Manifest) -> ObjectId:
    """The id of a parsed object; UserError when it lacks what an id is made of."""
    metadata = manifest.get("metadata") if isinstance(manifest, dict) else None
    if not isinstance(metadata, dict):
        raise UserError(f"{_shown(manifest)} is not a Kubernetes object: it has no metadata; remove it or complete it.")
    values = (manifest.get("apiVersion"), manifest.get("kind"), metadata.get("namespace") or "", metadata.get("name"))
    for field, value in zip(("apiVersion", "kind", "metadata.namespace", "metadata.name"), values, strict=True):
        if not isinstance(value, str) or (not value and field != "metadata.namespace"):
            known = " ".join(text for text in (values[1], values[3]) if isinstance(text, str))
            raise UserError(f"The object {known or _shown(manifest)} has {value!r} as its {field}: give it a text.")
    return ObjectId(*map(str, values))


def _shown(manifest: object) -> str:
    text = repr(manifest)
    return text if len(text) <= 80 else f"{text[:77]}..."


class Names:
    """Finds the object that a person means by the id or by a short form of it."""

    def __init__(self, ids: Iterable[ObjectId]) -> None:
        self._forms: dict[str, list[ObjectId]] = defaultdict(list)
        for id_ in ids:
            for form in self.forms(id_):
                self._forms[form.lower()].append(id_)

    @staticmethod
    def forms(id_: ObjectId) -> list[str]:
        """All spellings of an id, the full one first; upper and lower case count as equal."""
        _, kind, namespace, name = id_
        short = [f"{kind}/{namespace}/{name}", f"{kind}/{name}", f"{id_.api_version}/{kind}/{name}"]
        return [str(id_), *dict.fromkeys(form for form in short if form != str(id_))]

    def find(self, text: str, asker: str) -> ObjectId:
        """The one object called `text`; UserError, begun with `asker`, when there is none or more than one."""
        found = self._forms.get(text.strip().lower(), [])
        exact = [id_ for id_ in found if str(id_) == text.strip()]
        if len(exact) == 1 or len(found) == 1:
            return (exact or found)[0]
        if not found:
            close = sorted(str(ids[0]) for form, ids in self._forms.items() if form.endswith("/" + _last(text)))
            hint = f" (did you mean {close[0]}?)" if close else ""
            fault = f"{asker} names {text!r}, which no manifest holds{hint}"
            raise UserError(f"{fault}: write apiVersion/kind/namespace/name.")
        options = ", ".join(str(id_) for id_ in sorted(found)[:4])
        raise UserError(f"{asker} names {text!r}, which may be {options}: write one of these in full.")


def _last(text: str) -> str:
    return text.strip().lower().rpartition("/")[2]
