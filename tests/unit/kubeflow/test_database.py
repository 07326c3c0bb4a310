"""With the component and the stack's values nothing of the release's databases is left, in each release."""

from pathlib import Path

import pytest

from infra.kubeflow.credentials import GENERATED, Credentials, assert_none_left, replace
from infra.kubeflow.database import COMPONENT, ManagedDatabase, use_database
from ordering.errors import UserError
from ordering.graph import build, id_of
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render

ROOT = Path(__file__).parents[3]
RELEASES = ROOT.parent / "shared" / "kubeflow"
CREDENTIALS = Credentials(email="a@example.com", password_hash="h", **{one.name: one.name for one in GENERATED})
DATABASE = ManagedDatabase(host="db.example", admin_password="A1", cache_password="C1", metadata_password="M1")
NAMING = ("mysql", "pipeline-install-config")
USERS = ("ml-pipeline", "cache-server", "metadata-grpc-deployment", "katib-db-manager")


def concerned(release: str, at: Path) -> Path:
    """A base of the objects of a release that name a database: all of them would take kustomize half a minute."""
    path = RELEASES / release / "resources.yaml"
    if not path.is_file():
        pytest.fail(f"{path} is not there")
    at.mkdir()
    parts = path.read_text(encoding="utf-8").split("\n---\n")
    chosen = [
        one for one in parts if "  namespace: kubeflow" in one.splitlines() and any(word in one for word in NAMING)
    ]
    (at / "all.yaml").write_text("\n---\n".join(chosen), encoding="utf-8")
    (at / "kustomization.yaml").write_text("resources: [all.yaml]\n", encoding="utf-8")
    return at


def filled(release: str, at: Path, database: ManagedDatabase = DATABASE) -> dict[tuple[str, str], Manifest]:
    objects = replace(render(concerned(release, at), components=[ROOT / COMPONENT]), CREDENTIALS)
    assert_none_left(objects)
    found = use_database(objects, database, CREDENTIALS, digest=str)
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


@pytest.mark.parametrize("release", ["26.03", "1.10.2", "pipelines-2.16.0"])
def test_no_database_of_the_release_is_left_and_all_wait_for_their_users(release: str, tmp_path: Path) -> None:
    objects = filled(release, tmp_path / release)
    gone = {"mysql", "katib-mysql", "mysql-pv-claim", "ml-pipeline-mysql"}
    assert {name for kind, name in objects if name in gone} == set()
    graph = build(list(objects.values()))
    users = [id_ for id_ in map(id_of, objects.values()) if id_.kind == "Deployment" and id_.name in USERS]
    assert len(users) == (3 if release.startswith("pipelines") else 4)
    for id_ in users:
        assert "database-users" in {need.name for need in graph.needs_of(id_)}
    assert objects["ConfigMap", "pipeline-install-config"]["data"]["dbHost"] == "db.example"


def test_each_user_has_a_password_of_its_own_and_no_program_another_ones(tmp_path: Path) -> None:
    objects = filled("26.03", tmp_path / "26.03")
    held = {name: one["stringData"] for (kind, name), one in objects.items() if kind == "Secret" and "database" in name}
    assert held["database-admin"] == {"username": "kubeflow", "password": "A1", "host": "db.example"}
    assert held["database-cache"] == {"username": "cache", "password": "C1"}
    assert 'password: "M1"' in held["database-metadata-config"]["config"]
    assert objects["Secret", "mysql-secret"]["stringData"] == {"username": "pipelines", "password": "mysql_password"}
    for name in ("cache-server", "metadata-grpc-deployment"):
        assert "mysql-secret" not in str(objects["Deployment", name])


def test_a_changed_password_runs_the_job_again(tmp_path: Path) -> None:
    changed = ManagedDatabase(host="db.example", admin_password="A1", cache_password="C2", metadata_password="M1")
    one, two = (
        filled("pipelines-2.16.0", tmp_path / name, each)["Job", "database-users"]
        for name, each in (("before", DATABASE), ("after", changed))
    )
    assert one["spec"]["template"]["metadata"] != two["spec"]["template"]["metadata"]


def test_without_pipelines_a_sentence_says_so() -> None:
    with pytest.raises(UserError, match="database is rds, and the manifests hold no ConfigMap"):
        use_database([], DATABASE, CREDENTIALS, digest=str)
