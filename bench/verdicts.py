"""Whether `ordering.check` and a real API server agree about broken objects.

    python -m bench.verdicts MANIFESTS [COUNT] [SEED]

starts a plane, gives it the namespaces and definitions of the manifests, and lets it judge (by a dry run, as the
program sends them) each other object as it is and then COUNT copies, each with one field changed. Printed is who
refused what; a copy that only the check refuses is a false alarm, and the exit code is 1. Copies that only the server
refuses are counted: it knows rules that no schema holds.
"""

import copy
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tools
from infra.kubeflow.slim import slim
from localcloud import plane
from ops.cluster import Access, ClusterApi, connected
from ordering.check import check
from ordering.errors import UserError
from ordering.graph import build
from ordering.manifests.objects import Manifest, title
from ordering.manifests.render import render

_GIVEN = ("Namespace", "CustomResourceDefinition")
_VALUES: tuple[Any, ...] = ("text", "", "5", 5, -1, 1.5, True, None, [], ["text"], [5], {}, {"a": "b"}, {"a": 1})


class Changed(NamedTuple):
    """A copy of an object with one field changed, and how."""

    manifest: Manifest
    how: str


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values inside of a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inside:
        yield (*path, key)
        yield from places(child, (*path, key))


def changed(manifest: Manifest, choice: random.Random) -> Changed:
    """One change of an object: a value of another type, a field gone, misspelt or added, an entry twice."""
    result = copy.deepcopy(manifest)
    fixed = {("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"), ("metadata", "namespace")}
    result["more"] = 1  # so that there is always something that may be changed
    path = choice.choice([path for path in places(result) if path not in fixed])
    if path != ("more",):
        del result["more"]
    holder: Any = result
    for step in path[:-1]:
        holder = holder[step]
    how = choice.choice(("value", "value", "gone", "misspelt", "added", "twice"))
    last, at = path[-1], ".".join(map(str, path))
    if how == "value" or (how == "misspelt" and isinstance(holder, list)):
        value = choice.choice(_VALUES)
        holder[last] = value
        return Changed(result, f"{at} = {value!r}")
    if how == "gone":
        del holder[last]
    elif how == "misspelt":
        holder[f"{last}e"] = holder.pop(last)
    elif how == "added" and isinstance(holder, dict):
        holder["extra"] = choice.choice(_VALUES)
    elif isinstance(holder, list):
        holder.append(copy.deepcopy(holder[last]))
    return Changed(result, f"{at} {how}")


def refused_by(api: ClusterApi, manifest: Manifest) -> str:
    """What the server says against an object; empty where it takes it."""
    try:
        api.dry_run(manifest)
    except UserError as error:
        return str(error)
    return ""


def _kubectl(started: plane.Plane, *arguments: str, given: Sequence[Manifest] = ()) -> None:
    command = [str(tools.ensure("kubectl")["kubectl"]), *arguments]
    text = "".join(f"---\n{json.dumps(one)}\n" for one in given)
    subprocess.run(
        command, input=text, text=True, check=True, stdout=subprocess.DEVNULL, env=os.environ | started.environment
    )


def main(path: Path, count: int, seed: int) -> int:
    """Prints the verdicts; returns how many are false alarms."""
    objects = slim(render(path))
    given = [one for one in objects if one["kind"] in _GIVEN]
    judged = [one for one in objects if one["kind"] not in _GIVEN]
    definitions = [one for one in given if one["kind"] != "Namespace"]
    choice = random.Random(seed)
    verdicts: Counter[str] = Counter()

    def refused_here(manifest: Manifest) -> str:
        found = check([*definitions, manifest], build([*definitions, manifest]))
        return next((one.sentence for one in found if one.severity == "refused" and one.absent is None), "")

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        started = plane.start(root)
        try:
            with connected(Access(kubeconfig=started.kubeconfig.read_text(), context=None)) as api:
                _kubectl(started, "apply", "--server-side", "-f", "-", given=given)
                _kubectl(started, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
                copies = [Changed(one, "as it is") for one in judged]
                copies += [changed(choice.choice(judged), choice) for _ in range(count)]
                for manifest, how in copies:
                    try:
                        here = refused_here(manifest)
                    except UserError:
                        continue  # the graph's own refusal comes first
                    there = refused_by(api, manifest)
                    verdict = f"{'refused' if here else 'taken'} here, {'refused' if there else 'taken'} there"
                    verdicts[verdict] += 1
                    if bool(here) != bool(there):
                        print(f"{verdict}: {title(manifest)} {how}: {here or there[:300]}")
        finally:
            plane.stop(root, wipe=True)
    print(dict(verdicts))
    return verdicts["refused here, taken there"]


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1]), *(int(one) for one in [*sys.argv[2:], "1000", "1"][:2])) else 0)
