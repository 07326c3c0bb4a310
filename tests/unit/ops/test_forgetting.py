"""Forgetting what was in a cluster: on whose word, why it does not answer, and what the state is then."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops import forgetting
from ops.cluster import Access
from ops.forgetting import check, forgotten, unreachable
from ordering.errors import UserError

URN = "urn:pulumi:prod::kubeflow::"
PARENT, OBJECT, CHILD = f"{URN}kubeflow:infra:Kubeflow::k", f"{URN}k$kubernetes:a:A::a", f"{URN}aws:x:X::own"


def kubeconfig(server: str) -> str:
    cluster = {"name": "c", "cluster": {"server": server, "insecure-skip-tls-verify": True}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    users = [{"name": "u", "user": {"token": "t"}}]
    content = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context], "users": users}
    return json.dumps({**content, "current-context": "c"})


def test_the_state_keeps_what_is_not_in_the_cluster_and_names_nothing_that_is_gone() -> None:
    state: dict[str, list[Any]] = {
        "resources": [
            {"urn": PARENT, "type": "kubeflow:infra:Kubeflow"},
            {"urn": OBJECT, "type": "kubernetes:core/v1:ConfigMap", "parent": PARENT},
            {
                "urn": CHILD,
                "type": "aws:x:X",
                "parent": OBJECT,
                "deletedWith": OBJECT,
                "dependencies": [OBJECT, PARENT],
                "propertyDependencies": {"a": [OBJECT], "b": [PARENT], "c": None},
            },
        ],
        "pending_operations": [
            {"type": "creating", "resource": {"urn": "n", "type": "kubernetes:core/v1:Secret"}},
            {"type": "creating", "resource": {"urn": "v", "type": "aws:ec2/vpc:Vpc"}},
        ],
    }
    left, count = forgotten(state)
    assert count == 1
    assert left["resources"] == [
        {"urn": PARENT, "type": "kubeflow:infra:Kubeflow"},
        {
            "urn": CHILD,
            "type": "aws:x:X",
            "parent": PARENT,
            "dependencies": [PARENT],
            "propertyDependencies": {"a": [], "b": [PARENT], "c": []},
        },
    ]
    assert [one["resource"]["urn"] for one in left["pending_operations"]] == ["v"]
    assert len(state["resources"]) == 3, "the given one is left as it is"


def test_nothing_listens_where_the_cluster_was() -> None:
    reason = unreachable(Access(kubeconfig("https://127.0.0.1:9"), None))
    assert reason is not None
    assert reason.startswith("The cluster of context 'c' at https://127.0.0.1:9 cannot be reached (")
    assert reason.endswith(")")


def test_a_cluster_that_refuses_the_credentials_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.preflight.check_cluster", lambda *_: "v1.35.4")

    def refuse(_: Access) -> Any:
        raise OSError("(401)\nReason: Unauthorized")

    monkeypatch.setattr(forgetting, "connected", refuse)
    assert unreachable(Access("x", None)) == "The cluster does not answer ((401) Reason: Unauthorized)"


class Eks:
    def __init__(self, answer: str) -> None:
        self.answer = answer

    def describe_cluster(self, *, name: str) -> Any:
        if self.answer.endswith("Exception"):
            raise ClientError({"Error": {"Code": self.answer}}, "DescribeCluster")
        return {"cluster": {"status": self.answer}}


@pytest.mark.parametrize(
    ("answer", "cluster", "forget", "word"),
    [
        ("ResourceNotFoundException", "c", False, "EKS has no cluster c"),
        ("ACTIVE", "c", True, "You say that it is gone"),
        ("AccessDeniedException", "c", True, "You say that it is gone"),
        ("ACTIVE", None, True, "You say that it is gone"),
    ],
)
def test_on_whose_word(answer: str, cluster: str | None, forget: bool, word: str) -> None:
    assert check("prod", "Why", cluster=cluster, client=lambda _: Eks(answer), forget=forget) == word


@pytest.mark.parametrize(
    ("answer", "cluster", "words"),
    [
        ("ACTIVE", "c", "Why, and EKS has it (active): nothing was destroyed; "),
        ("AccessDeniedException", "c", "Why, and EKS does not say whether it is gone ("),
        (
            "ACTIVE",
            None,
            "Why: nothing was destroyed; go where it can be reached, or, if it is gone for good, add FORGET=p",
        ),
    ],
)
def test_on_nobodys_word_nothing_is_forgotten(answer: str, cluster: str | None, words: str) -> None:
    with pytest.raises(UserError) as refused:
        check("prod", "Why", cluster=cluster, client=lambda _: Eks(answer), forget=False)
    assert str(refused.value).startswith(words)
