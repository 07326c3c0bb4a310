"""A release whose database cannot open what the newer one has left is refused, and no other."""

import pytest

from ops.existing import place
from ops.oneway import check
from ordering.errors import UserError
from ordering.graph import id_of
from ordering.manifests.objects import Manifest


def deployment(name: str, image: str, namespace: str = "kubeflow") -> Manifest:
    spec = {"containers": [{"name": "sidecar", "image": "proxy:1.0"}, {"name": "main", "image": image}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }


class Live:
    """A cluster that has these claims."""

    def __init__(self, *claims: str) -> None:
        self.claims = claims

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        return {} if (kind, namespace) == ("PersistentVolumeClaim", "kubeflow") and name in self.claims else None


def checked(before: Manifest, after: Manifest, *claims: str) -> None:
    sent, coming = ({place(id_of(one)): one} for one in (before, after))
    check(sent, coming, Live(*claims))


def test_a_database_that_cannot_open_its_data_is_named_with_the_reason_and_the_way_out() -> None:
    with pytest.raises(UserError) as refused:
        checked(deployment("mysql", "mysql:8.4"), deployment("mysql", "gcr.io/x/mysql:8.0.26"), "mysql-pv-claim")
    assert str(refused.value).startswith(
        "The data of Pipelines in the claim kubeflow/mysql-pv-claim was opened by 8.4, and the release brings 8.0, "
        "which cannot open it: MySQL upgrades its data when it starts"
    )
    assert "Nothing was changed" in str(refused.value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("mysql:8.0.26", "mysql:8.4"),
        ("mysql:8.0", "mysql:8.0.29"),
        ("mysql:8.4.2", "mysql:8.4.1"),
        ("mysql:8.4", "mysql@sha256:0123"),
        ("mysql:latest", "mysql:8.0"),
        ("mysql:10.0", "mariadb:8.0"),
    ],
)
def test_what_opens_or_tells_no_version_goes(before: str, after: str) -> None:
    checked(deployment("mysql", before), deployment("mysql", after), "mysql-pv-claim")


def test_versions_are_numbers() -> None:
    with pytest.raises(UserError, match=r"opened by 8\.10, and the release brings 8\.9"):
        checked(deployment("katib-mysql", "mysql:8.10"), deployment("katib-mysql", "mysql:8.9"), "katib-mysql")


def test_without_its_claim_a_database_has_nothing_to_open() -> None:
    checked(deployment("mysql", "mysql:8.4"), deployment("mysql", "mysql:8.0"))


def test_somebody_elses_database_and_one_that_goes_are_not_looked_at() -> None:
    checked(deployment("mysql", "mysql:8.4", "other"), deployment("mysql", "mysql:8.0", "other"), "mysql-pv-claim")
    checked(deployment("mysql", "mysql:8.4"), deployment("web", "mysql:8.0"), "mysql-pv-claim")
