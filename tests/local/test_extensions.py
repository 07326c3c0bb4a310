"""A team's own on the real engine, an extension and a kustomization: what they add, what is refused, and no trace."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.stack import Checkout, changes, checked_out, cloud

EXAMPLE = Path("examples", "tag_and_bucket.py")
DATASETS = "Bucket/kubeflow-local-datasets"
OURS = "configMapGenerator: [{name: theirs, literals: [a=b], options: {disableNameSuffixHash: true}}]\n"
TAG = {"Key": "cost-center", "Value": "ml-research"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack of the sample, brought up with the example."""
    with checked_out(tmp_path_factory.mktemp("extended")) as made:
        broken = "def add(settings, made):\n    raise ValueError('no such team')\n"
        assert "`add` failed with ValueError: no such team (line 2)" in refused(made, broken)
        assert [one["urn"] for one in made.resources().values() if one["type"] != "pulumi:pulumi:Stack"] == [], (
            "a program that fails at its end has made nothing"
        )
        shutil.copy(made.root / EXAMPLE, made.root / "extensions.py")
        (made.root / "ours").mkdir()
        (made.root / "ours" / "kustomization.yaml").write_text(OURS)
        made.configure({"kubeflowAlso": [{"name": "ours", "path": "ours", "namespace": "sample-apps"}]})
        foreseen = changes(made.must("preview"))
        assert changes(made.must("up")) == foreseen, "a preview knows less of the values, and as much of the changes"
        yield made


def refused(checkout: Checkout, text: str) -> str:
    """What `up` says of a file that cannot be used: one sentence and no traceback."""
    (checkout.root / "extensions.py").write_text(text)
    done = checkout.ops("up")
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    sentence = done.stderr.strip()
    assert sentence.startswith("error: extensions.py"), sentence
    assert len(sentence.splitlines()) == 1, sentence
    return sentence


def tags_of_roles(checkout: Checkout) -> dict[str, list[dict[str, str]]]:
    iam = checkout.aws("iam")
    names = [one["RoleName"] for one in iam.list_roles()["Roles"]]
    return {name: iam.list_role_tags(RoleName=name)["Tags"] for name in names}


def test_every_role_has_the_tag_those_of_the_remote_component_too(checkout: Checkout) -> None:
    tagged = {name for name, tags in tags_of_roles(checkout).items() if TAG in tags}
    assert tagged == set(tags_of_roles(checkout))
    # eks.Cluster registers its own role in the process of the eks plugin.
    remote = [urn for urn in checkout.resources() if "eks:index:Cluster$" in urn and "iam/role:Role::" in urn]
    assert remote
    assert {checkout.resources()[urn]["outputs"]["name"] for urn in remote} <= tagged


def test_there_is_a_second_bucket_closed_as_the_first_and_exported(checkout: Checkout) -> None:
    (stack,) = [one for urn, one in checkout.resources().items() if "::pulumi:pulumi:Stack::" in urn]
    name = stack["outputs"]["datasets"]
    assert {one.removeprefix("bucket ") for one in cloud(checkout) if one.startswith("bucket ")} == {
        name,
        stack["outputs"]["bucket"],
    }
    closed = checkout.aws("s3").get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert set(closed.values()) == {True}


def test_what_is_sent_besides_is_where_the_setting_says(checkout: Checkout) -> None:
    found = checkout.cluster().get("configmap", "theirs", "-n", "sample-apps")
    assert found is not None
    assert found["data"] == {"a": "b"}


def test_the_same_again_changes_nothing(checkout: Checkout) -> None:
    assert set(changes(checkout.must("preview"))) == {"unchanged"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def change(args:\n", "cannot be loaded: SyntaxError"),
        ("def change(args):\n    return args.nothing\n", "failed with AttributeError"),
    ],
)
def test_a_broken_file_is_one_sentence_and_changes_nothing(checkout: Checkout, text: str, words: str) -> None:
    before = checkout.resources()
    assert words in refused(checkout, text)
    assert checkout.resources() == before


def test_without_them_tag_bucket_and_object_go_and_all_else_stays(checkout: Checkout) -> None:
    (checkout.root / "extensions.py").unlink()
    checkout.configure({"kubeflowAlso": None})
    roles = len(tags_of_roles(checkout))
    expected = {"update": roles, "delete": 3}
    refused_at = checkout.ops("up")
    assert f"This would lose for good {DATASETS} (the objects in it)" in refused_at.stderr
    done = changes(checkout.must("up", f"--lose={DATASETS}"))
    assert {what: count for what, count in done.items() if what != "unchanged"} == expected
    assert not [name for name, tags in tags_of_roles(checkout).items() if TAG in tags]
    assert len([one for one in cloud(checkout) if one.startswith("bucket ")]) == 1
    assert checkout.cluster().get("configmap", "theirs", "-n", "sample-apps") is None
