"""The same objects as kustomize renders, and no others: generated texts, judged by the real one, many in a call."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from ordering.errors import UserError
from ordering.manifests.extract import objects, unique
from ordering.manifests.objects import Manifest
from ordering.manifests.parse import parse
from tests.unit.ordering.yaml_texts import NAME, text

Objects = dict[str, Manifest]


def read(texts: bytes, name: str) -> Objects:
    """The objects of a text by name; those of two versions do not occur."""
    return {manifest["metadata"]["name"]: manifest for manifest in unique(objects(parse(texts, name)))}


def built(kustomize: str, texts: Mapping[int, str]) -> Objects | None:
    """What kustomize makes of files; None where it refuses them."""
    with TemporaryDirectory() as folder:
        for number, content in texts.items():
            Path(folder, f"{number}.yaml").write_bytes(content.encode())
        Path(folder, "kustomization.yaml").write_text(json.dumps({"resources": [f"{number}.yaml" for number in texts]}))
        done = subprocess.run([kustomize, "build", folder], capture_output=True, check=False, timeout=60)
    return None if done.returncode else read(done.stdout, "rendered")


def disagreements(kustomize: str, texts: Mapping[int, str]) -> list[str]:
    """What we read otherwise than kustomize does, one sentence each; what both refuse costs a call each."""
    accepted: dict[int, Objects] = {}
    wrong: list[str] = []
    for number, content in texts.items():
        try:
            accepted[number] = read(content.encode(), f"{number}.yaml")
        except UserError as error:
            if built(kustomize, {number: content}) is not None:
                wrong.append(f"we refuse {content!r}: {error}")
    together = built(kustomize, {number: texts[number] for number in accepted}) if accepted else {}
    for number, ours in accepted.items():
        all_ = together if together is not None else built(kustomize, {number: texts[number]})
        if all_ is None:
            wrong.append(f"kustomize refuses {texts[number]!r}")
            continue
        theirs = {name: found for name, found in all_.items() if name.split("-")[0] == f"n{number}"}
        # As JSON, in which 1, 1.0 and true are three things.
        if json.dumps(ours, sort_keys=True) != json.dumps(theirs, sort_keys=True):
            wrong.append(f"{texts[number]!r} is {ours} here, and {theirs} there")
    return wrong


@settings(max_examples=3, deadline=None, database=None)
@given(st.integers(0, 2**32))
def test_any_file_is_read_as_kustomize_reads_it(kustomize: str, seed: int) -> None:
    random = Random(seed)
    texts = {number: text(random, rare=0.0).replace(NAME, f"n{number}") for number in range(80)}
    assert disagreements(kustomize, texts) == []


@settings(max_examples=2, deadline=None, database=None)
@given(st.integers(0, 2**32))
def test_any_file_is_refused_as_kustomize_refuses_it(kustomize: str, seed: int) -> None:
    random = Random(seed)
    texts = {number: text(random, rare=0.3).replace(NAME, f"n{number}") for number in range(12)}
    assert disagreements(kustomize, texts) == []
