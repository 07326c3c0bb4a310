"""A team's extensions.py: what it can change and add, and what is said about one that cannot be used."""

import shutil
from pathlib import Path

import pytest

from infra.extensions import FILE, Extensions, load
from infra.program import program
from ops.project import PROJECT_ROOT
from ordering.errors import UserError
from tests.unit.inputs import inputs
from tests.unit.mocks import Recording, record

EXAMPLE = PROJECT_ROOT / "examples" / "tag_and_bucket.py"


def extended(extensions: Extensions) -> Recording:
    return record(lambda: program(inputs(extensions=extensions)).export())


def written(folder: Path, text: str) -> Extensions:
    (folder / FILE).write_text(text)
    return load(folder)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The stack of a folder without the file."""
    return extended(load(tmp_path_factory.mktemp("empty")))


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("example")
    shutil.copy(EXAMPLE, folder / FILE)
    return extended(load(folder))


def test_the_example_tags_every_role_and_changes_nothing_else(plain: Recording, example: Recording) -> None:
    assert len(plain.all("Role")) == 5
    assert {one.inputs["tags"].get("cost-center") for one in example.all("Role")} == {"ml-research"}
    after = {(one.type, one.name): one for one in example.resources}
    for one in plain.resources:
        changed = after[one.type, one.name]
        inputs = {**changed.inputs}
        if one.type == "aws:iam/role:Role":
            inputs["tags"] = {key: value for key, value in inputs["tags"].items() if key != "cost-center"}
        assert (inputs, changed.secret, changed.parent) == (one.inputs, one.secret, one.parent), one.name


def test_the_example_adds_a_bucket_and_exports_its_name(plain: Recording, example: Recording) -> None:
    added = {(one.type, one.name) for one in example.resources} - {(one.type, one.name) for one in plain.resources}
    assert added == {
        ("aws:s3/bucket:Bucket", "kubeflow-dev-datasets"),
        ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "kubeflow-dev-datasets-private"),
    }
    assert example.exports == {**plain.exports, "datasets": "bucket-1234567"}


def test_options_can_be_changed_too(tmp_path: Path) -> None:
    found = extended(
        written(
            tmp_path,
            "import pulumi\n"
            "async def change(args):\n"
            "    if args.type_ == 'aws:kms/key:Key':\n"
            "        args.opts.protect = True\n"
            "        return pulumi.ResourceTransformResult(args.props, args.opts)\n",
        )
    )
    assert {one.name for one in found.resources if one.protect} == {"kubeflow-dev-secrets"}


def test_what_is_added_can_use_what_the_program_made(tmp_path: Path) -> None:
    text = (
        "import pulumi\n"
        "def add(settings, made):\n"
        "    properties = {'group': made.cluster.security_group_id, 'subnets': made.network.private_subnet_ids}\n"
        "    pulumi.CustomResource('test:index:Database', f'{settings.name}-database', properties)\n"
    )
    database = extended(written(tmp_path, text)).one("Database", "kubeflow-dev-database").inputs
    assert database["group"] == "sg-cluster"
    assert len(database["subnets"]) == 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def change(args:\n", r"extensions\.py cannot be loaded: SyntaxError: .* \(line 1\); correct it,"),
        ("\nimport nowhere_at_all\n", r"ModuleNotFoundError: No module named 'nowhere_at_all' \(line 2\);"),
        ("x = 1\n\nraise ValueError('no\\nteam')\n", r"cannot be loaded: ValueError: no team \(line 3\);"),
        ("import sys\nsys.exit(3)\n", r"cannot be loaded: SystemExit: 3 \(line 2\);"),
        ("\0", r"cannot be loaded: (ValueError|SyntaxError): .*null bytes.*;"),
        ("", r"has no function change\(args\) or add\(settings, made\); define one of them,"),
        ("def chnge(args): ...\n", r"has no function change\(args\) or add\(settings, made\);"),
        ("def change(): ...\n", r"`change` cannot be called as change\(args\); define it with these arguments\."),
        ("def add(settings): ...\n", r"`add` cannot be called as add\(settings, made\);"),
        ("def add(a, b, c): ...\n", r"`add` cannot be called as add\(settings, made\);"),
        ("change = 3\n", r"`change` cannot be called as change\(args\);"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        written(tmp_path, text)
    assert str(caught.value).startswith("extensions.py")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"x = '\xff'\n")
    with pytest.raises(UserError, match=r"cannot be loaded: SyntaxError: .*; correct it"):
        load(tmp_path)


def test_add_that_raises_is_named_with_its_line(tmp_path: Path) -> None:
    extensions = written(tmp_path, "def add(settings, made):\n    settings.nothing\n")

    def fails() -> None:
        with pytest.raises(UserError, match=r"`add` failed with AttributeError: .*'nothing' \(line 2\); correct it"):
            program(inputs(extensions=extensions))

    record(fails)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            "args.props['nothing']",
            r"called for aws:ec2/vpc:Vpc kubeflow-dev-vpc, failed with KeyError: 'nothing' \(line 3",
        ),
        ("args.props", r"called for aws:ec2/vpc:Vpc kubeflow-dev-vpc, returned dict; return a pulumi\."),
    ],
)
def test_change_that_fails_stops_the_run_and_names_the_resource(tmp_path: Path, body: str, sentence: str) -> None:
    extensions = written(tmp_path, f"def change(args):\n    if args.name.endswith('-vpc'):\n        return {body}\n")
    with pytest.raises(UserError, match=sentence):
        extended(extensions)
    # The engine's own report of it has a traceback; commands show this in its place.
    assert str(extensions.failure).startswith("extensions.py: `change`")
